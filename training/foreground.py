"""What the foreground task adds to adversarial training: how it is built, and its batches."""

from typing import Any, Callable, Mapping, Optional

import numpy as np
import tensorflow as tf

import config
from data import batches
from data.photographs import TrainingData
from extensions import augmentation, ema
from models import layout, providers, scene_generator
from models.discriminator import Discriminator, discriminator_options
from models.unet import build_unet
from storage.weights import start_from
from training import adversarial, objectives, optimizers


def build(options: config.Foreground, *, crops: np.ndarray,
          is_new: bool) -> tuple[tf.keras.Model, adversarial.AdversarialTraining]:
    """Builds the networks and their training.

    Args:
      options: the script's configuration, its area constant resolved.
      crops: uint8 [n, S, S, 3], which are trained on.
      is_new: whether no checkpoint will be restored, so that `--initial_weights` count.

    Returns:
      (network to show and to measure, `AdversarialTraining`).

    Raises:
      UserError: initial weights do not fit.
    """
    generator = options.generator
    network, averaged = (build_unet(
        size=options.data.image_size, width=generator.generator_width, batch_norm_momentum=generator.batch_norm_momentum,
        kernel_initializer=generator.generator_initializer,
        initial_mask=objectives.initial_mask(generator, options.objective)) if wanted else None
                         for wanted in (True, generator.generator_average))
    if generator.initial_weights and is_new:
        start_from(generator.initial_weights, (network, averaged), network="unet")
    training = build_training(
        network=network, averaged_network=averaged, generator_average=generator.generator_average,
        discriminator=Discriminator(**discriminator_options(**vars(options.discriminator), pictures=crops)),
        size=options.data.image_size, objective=vars(options.objective), optimization=vars(options.players),
        observe=augmentation.observer(options.discriminator.augmentation), seed=options.run.seed,
        num_discriminator_updates=options.players.num_discriminator_updates, jit_compile=options.run.jit_compile)
    return averaged or network, training


def build_training(*, network: tf.keras.Model, discriminator: tf.keras.Model, size: int, objective: Mapping[str, Any],
                   optimization: Mapping[str, Any], averaged_network: Optional[tf.keras.Model] = None,
                   generator_average: float = 0.0, **updates: Any) -> adversarial.AdversarialTraining:
    """Wires the foreground task: a carved instance on a natural patch, no layout ('Layout Prior').

    Args:
      network: built segmentation network.
      discriminator: discriminator; it is built here for images of `size` pixels.
      size: side of the images in pixels.
      objective: of `objectives.make_mask_terms`.
      optimization: of `optimizers.make_pair`.
      averaged_network: built network of the same kind that becomes the moving average, or None (S17).
      generator_average: its decay per step.
      **updates: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator(tf.zeros([1, size, size, 3]))
    scenes = scene_generator.SceneGenerator(
        foreground_provider=providers.CarvedInstanceProvider(network),
        background_provider=providers.PatchInstanceProvider(), layout=layout.IdentityLayout())
    pair = optimizers.make_pair(scenes.trainable_variables, discriminator.trainable_variables, **optimization)
    average = ema.MovingAverage(network, averaged_network, decay=generator_average) if averaged_network else None
    return adversarial.AdversarialTraining(scenes=scenes, discriminator=discriminator, optimizers=pair,
                                           terms=objectives.make_mask_terms(**objective), after_step=average, **updates)


def batch_maker(options: config.Foreground, data: TrainingData, **shards: int) -> Callable[[int], tf.data.Dataset]:
    """Returns a callable of the number of steps done, which makes the dataset of the batches that are left.

    Args:
      options: the script's configuration.
      data: what is trained on.
      **shards: of `data.batches.foreground_batches`.
    """
    def make(start_step: int) -> tf.data.Dataset:
        return batches.foreground_batches(
            crops=data.crops, background_pool=data.pool, seed=options.run.seed, start_step=start_step,
            batch_size=options.run.batch_size * options.players.num_discriminator_updates,
            num_steps=options.run.num_steps, flip=options.run.flip, **shards).map(to_training_batch)

    return make


@tf.autograph.experimental.do_not_convert
def to_training_batch(batch: dict) -> dict:
    """Renames a foreground batch's streams to those of `AdversarialTraining`; photographs become its one layer."""
    same = {name: batch[name] for name in ("reals", "step")}
    return {"foreground_inputs": batch["photographs"][tf.newaxis], "background_inputs": batch["backgrounds"], **same}
