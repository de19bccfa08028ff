"""How large the things of a cluster are, from the picture alone."""

from typing import Optional

import cv2
import numpy as np

_MIN_PROMINENCE = 0.065  # of the autocorrelation's first ring above the valley before it
_SMALLEST_PIECE = 20  # pixels; smaller ones are noise


def repetition_distance(picture: np.ndarray) -> Optional[float]:
    """Returns the distance in pixels at which a picture repeats itself: that of neighbours, about their diameter.

    It is the first maximum of the brightness' autocorrelation, averaged over all directions. Brightness is taken relative
    to its surroundings, so that light and perspective count for little.

    Args:
      picture: uint8 [H, W, 3].

    Returns:
      The distance, or None where there is no clear maximum: things of very different sizes, or too few.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = grey.shape
    spread = max(8.0, min(height, width) / 16)
    relative = grey - cv2.GaussianBlur(grey, (0, 0), spread)
    relative /= np.sqrt(cv2.GaussianBlur(relative**2, (0, 0), spread)) + 0.25
    taper = np.outer(np.hanning(height), np.hanning(width))
    profile = _radial_mean(_autocorrelation((relative - relative.mean()) * taper) /
                           np.maximum(_autocorrelation(taper), 1e-3))[:min(height, width) // 3]
    if not len(profile):  # a picture of one or two pixels
        return None
    profile = np.convolve(np.pad(profile, 2, mode="edge"), [0.06, 0.24, 0.4, 0.24, 0.06], mode="valid")
    rising = np.flatnonzero(np.diff(profile) > 0)
    if not len(rising):
        return None
    valley = rising[0]
    falling = np.flatnonzero(np.diff(profile[valley:]) < 0)
    if not len(falling):
        return None
    peak = valley + falling[0]
    return float(peak) if profile[peak] - profile[valley] >= _MIN_PROMINENCE * profile[0] else None


def piece_diameter(picture: np.ndarray) -> Optional[float]:
    """Returns the median diameter in pixels of the bright pieces of a picture, uint8 [H, W, 3], on dark ground.

    Pieces are told from the ground by Otsu's threshold; the diameter is that of a disk of a piece's area. None where
    there is no piece.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    _, bright = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    areas = cv2.connectedComponentsWithStats(bright)[2][1:, cv2.CC_STAT_AREA]
    areas = areas[areas >= _SMALLEST_PIECE]
    return float(2.0 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else None


def _autocorrelation(values: np.ndarray) -> np.ndarray:
    """Returns the autocorrelation of values [H, W], [2 H, 2 W], with no shift in the middle."""
    shape = tuple(2 * side for side in values.shape)
    return np.fft.fftshift(np.fft.irfft2(np.abs(np.fft.rfft2(values, s=shape)) ** 2, s=shape))


def _radial_mean(values: np.ndarray) -> np.ndarray:
    """Returns the mean of values [H, W] at each whole distance from the middle."""
    rows, columns = (np.arange(side) - side // 2 for side in values.shape)
    rings = np.rint(np.hypot(rows[:, np.newaxis], columns)).astype(int).ravel()
    return np.bincount(rings, values.ravel()) / np.bincount(rings)
