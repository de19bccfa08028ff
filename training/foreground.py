"""What the foreground task adds to adversarial training: how it is built."""

from typing import Any, Mapping, Optional

import tensorflow as tf

from extensions import ema
from models import layout, providers, scene_generator
from training import adversarial, objectives, optimizers


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


@tf.autograph.experimental.do_not_convert
def to_training_batch(batch: dict) -> dict:
    """Renames a foreground batch's streams to those of `AdversarialTraining`; photographs become its one layer."""
    same = {name: batch[name] for name in ("reals", "step")}
    return {"foreground_inputs": batch["photographs"][tf.newaxis], "background_inputs": batch["backgrounds"], **same}
