"""What the foreground task adds to adversarial training: how it is built."""

import tensorflow as tf

from models import layout, providers, scene_generator
from training import adversarial, optimizers


def build_training(*, network, discriminator, size, optimization, averaged_network=None, **options):
    """Wires the foreground task: a carved instance on a natural patch, no layout ('Layout Prior').

    Args:
      network: built segmentation network.
      discriminator: discriminator; it is built here for images of `size` pixels.
      size: side of the images in pixels.
      optimization: dict of `optimizers.make_pair`'s options.
      averaged_network: built network of the same kind that becomes the moving average, or None.
      **options: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator(tf.zeros([1, size, size, 3]))
    scenes, averaged = (one and scene_generator.SceneGenerator(
        foreground_provider=providers.CarvedInstanceProvider(one),
        background_provider=providers.PatchInstanceProvider(), layout=layout.IdentityLayout())
                        for one in (network, averaged_network))
    generator_optimizer, discriminator_optimizer = optimizers.make_pair(
        scenes.trainable_variables, discriminator.trainable_variables, **optimization)
    return adversarial.AdversarialTraining(
        scene_generator=scenes, discriminator=discriminator, generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer, averaged=averaged, **options)


def to_training_batch(batch):
    """Renames a foreground batch's streams to those of `AdversarialTraining`; photographs become its one layer."""
    same = {name: batch[name] for name in ("reals", "step")}
    return {"foreground_inputs": batch["photographs"][tf.newaxis], "background_inputs": batch["backgrounds"], **same}
