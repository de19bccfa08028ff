"""A foreground training of small networks, and batches of noise for it."""

import numpy as np
import tensorflow as tf

from models.discriminator import Discriminator
from models.unet import build_unet
from training import foreground

OPTIMIZATION = {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 2e-4, "num_steps": 1000}
OBJECTIVE = {"area_constant": 0.3, "area_weight": 10.0, "area_penalty": "per_mask", "area_start": 0.92, "area_ramp_steps": 0,
             "binarization_weight": 0.0, "binarization_ramp_steps": 0, "outline_weight": 0.0}


def made_training(*, size=64, seed=0, width=1 / 16, mixed_precision="none", widths=(8, 16, 16, 32, 16), **options):
    tf.keras.utils.set_random_seed(seed)
    settings = {"seed": seed, **options}

    def taken(defaults):
        return {**defaults, **{name: settings.pop(name) for name in list(settings) if name in defaults}}

    optimization = {**taken(OPTIMIZATION), "mixed_precision": mixed_precision}
    objective = taken(OBJECTIVE)
    network = build_unet(width=width, size=size, initial_mask=objective["area_start"] if objective["area_ramp_steps"] else 0.5)
    training = foreground.build_training(
        network=network, discriminator=Discriminator(widths=widths, score_activation="linear"), size=size,
        objective=objective, optimization=optimization, **settings)
    return network, training


def random_batch(*, batch_size=4, size=64, step=0):
    pictures = np.random.default_rng(step).integers(0, 256, [3, batch_size, size, size, 3], np.uint8)
    return {"foreground_inputs": tf.constant(pictures[:1]), "background_inputs": tf.constant(pictures[1]),
            "reals": tf.constant(pictures[2]), "step": tf.constant(step, tf.int64)}


def state(module):
    return [variable.numpy().copy() for variable in module.variables]


def changed(before, after):
    return [not np.array_equal(old, new) for old, new in zip(before, after)]
