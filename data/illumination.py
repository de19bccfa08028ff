"""Changing the light of a photograph before it is learnt from or looked at."""

from typing import NamedTuple

import cv2
import numpy as np

_DARKEST = 4.0  # of 255; a blur below it says nothing of the light


class Light(NamedTuple):
    """How the light of a photograph is changed.

    Attributes:
      flat_field: standard deviation, in windows, of the blur that the photograph is divided by (`flat_field`); 0: not.
      gamma: exponent of `gamma_corrected`; 1: not.
    """

    flat_field: float = 0.0
    gamma: float = 1.0


def gamma_corrected(picture: np.ndarray, gamma: float) -> np.ndarray:
    """Raises values to a power: gamma correction (S32). Below 1 what is shaded becomes brighter, and black stays black.

    The shaded side of a thing that is lit from above may be nearly as dark as the gap below it. Then masks leave it out.

    Args:
      picture: uint8 [H, W, 3].
      gamma: exponent of values in [0, 1], positive; 1 leaves the picture as it is.

    Returns:
      uint8 [H, W, 3].
    """
    if gamma == 1.0:
        return picture
    return np.rint(255.0 * (np.arange(256) / 255.0) ** gamma).astype(np.uint8)[picture]


def flat_field(picture: np.ndarray, *, sigma: float) -> np.ndarray:
    """Evens out light and colour that change slowly over a picture: flat-field correction by the picture's own blur (S31).

    Each channel is divided by its Gaussian blur and multiplied by its mean. Layers of a composite are drawn independently, so a
    discriminator could tell composites of bright and dark instances from windows that have one light.

    Args:
      picture: uint8 [H, W, 3].
      sigma: standard deviation of the blur in pixels, larger than an instance; 0 leaves the picture as it is.

    Returns:
      uint8 [H, W, 3], what would be brighter than 255 cut off.
    """
    if not sigma:
        return picture
    values = picture.astype(np.float32)
    light = np.maximum(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), _DARKEST)
    return np.clip(np.rint(values * (values.mean(axis=(0, 1)) / light)), 0, 255).astype(np.uint8)
