"""What lies below a cluster's instances: windows with a hole in them, or the photograph's ground without its things.

S is `WINDOW`, the side of a window in pixels.
"""

from typing import Union

import cv2
import numpy as np
import tensorflow as tf

WINDOW = 64  # Table 2's size


def ground_of(cluster: np.ndarray) -> np.ndarray:
    """Takes the bright things away from a picture of things that lie apart on dark ground (S28).

    A grey opening by a disk as wide as a window keeps the ground, with its light and dark parts. A median filter before it
    keeps single dark pixels from counting.

    Args:
      cluster: uint8 [H, W, 3], scaled for windows.

    Returns:
      uint8 [H, W, 3].
    """
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (WINDOW + 1, WINDOW + 1))
    opened = cv2.morphologyEx(cv2.medianBlur(np.ascontiguousarray(cluster), 5), cv2.MORPH_OPEN, disk)
    return cv2.GaussianBlur(opened, (0, 0), WINDOW / 8)


def visibility(*, disk_radius: float, black: bool) -> np.ndarray:
    """What a background window keeps of a real one: uint8 [S, S, 1], 0 inside the central disk (everywhere if black).

    Args:
      disk_radius: pixels; a pixel belongs to the disk if its centre does.
      black: whether nothing is kept.
    """
    return np.zeros((WINDOW, WINDOW, 1), np.uint8) if black else visible_around(disk_radius).numpy()


def visible_around(disk_radius: Union[float, tf.Tensor]) -> tf.Tensor:
    """Does the same where a disk is black, with a radius that may be a float32 tensor: uint8 [S, S, 1]."""
    offset = np.arange(WINDOW, dtype=np.float32) + 0.5 - WINDOW / 2
    return tf.cast(np.hypot(offset[:, np.newaxis], offset)[..., np.newaxis] > disk_radius, tf.uint8)
