"""Sprites: instances that are flipped, turned and scaled at random, with their shadows, ready to be pasted.

Axis letters: n instances, S the side of an instance's picture, h and w those of a sprite.
"""

import math
from typing import NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from counting import deformation
from extensions import shadow
from models import composition, layout

VARIANTS = 2  # how often each instance is turned and scaled anew
LEAST_DEFORMED = 512  # sprites, at least, where instances are deformed, too
UPRIGHT_TILT = math.radians(15.0)
_FAINT = 0.02  # alpha below which a pixel is cut off
_BATCH_SIZE = 64


class Sprite(NamedTuple):
    """An instance that is turned and scaled, with its shadow, cut out tightly.

    Attributes:
      rgba: float32 [h, w, 4] in [0, 1].
      shadow: opacity of its shadow, float32 [h, w] in [0, 1].
      centre: row and column of the middle of the instance's own picture.
    """

    rgba: np.ndarray
    shadow: np.ndarray
    centre: tuple[int, int]


def make(instances: np.ndarray, *, scales: tuple[float, float], upright: bool, shadow_strength: float, seed: int,
         max_stretch: float = 1.0, max_bend: float = 0.0) -> list[Sprite]:
    """Flips sideways, deforms, turns and scales each instance `VARIANTS` times or more at random, and makes the shadows.

    Args:
      instances: RGBA, float32 [n, S, S, 4] in [0, 1].
      scales: the smallest and the largest factor.
      upright: whether they are turned by at most `UPRIGHT_TILT` to either side instead of all around.
      shadow_strength: largest opacity of a shadow; 0: none.
      seed: any integer of 32 bits.
      max_stretch: as of `deformation.deformed`, and so is `max_bend`.

    Returns:
      The sprites, without those of which no pixel has alpha 0.5.

    Raises:
      ValueError: none is left.
    """
    rng = np.random.default_rng(seed)
    affine = layout.AffineLayout(max_rotation=UPRIGHT_TILT if upright else math.pi, scale_range=scales)
    instances, radius = _central(instances)
    is_deformed = max_stretch > 1.0 or max_bend > 0.0
    if is_deformed:
        radius += deformation.margin(radius, max_stretch=max_stretch, max_bend=max_bend)
    margin = math.ceil(radius * max(scales[1] - 1.0, 0.0)) + shadow.MARGIN
    count = len(instances) * (max(VARIANTS, math.ceil(LEAST_DEFORMED / len(instances))) if is_deformed else VARIANTS)
    sprites = []
    for start in range(0, count, _BATCH_SIZE):
        chosen = np.arange(start, min(start + _BATCH_SIZE, count)) % len(instances)
        rgba = np.stack([one[:, ::-1] if rng.random() < 0.5 else one for one in instances[chosen]])
        if is_deformed:
            rgba = deformation.deformed(rgba, max_stretch=max_stretch, max_bend=max_bend, rng=np.random.default_rng([seed, start]))
        warps = affine.sample([len(rgba)], seed=[seed, start])
        wide = affine.warp(composition.split_rgba(tf.constant(rgba, tf.float32)), warps, margin=margin)
        shadows = _shadows(wide.mask, shadow_strength, seed=[seed, start + 1])
        sprites += map(_cut, shadow.without_margin(tf.concat(wide, axis=-1)).numpy(), shadows)
    sprites = [sprite for sprite in sprites if sprite.rgba.size and sprite.rgba[..., 3].max() >= 0.5]
    if not sprites:
        raise ValueError("no instance has a pixel of alpha 0.5.")
    return sprites


def _central(instances: np.ndarray) -> tuple[np.ndarray, float]:
    """Cuts or pads pictures to the circle about their middle that holds all instances, however they are turned.

    Returns:
      (pictures, radius): float32 [n, 2r, 2r, 4] and r, whole pixels.
    """
    side = instances.shape[1]
    rows, columns = np.nonzero((instances[..., 3] > _FAINT).any(axis=0))
    if not len(rows):
        return instances, side / 2
    offsets = np.abs(np.stack([rows, columns]) + 0.5 - side / 2) + 0.5  # of the pixels' outer corners
    radius = math.ceil(np.hypot(*offsets).max()) + side % 2 / 2
    change = round(radius - side / 2)
    if change > 0:
        return np.pad(instances, [(0, 0), (change, change), (change, change), (0, 0)]), radius
    return instances[:, -change:side + change, -change:side + change], radius


def _shadows(masks: tf.Tensor, strength: float, *, seed: Sequence[int]) -> np.ndarray:
    """Returns the opacities of the shadows of masks with a margin, float32 [B, h, w]."""
    if not strength:
        return np.zeros(shadow.without_margin(masks).shape[:-1], np.float32)
    cast = shadow.ContactShadow(strength=strength)
    return cast.cast(masks, *cast.sample([masks.shape[0]], seed=seed)).mask.numpy()[..., 0]


def _cut(rgba: np.ndarray, opacity: np.ndarray) -> Sprite:
    """Cuts away what neither the instance nor its shadow is seen in."""
    seen = np.maximum(rgba[..., 3], opacity) > _FAINT
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return Sprite(rgba[:0, :0], opacity[:0, :0], (0, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Sprite(rgba[box], opacity[box], (rgba.shape[0] // 2 - rows[0], rgba.shape[1] // 2 - columns[0]))
