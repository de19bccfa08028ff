"""What the foreground task adds to adversarial training: how it is built, and its panel and evaluation."""

import numpy as np
import tensorflow as tf

import visualization
from data import images as image_ranges
from evaluation import evaluator
from models import layout, providers, scene_generator, unet
from models.composition import Instance, composite, stack_layers
from training import adversarial, optimizers

FIGURES = ("foreground_iou", "background_iou", "mean_iou", "pixel_accuracy", "f_beta")


def build_unet(*, width=1.0, size=128, **options):
    """Makes a UNet with its variables, for crops of `size` pixels; options as for `models.unet.UNet`."""
    network = unet.UNet(width=width, **options)
    network(tf.zeros([1, size, size, 3]))
    return network


def build_training(*, network, discriminator, size, optimization, **options):
    """Wires the foreground task: a carved instance on a natural patch, no layout ('Layout Prior').

    Args:
      network: built segmentation network.
      discriminator: discriminator; it is built here for images of `size` pixels.
      size: side of the images in pixels.
      optimization: dict of `optimizers.make_pair`'s options.
      **options: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator(tf.zeros([1, size, size, 3]))
    scenes = scene_generator.SceneGenerator(
        foreground_provider=providers.CarvedInstanceProvider(network),
        background_provider=providers.PatchInstanceProvider(), layout=layout.IdentityLayout())
    generator_optimizer, discriminator_optimizer = optimizers.make_pair(
        scenes.trainable_variables, discriminator.trainable_variables, **optimization)
    return adversarial.AdversarialTraining(
        scene_generator=scenes, discriminator=discriminator, generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer, **options)


def to_training_batch(batch):
    """Renames a foreground batch's streams to those of `AdversarialTraining`; photographs become its one layer."""
    return {"foreground_inputs": batch["photographs"][tf.newaxis], "background_inputs": batch["backgrounds"],
            "reals": batch["reals"], "step": batch["step"]}


class ForegroundInspection:
    """Panel and evaluation of a segmentation network on photographs that stay the same throughout a run."""

    def __init__(self, network, *, crops, masks, names, backgrounds):
        """Takes what is looked at.

        Args:
          network: images [B, S, S, 3] in [0, 1] to masks.
          crops: uint8 [n, S, S, 3], for the panel.
          masks: dict from an index into `crops` to its reference mask, uint8 {0, 1} [S, S, 1]; may be empty.
          names: names of the crops.
          backgrounds: uint8 [n, S, S, 3], for the panel's composites.
        """
        self._network = tf.function(lambda images, training=False: network(images, training=training))
        self._crops, self._masks, self._names, self._backgrounds = crops, masks, names, backgrounds

    def draw_panel(self):
        """Draws Figures 6 and 7: input, soft mask, carved on flat colour, composite, reference mask if all have one."""
        crops = self._crops[:len(self._backgrounds)]
        soft = evaluator.predict_masks(self._network, crops)
        photographs, patches = (image_ranges.to_unit_range(pictures) for pictures in (crops, self._backgrounds))
        composites = composite(stack_layers([Instance(patches, tf.ones_like(soft)), Instance(photographs, soft)]))
        labelled = all(index in self._masks for index in range(len(crops)))
        references = np.stack([self._masks[index] for index in range(len(crops))]) if labelled else None
        return visualization.foreground_panel(images=crops, masks=soft, composites=np.asarray(composites),
                                              references=references, max_columns=len(crops))

    def evaluate(self):
        """Measures S5's figures, averaged over the labelled photographs. Returns a dict of floats for TensorBoard."""
        labelled = sorted(self._masks)
        soft = evaluator.predict_masks(self._network, self._crops[labelled])
        report = evaluator.evaluate_masks(soft, np.stack([self._masks[index] for index in labelled]),
                                          names=[self._names[index] for index in labelled])
        return {f"evaluation/{name}": report["per_image"][name] for name in FIGURES}
