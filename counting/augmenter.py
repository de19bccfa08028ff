"""How composites are changed at random before the student sees them, so that a photograph is nothing new to it."""

import cv2
import numpy as np

from counting.shapes import Turn

LARGEST_GAIN = 0.25  # of all channels together
LARGEST_TINT = 0.08  # of each channel
LARGEST_SHIFT = 0.08
LARGEST_GAMMA = 0.3
LARGEST_BLUR = 1.2  # pixels, standard deviation
LARGEST_NOISE = 0.04


class Augmenter:
    """Flips and turns pictures with their labels, and changes brightness, contrast, tint, sharpness and noise.

    Those that are upright are flipped sideways alone.
    """

    def __init__(self, seed: int, *, upright: bool = False) -> None:
        """Takes the seed of its random numbers, and whether pictures stay upright."""
        self._rng, self._upright = np.random.default_rng(seed), upright

    def __call__(self, picture: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Changes a picture, float32 [H, W, 3] in [0, 1], and its labels, int [H, W]; sides that differ stay."""
        return self.turned(picture, labels)[:2]

    def turned(self, picture: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, Turn]:
        """Likewise, and returns also how both were turned and flipped."""
        rng = self._rng
        quarters = int(rng.integers(4) if picture.shape[0] == picture.shape[1] else 2 * rng.integers(2))
        turn = Turn(0 if self._upright else quarters, bool(rng.random() < 0.5))
        picture, labels = turn.array(picture), turn.array(labels)
        gain = (1.0 + rng.uniform(-LARGEST_GAIN, LARGEST_GAIN)) * (1.0 + rng.uniform(-LARGEST_TINT, LARGEST_TINT, 3))
        picture = picture ** np.exp(rng.uniform(-LARGEST_GAMMA, LARGEST_GAMMA))
        picture = picture * gain + rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT) * rng.random()
        if rng.random() < 0.5:
            picture = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), rng.uniform(0.2, LARGEST_BLUR))
        picture = picture + rng.uniform(0.0, LARGEST_NOISE) * rng.standard_normal(picture.shape)
        return np.clip(picture, 0.0, 1.0).astype(np.float32), np.ascontiguousarray(labels), turn
