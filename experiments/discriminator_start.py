"""How fast the discriminator starts to see bad composites, by its silent settings (S3).

Trains the discriminator alone, generator fixed at the collapsed state that every run must leave: each photograph is
blended over an unrelated background with a uniform mask of 0.25 (a ghost). Prints, for each setting, its loss (Eq. 6)
and accuracies on a fixed set of such composites and real photographs that it is not trained on, before and after.

    python experiments/discriminator_start.py --data_dir=CUB_200_2011 --backgrounds=landscapes
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import losses  # noqa: E402
from data import backgrounds, batches, birds, images  # noqa: E402
from models.discriminator import Discriminator  # noqa: E402

# name: (initialiser, input range, score activation, spectral norm, its scale, learning rate)
SETTINGS = {
    "as printed: glorot, inputs [0, 1], lReLU score": ("glorot_uniform", "unit", "lrelu", "sngan", 1.0, 2e-4),
    "inputs [-1, 1]": ("glorot_uniform", "symmetric", "lrelu", "sngan", 1.0, 2e-4),
    "orthogonal": ("orthogonal", "symmetric", "lrelu", "sngan", 1.0, 2e-4),
    "linear score": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 2e-4),
    "rate 5e-4": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 5e-4),
    "rate 1e-3": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 1e-3),
    "scale 1.5": ("orthogonal", "symmetric", "linear", "sngan", 1.5, 2e-4),
    "scale 1.5, rate 5e-4": ("orthogonal", "symmetric", "linear", "sngan", 1.5, 5e-4),
    "tensorflow-addons' normalization": ("orthogonal", "symmetric", "linear", "tfa", 1.0, 2e-4),
    "no normalization, He": ("he_normal", "symmetric", "linear", "none", 1.0, 2e-4),
}
GHOST_MASK = 0.25


def ghosts_of(batch):
    """Returns (reals, ghosts), float32 [B, H, W, 3] in [0, 1], of a foreground batch."""
    photographs, patches, reals = (images.to_unit_range(batch[name])
                                   for name in ("photographs", "backgrounds", "reals"))
    return reals, GHOST_MASK * photographs + (1.0 - GHOST_MASK) * patches


def measure(discriminator, held_out):
    """Returns the loss of Eq. (6) and the accuracies on held-out (reals, ghosts), as floats."""
    real_logits, fake_logits = (tf.concat([discriminator(part, training=False) for part in tf.split(side, 8)], axis=0)
                                for side in held_out)
    loss = losses.discriminator_real_loss(real_logits) + losses.discriminator_fake_loss(fake_logits)
    correct = [np.mean(np.mean(logits, axis=(1, 2, 3)) * sign > 0)
               for logits, sign in ((real_logits, 1), (fake_logits, -1))]
    return {"loss": float(loss), "accuracy_real": float(correct[0]), "accuracy_fake": float(correct[1])}


def train_setting(setting, *, dataset, held_out, seed):
    """Trains one discriminator on a dataset of batches; returns its figures before and after."""
    initialiser, input_range, activation, normalization, scale, rate = setting
    tf.keras.utils.set_random_seed(seed)
    network = Discriminator(kernel_initializer=initialiser, input_range=input_range, score_activation=activation,
                            spectral_norm=normalization, spectral_norm_scale=scale)
    network(tf.zeros([1, 128, 128, 3]))
    optimizer = tf.keras.optimizers.legacy.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    @tf.function
    def update(reals, ghosts):
        with tf.GradientTape() as tape:
            real_logits, fake_logits = tf.split(network(tf.concat([reals, ghosts], axis=0), training=True), 2)
            loss = losses.discriminator_real_loss(real_logits) + losses.discriminator_fake_loss(fake_logits)
        optimizer.apply_gradients(zip(tape.gradient(loss, network.trainable_variables), network.trainable_variables))

    before, start = measure(network, held_out), time.time()
    for batch in dataset:
        update(*ghosts_of(batch))
    return {"before": before, "after": measure(network, held_out), "seconds": time.time() - start}


def main(argv):
    """Runs the settings one after another."""
    del argv
    options = flags.FLAGS
    photographs = birds.list_photographs(options.data_dir)
    crops = images.load_crops(photographs, size=128, crop_mode="box")
    pool = backgrounds.load_folder(options.backgrounds, patch_size=128)
    stream = {"background_pool": pool, "batch_size": options.batch_size}
    num_held_out = 160
    held_out_batch = next(iter(batches.foreground_batches(
        crops=crops[:num_held_out], seed=options.seed + 1, num_steps=1, background_pool=pool, batch_size=num_held_out)))
    held_out = ghosts_of(held_out_batch)
    results = {}
    for name, setting in SETTINGS.items():
        if options.only and options.only not in name:
            continue
        dataset = batches.foreground_batches(crops=crops[num_held_out:], seed=options.seed, num_steps=options.num_steps,
                                             **stream)
        results[name] = train_setting(setting, dataset=dataset, held_out=held_out, seed=options.seed)
        before, after = results[name]["before"], results[name]["after"]
        print(f"{name:50s} loss {before['loss']:.3f} -> {after['loss']:.3f}   accuracy real "
              f"{after['accuracy_real']:.2f} fake {after['accuracy_fake']:.2f}   {results[name]['seconds']:.0f} s",
              flush=True)
        if options.out:
            with open(options.out, "w", encoding="utf-8") as file:
                json.dump(results, file, indent=2)


if __name__ == "__main__":
    absl_flags.DEFINE_string("data_dir", None, "Birds in CUB-200-2011's layout.", required=True)
    absl_flags.DEFINE_string("backgrounds", None, "Folder of background photographs.", required=True)
    absl_flags.DEFINE_integer("batch_size", 16, "Real photographs, and ghosts, per update.", lower_bound=1)
    absl_flags.DEFINE_integer("num_steps", 200, "Updates of the discriminator.", lower_bound=1)
    absl_flags.DEFINE_integer("seed", 0, "Seed of networks and batches.")
    absl_flags.DEFINE_string("only", None, "Runs just the settings whose name contains this.")
    absl_flags.DEFINE_string("out", None, "JSON file for the figures.")
    flags.run(main)
