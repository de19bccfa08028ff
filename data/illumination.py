"""Evening out the light of a photograph."""

import cv2
import numpy as np

_DARKEST = 4.0  # of 255; a blur below it says nothing of the light


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
