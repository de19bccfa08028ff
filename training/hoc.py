"""What the cluster task adds to adversarial training: how it is built, its panel, its figures and its samples."""

import numpy as np
import tensorflow as tf

import visualization
from data import hoc
from data import images as image_ranges
from errors import UserError
from evaluation import instances
from models import instance_generator, layout, providers, recognition, scene_generator
from models.discriminator import TABLE_2_WIDTHS, Discriminator
from training import adversarial, optimizers

NUM_SHOWN_LAYERS = 4  # of a panel, the topmost ones, as in Figures 9 and 10
TRAVERSAL = np.linspace(-1.0, 1.0, 9)  # values of a latent in a traversal's columns
BATCH_SIZE = 64  # instances generated at a time, to be looked at


def check_padding(padding, *, area):
    """Refuses a padding that can push a whole instance out of its window.

    Args:
      padding: pixels on each side.
      area: area constant; an instance is taken as a centred disk of that area.

    Raises:
      UserError: a disk of that area, moved by `padding` along both axes, leaves the window over a corner; the largest
        padding is named.
    """
    # The disk's last pixel along the diagonal is then in the window's corner, half a pixel from its edges.
    largest = int((hoc.WINDOW - 1) / 2 + hoc.WINDOW * np.sqrt(area / np.pi) / np.sqrt(2.0))
    if padding > largest:
        raise UserError(f"--padding={padding} can push a whole instance out of its {hoc.WINDOW}-pixel window; "
                        f"instances that cover {area:g} of it can be moved by at most {largest} (the paper: 26 to 32).")


def uncovered_fraction(*, num_layers, area, padding):
    """Estimates how much of a window's middle, where the background has its hole, no instance covers.

    An instance's centre is uniform on a square of 2 * padding + 1 pixels, so an instance of `area` covers a pixel in
    the middle with probability `area * 64 * 64 / (2 * padding + 1)^2`. What stays uncovered shows the background's
    black, which real windows do not have: more than a few per cent let the discriminator win whatever instances look
    like.

    Args:
      num_layers: N.
      area: area constant, share of the window.
      padding: pixels.

    Returns:
      Share in [0, 1]. For Table 4's rows: 0.39 (crowd), 0.06 (fruit) and 0.004 (seed).
    """
    covered = min(1.0, area * hoc.WINDOW**2 / (2 * padding + 1) ** 2)
    return (1.0 - covered) ** num_layers


def build_generator(*, latent_dim, **options):
    """Makes an instance generator with its variables; options as for `InstanceGenerator`."""
    network = instance_generator.InstanceGenerator(**options)
    network(tf.zeros([1, latent_dim]))
    return network


def build_training(*, network, latent_dim, padding, discriminator_options, recognition_kind, optimization,
                   averaged_network=None, **options):
    """Wires the cluster task: instances from latents, placed at random, on windows with a hole.

    Args:
      network: built instance generator.
      latent_dim: Z.
      padding: pixels by which instances are moved at most.
      discriminator_options: dict of options of `Discriminator`, without its widths, which are Table 2's.
      recognition_kind: 'shared', 'separate' or 'none' (S8).
      optimization: dict of `optimizers.make_pair`'s options.
      averaged_network: built generator of the same kind that becomes the moving average, or None.
      **options: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator = Discriminator(widths=TABLE_2_WIDTHS, **discriminator_options)
    discriminator(tf.zeros([1, hoc.WINDOW, hoc.WINDOW, 3]))
    recognizer = recognition.make_recognition(recognition_kind, discriminator=discriminator, latent_dim=latent_dim)
    scenes, averaged = (one and scene_generator.SceneGenerator(
        foreground_provider=providers.LatentInstanceProvider(one),
        background_provider=providers.PatchInstanceProvider(), layout=layout.TranslationLayout(padding=padding))
                        for one in (network, averaged_network))
    trained = [*scenes.trainable_variables, *(recognizer.trainable_variables if recognizer else ())]
    generator_optimizer, discriminator_optimizer = optimizers.make_pair(
        trained, discriminator.trainable_variables, **optimization)
    return adversarial.AdversarialTraining(
        scene_generator=scenes, discriminator=discriminator, generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer, recognition=recognizer, averaged=averaged,
        **options)


class HocInspection:
    """Panel, figures and samples of an instance generator, from latents that stay the same throughout a run."""

    def __init__(self, training, *, latent_dim, batch, num_evaluated, seed, shapes=None):
        """Takes what is looked at.

        Args:
          training: `AdversarialTraining` of the cluster task.
          latent_dim: Z.
          batch: one batch of `data.hoc.hoc_batches`, for the panel; one scene per column.
          num_evaluated: instances that are generated for the figures.
          seed: seed of their latents.
          shapes: bool [m, T, T], the true instances' shapes, where they are known.
        """
        scenes = training.shown_scenes
        self._network = tf.function(lambda latents: scenes.foreground_provider.network(latents, training=False))
        self._compose = tf.function(lambda latents, backgrounds: scenes(latents, backgrounds, seed=[seed, 0],
                                                                        training=False))
        self._recognize = tf.function(training.recognition) if training.recognition else None
        self._batch, self._shapes, self._latent_dim = batch, shapes, latent_dim
        self._latents = np.random.default_rng(seed).uniform(-1.0, 1.0, (num_evaluated, latent_dim)).astype(np.float32)

    def draw_panel(self):
        """Draws Figures 8 to 11: real windows, carved instances of the last layers, composites, appearance, mask."""
        backgrounds = image_ranges.to_unit_range(self._batch["background_inputs"])
        scene = self._compose(self._batch["foreground_inputs"], backgrounds)
        shown = slice(-NUM_SHOWN_LAYERS, None)
        return visualization.hoc_panel(
            reals=self._batch["reals"].numpy(), layer_images=scene.warped.image[shown].numpy(),
            layer_masks=scene.warped.mask[shown].numpy(), num_layers=len(scene.warped.image),
            composites=scene.image.numpy(), appearances=scene.foregrounds.image[-1].numpy(),
            masks=scene.foregrounds.mask[-1].numpy())

    def evaluate(self):
        """Measures `evaluation.instances`' figures on sampled instances. Returns a dict of floats for TensorBoard."""
        appearances, masks = self.generate(self._latents)
        figures = instances.instance_figures(appearances, masks)
        if self._recognize:
            r_squared = instances.r_squared(self._latents, self._in_batches(self._recognize, appearances * masks))
            figures["latent_r2"] = float(r_squared.mean())
            figures.update({f"latent_r2_{index}": float(value) for index, value in enumerate(r_squared, start=1)})
        if self._shapes is not None:
            figures["best_shape_iou"] = float(
                instances.best_shape_ious(masks[..., 0] >= 0.5, self._shapes).mean())
            figures["best_shape_iou_of_disk"] = instances.disk_shape_iou(self._shapes)
        return {f"evaluation/{name}": value for name, value in figures.items()}

    def generate(self, latents):
        """Makes instances in inference. Returns appearances [n, 64, 64, 3] and masks [n, 64, 64, 1] in [0, 1]."""
        rgba = self._in_batches(self._network, np.asarray(latents, np.float32))
        return rgba[..., :3], rgba[..., 3:]

    def sample_pictures(self, num_samples):
        """Samples instances and shows what each latent does.

        Args:
          num_samples: instances, at most as many as are evaluated.

        Returns:
          dict from file names to uint8 pictures: `instance_NNNN.png` (RGBA), `sheet.png` (all of them on a
          checkerboard) and `traversal.png` (a row per latent, from -1 to 1, the others at 0).
        """
        appearances, masks = self.generate(self._latents[:num_samples])
        rgba = np.round(255.0 * np.concatenate([appearances, masks], axis=-1)).astype(np.uint8)
        pictures = {f"instance_{index:04d}.png": picture for index, picture in enumerate(rgba)}
        pictures["sheet.png"] = visualization.instance_sheet(appearances, masks)
        latents = np.zeros((self._latent_dim, len(TRAVERSAL), self._latent_dim), np.float32)
        for index in range(self._latent_dim):
            latents[index, :, index] = TRAVERSAL
        appearances, masks = self.generate(latents.reshape(-1, self._latent_dim))
        shape = (*latents.shape[:2], *appearances.shape[1:3])
        pictures["traversal.png"] = visualization.traversal_panel(appearances.reshape(*shape, 3),
                                                                  masks.reshape(*shape, 1))
        return pictures

    @staticmethod
    def _in_batches(function, inputs):
        """Applies a function of [B, ...] in batches of one size, the last filled up. Returns its outputs [n, ...]."""
        outputs = []
        for start in range(0, len(inputs), BATCH_SIZE):
            part = inputs[start:start + BATCH_SIZE]
            padded = np.concatenate([part, np.repeat(part[-1:], BATCH_SIZE - len(part), axis=0)])
            outputs.append(function(tf.constant(padded)).numpy()[:len(part)])
        return np.concatenate(outputs)
