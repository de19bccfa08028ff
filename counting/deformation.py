"""Deformed instances: stretched and bent at random, so that a student of round things finds long and bent ones, too.

Axis letters: b instances, S the side of their pictures, T that of the deformed ones.
"""

import math

import cv2
import numpy as np

_ENDS = 2.0 / 3.0  # how far both ends move to one side, as a share of the bend; the middle moves by the rest to the other


def margin(radius: float, *, max_stretch: float, max_bend: float) -> int:
    """Returns by how many pixels a picture grows on each side, so that what is within the radius stays inside."""
    return math.ceil(radius * (math.sqrt(max_stretch) * (1.0 + _ENDS * max_bend) - 1.0))


def deformed(pictures: np.ndarray, *, max_stretch: float, max_bend: float, rng: np.random.Generator) -> np.ndarray:
    """Stretches each instance along an axis, keeping its area, and bends that axis to a parabola.

    Stretches are drawn so that their logarithms are uniform, axes and bends uniformly. The less an instance is stretched the less
    it is bent; round ones are not.

    Args:
      pictures: RGBA, float32 [b, S, S, 4], what is outside of the circle that they hold being transparent.
      max_stretch: at least 1, the largest factor by which the longer axis over the shorter grows.
      max_bend: at least 0, the largest distance of the axis's middle from the line between its ends, as a share of half of it.
      rng: random numbers; three are drawn for each picture.

    Returns:
      RGBA, float32 [b, T, T, 4], T as S and two `margin` more.
    """
    side, grown = pictures.shape[1], margin(pictures.shape[1] / 2, max_stretch=max_stretch, max_bend=max_bend)
    offsets = np.arange(side + 2 * grown, dtype=np.float32) - (side - 1) / 2 - grown
    x, y = np.meshgrid(offsets, offsets)
    found = np.empty((len(pictures), len(offsets), len(offsets), 4), np.float32)
    for out, picture in zip(found, pictures):
        stretch, angle, bend = max_stretch ** rng.random(), math.pi * rng.random(), rng.uniform(-max_bend, max_bend)
        share = (stretch - 1.0) / (max_stretch - 1.0) if max_stretch > 1.0 else 1.0
        length = math.sqrt(stretch * max(1, np.count_nonzero(picture[..., 3] >= 0.5)) / math.pi)  # half of the longer axis
        cos, sin = math.cos(angle), math.sin(angle)
        along, across = cos * x + sin * y, cos * y - sin * x
        across = (across + share * bend * (along**2 / length - (1.0 - _ENDS) * length)) * math.sqrt(stretch)
        along = along / math.sqrt(stretch)
        rows, columns = (offset + (side - 1) / 2 for offset in (sin * along + cos * across, cos * along - sin * across))
        out[..., :3] = cv2.remap(picture[..., :3], columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[..., 3] = cv2.remap(np.ascontiguousarray(picture[..., 3]), columns, rows, cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_CONSTANT)
    return found
