"""Random changes of pictures before the discriminator, or a student, sees them (S18).

A discriminator that sees few photographs memorizes them, and one that sees composites learns their sharpness and their
colours before it learns masks. Changes that real images and composites undergo alike take these away (Zhao et al.
2020); all are differentiable, so that the generator learns through them. A student that sees an object in any
colour before a background of any colour cannot use colours (Xie et al. 2020, *Self-Training with Noisy Student*).
"""

import math
from typing import Callable, Collection

import tensorflow as tf

from models import gradients, layout
from models.composition import Instance

PLACEMENT = "placement"
KINDS = ("color", "hue", "translation")
STUDENT_KINDS = ("color", "hue", PLACEMENT)  # a translation would move photographs away from their masks
_MAX_BRIGHTNESS = 0.25  # half of Zhao et al.'s where pictures are in [0, 1]: they are in [-1, 1] there
_MAX_SHIFT = 1 / 8  # of the side
_NUM_STREAMS = 3  # uses of a step's seed
_PLACES = layout.AffineLayout(max_translation=0.1, max_rotation=math.radians(15.0), scale_range=(0.8, 1.2))


def observer(kinds: Collection[str]) -> Callable[..., tf.Tensor]:
    """Returns what changes the discriminator's images: called as `unchanged`, which it is without any of `KINDS`."""
    if not kinds:
        return unchanged
    return lambda images, *, seed, stream: augment(images, kinds=kinds, seed=seed_of(seed, stream=stream))


def unchanged(images: tf.Tensor, *, seed: tf.Tensor, stream: int) -> tf.Tensor:
    """Returns images as they are, as in the paper. `seed` is a step's, and `stream` separates its uses."""
    del seed, stream
    return images


def augment(images: tf.Tensor, *, kinds: Collection[str], seed: layout.Seed) -> tf.Tensor:
    """Changes each image at random, independently.

    Args:
      images: float [B, H, W, 3] in [0, 1].
      kinds: of `KINDS`, made in that order; ValueError on others. 'color' changes brightness, saturation and contrast.
        'hue' turns colours about the grey axis by any angle. 'translation' shifts by up to an eighth of the side, and
        what comes in is black.
      seed: two integers; the same seed makes the same changes.

    Returns:
      Float [B, H, W, 3]; with 'color' and 'hue' beyond [0, 1] in places.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"augmentation {kind!r}, expected of {', '.join(KINDS)}")
    uniform = tf.random.stateless_uniform([6, tf.shape(images)[0], 1, 1, 1], seed)
    if "color" in kinds:
        images = images + (2.0 * uniform[0] - 1.0) * _MAX_BRIGHTNESS
        grey = tf.reduce_mean(images, axis=-1, keepdims=True)
        images = grey + (images - grey) * 2.0 * uniform[1]
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        images = mean + (images - mean) * (0.5 + uniform[2])
    if "hue" in kinds:
        folded = tf.random.experimental.stateless_fold_in(seed, 1)
        angles = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], folded, -math.pi, math.pi)
        images = _turned(images, angles)
    if "translation" in kinds:
        largest = int(images.shape[1] * _MAX_SHIFT)
        shifts = tf.cast(tf.transpose(uniform[4:, :, 0, 0, 0]) * (2 * largest + 1), tf.int32) - largest  # [B, 2]
        images = layout.translate(images, shifts, padding=largest)
    return images


def placed(instances: Instance, *, seed: layout.Seed) -> Instance:
    """Moves photographs with their masks at random, by Eq. 4's layout.

    Args:
      instances: [B, S, S, C]; each is moved by up to 0.1 of the side, turned by up to 15 degrees and scaled by 0.8 to 1.2.
      seed: two integers; the same seed makes the same changes.

    Returns:
      [B, S, S, C]; what comes in from outside has mask 0.
    """
    return _PLACES.warp(instances, _PLACES.sample([instances.mask.shape[0]], seed=seed))


def seed_of(seed: tf.Tensor, *, stream: int) -> tf.Tensor:
    """Makes a seed of a step's: another one for each replica and for each use, `stream` (0 to 2), of a step's seed."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.random.experimental.stateless_fold_in(seed, _NUM_STREAMS * tf.cast(replica, tf.int64) + stream)


def _turned(images: tf.Tensor, angles: tf.Tensor) -> tf.Tensor:
    """Turns colours about the grey axis by angles [B, 1, 1, 1] in radians (Rodrigues' formula); greys stay."""
    images, averaged, split = gradients.fan_out(images, 3)
    grey = tf.reduce_mean(averaged, axis=-1, keepdims=True)
    red, green, blue = tf.split(split, 3, axis=-1)
    across = tf.concat([blue - green, red - blue, green - red], axis=-1) / math.sqrt(3.0)
    return grey + (images - grey) * tf.cos(angles) + across * tf.sin(angles)
