"""What the cluster task adds to adversarial training: how it is built."""

import numpy as np
import tensorflow as tf

from data import hoc
from errors import UserError
from extensions import shadow
from models import layout, providers, recognition, scene_generator
from models.discriminator import Discriminator, TABLE_2_WIDTHS
from training import adversarial, optimizers


def check_padding(padding, *, area, max_magnification=1.0):
    """Refuses a padding that can push a whole instance out of its window.

    Args:
      padding: pixels on each side.
      area: area constant; an instance is taken as a centred disk of that area.
      max_magnification: m of `make_layout`; the disk is taken at its smallest, 1 / m as wide.

    Raises:
      UserError: a disk of that area, moved by `padding` along both axes, leaves the window over a corner; the largest
        padding is named.
    """
    # The disk's last pixel along the diagonal is then in the window's corner, half a pixel from its edges.
    area /= max_magnification**2
    largest = int((hoc.WINDOW - 1) / 2 + hoc.WINDOW * np.sqrt(area / np.pi) / np.sqrt(2.0))
    if padding > largest:
        smallest = " where they are smallest" if max_magnification > 1.0 else ""
        raise UserError(f"--padding={padding} can push a whole instance out of its {hoc.WINDOW}-pixel window; "
                        f"instances that cover {area:g} of it{smallest} can be moved by at most {largest} (the paper: "
                        "26 to 32).")


def uncovered_fraction(*, num_layers, area, padding, max_magnification=1.0):
    """Estimates how much of a window's middle, where the background has its hole, no instance covers.

    An instance's centre is uniform on a square of 2 * padding + 1 pixels, so an instance of `area` covers a pixel in
    the middle with probability `area * 64 * 64 / (2 * padding + 1)^2`. What stays uncovered shows the background's
    black, which real windows do not have: more than a few per cent let the discriminator win whatever instances look
    like.

    Args:
      num_layers: N.
      area: area constant, share of the window.
      padding: pixels.
      max_magnification: m of `make_layout`.

    Returns:
      Share in [0, 1]. For Table 4's rows: 0.39 (crowd), 0.06 (fruit) and 0.004 (seed).
    """
    low, high = _scale_range(max_magnification)
    area *= (low**2 + low * high + high**2) / 3.0  # mean square of a magnification uniform on [low, high]
    covered = min(1.0, area * hoc.WINDOW**2 / (2 * padding + 1) ** 2)
    return (1.0 - covered) ** num_layers


def make_layout(*, padding, max_rotation=0.0, max_magnification=1.0):
    """Makes the layout of Eq. (4): the paper's translations, or turned and scaled ones (S27).

    Args:
      padding: pixels by which instances are moved at most, per axis.
      max_rotation: degrees, in [0, 180]; instances are turned by up to as many, to either side.
      max_magnification: m, at least 1; instances are scaled by a factor uniform on [1 / m, m].

    Returns:
      `layout.TranslationLayout` where instances are neither turned nor scaled, else `layout.AffineLayout`, whose
      translations are not of whole pixels.
    """
    if not max_rotation and max_magnification == 1.0:
        return layout.TranslationLayout(padding=padding)
    return layout.AffineLayout(max_translation=padding / hoc.WINDOW, max_rotation=np.radians(max_rotation),
                               scale_range=_scale_range(max_magnification))


def _scale_range(max_magnification):
    """Returns (least, largest) magnification."""
    return 1.0 / max_magnification, max_magnification


def build_training(*, network, latent_dim, placement, discriminator_options, recognition_kind, optimization,
                   averaged_network=None, shadow_strength=0.0, **options):
    """Wires the cluster task: instances from latents, placed at random, on windows with a hole.

    Args:
      network: built instance generator.
      latent_dim: Z.
      placement: layout of the instances, as `make_layout` makes it.
      discriminator_options: dict of options of `Discriminator`, without its widths, which are Table 2's.
      recognition_kind: 'shared', 'separate' or 'none' (S8); without an `information_weight` there is none.
      optimization: dict of `optimizers.make_pair`'s options.
      averaged_network: built generator of the same kind that becomes the moving average, or None.
      shadow_strength: largest opacity of the shadow that each instance casts, in [0, 1]; 0 is none (S26).
      **options: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator = Discriminator(widths=TABLE_2_WIDTHS, **discriminator_options)
    discriminator(tf.zeros([1, hoc.WINDOW, hoc.WINDOW, 3]))
    recognizer = recognition.make_recognition(recognition_kind if options.get("information_weight") else "none",
                                              discriminator=discriminator, latent_dim=latent_dim)
    scenes, averaged = (one and scene_generator.SceneGenerator(
        foreground_provider=providers.LatentInstanceProvider(one),
        background_provider=providers.PatchInstanceProvider(), layout=placement,
        shadow=shadow.ContactShadow(strength=shadow_strength) if shadow_strength else None)
                        for one in (network, averaged_network))
    trained = [*scenes.trainable_variables, *(recognizer.trainable_variables if recognizer else ())]
    generator_optimizer, discriminator_optimizer = optimizers.make_pair(
        trained, discriminator.trainable_variables, **optimization)
    return adversarial.AdversarialTraining(
        scene_generator=scenes, discriminator=discriminator, generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer, recognition=recognizer, averaged=averaged,
        **options)
