"""Outlines at edges: each is moved, along its normals, to where the picture changes most.

Where things touch there is no ground whose half maximum could be sought (`half_maximum`). But where one ends the picture has
an edge. An outline is an active contour (Kass, Witkin and Terzopoulos 1988), whose best shift at every corner is found by dynamic
programming (Amini, Weymouth and Jain 1990). Axis letters: m instances, C corners, K shifts, H and W a picture's sides.
"""

import cv2
import numpy as np

from counting.found import Found

NUM_CORNERS = 48
REACH = 4.0  # pixels of a window of 64, as all lengths here
STEP = 0.5
BLUR = 0.7  # standard deviation
SPAN = 1.5  # over which the change is taken
BEND, MOST_BEND = 0.3, 9.0  # cost of two neighbours' different shifts, for each squared pixel, and the largest difference's square
SHIFT = 0.05  # cost of a shift, for each squared pixel; a mean change along the normals is a gain of 1
_BATCH = 512  # outlines at once


def at_edges(found: Found, picture: np.ndarray) -> Found:
    """Moves outlines to edges, by at most `REACH` pixels.

    Args:
      found: in the picture's pixels, in which a window is of 64.
      picture: uint8 [H, W, 3].

    Returns:
      Found, of outlines with `NUM_CORNERS` corners.
    """
    if not len(found.outlines):
        return found
    pixels = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), BLUR)
    parts = [_moved(found.outlines[start:start + _BATCH], pixels) for start in range(0, len(found.outlines), _BATCH)]
    return found._replace(outlines=np.concatenate(parts))


def _moved(outlines: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Moves outlines [m, R, 2] to edges of pixels, float32 [H, W, 3]: float32 [m, C, 2]."""
    corners = np.stack([_resampled(outline) for outline in outlines])
    normals = _normals(corners)
    shifts = np.arange(-REACH, REACH + STEP / 2, STEP)
    beyond, before = (_sampled(pixels, corners, normals, shifts + side * SPAN / 2) for side in (1.0, -1.0))
    changes = np.linalg.norm(beyond - before, axis=-1)  # [m, C, K]
    changes /= np.maximum(changes.mean(axis=(1, 2), keepdims=True), 1e-6)
    chosen = _best_shifts(SHIFT * shifts**2 - changes, shifts)
    return (corners + chosen[..., np.newaxis] * normals).astype(np.float32)


def _resampled(outline: np.ndarray) -> np.ndarray:
    """Returns corners at equal distances along an outline [R, 2]: float64 [C, 2]."""
    closed = np.concatenate([outline, outline[:1]]).astype(np.float64)
    passed = np.append(0.0, np.cumsum(np.hypot(*np.diff(closed, axis=0).T)))
    places = np.linspace(0.0, passed[-1], NUM_CORNERS, endpoint=False)
    return np.stack([np.interp(places, passed, axis) for axis in closed.T], axis=1)


def _normals(corners: np.ndarray) -> np.ndarray:
    """Returns the directions that lead out of outlines [m, C, 2], of length 1, or 0 where an outline is a point."""
    along = np.roll(corners, -2, axis=1) - np.roll(corners, 2, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    x, y = np.moveaxis(corners, -1, 0)
    areas = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    outward = np.where(areas < 0, -1.0, 1.0)[:, np.newaxis, np.newaxis]
    return outward * np.stack([along[..., 1], -along[..., 0]], axis=-1)


def _sampled(pixels: np.ndarray, corners: np.ndarray, normals: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Returns what pixels [H, W, 3] are at corners that are moved along their normals: float32 [m, C, K, 3]."""
    places = corners[:, :, np.newaxis] + shifts[:, np.newaxis] * normals[:, :, np.newaxis] - 0.5  # middles are whole numbers
    x, y = np.moveaxis(places.astype(np.float32).reshape(-1, len(shifts), 2), -1, 0)
    return cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(*places.shape[:3], 3)


def _best_shifts(costs: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Returns the shifts of least cost [m, C], by Viterbi's algorithm, thrice around, of which the second time counts.

    Args:
      costs: of each shift at each corner, [m, C, K].
      shifts: in pixels, [K].
    """
    bends = BEND * np.minimum((shifts[:, np.newaxis] - shifts) ** 2, MOST_BEND)
    count = costs.shape[1]
    total, before = costs[:, 0], np.zeros((3 * count, *costs[:, 0].shape), int)
    for place in range(1, 3 * count):
        paths = total[:, np.newaxis] + bends  # to each shift from each
        before[place] = paths.argmin(axis=2)
        total = costs[:, place % count] + paths.min(axis=2)
    chosen, best = np.zeros((3 * count, len(costs)), int), total.argmin(axis=1)
    for place in reversed(range(3 * count)):
        chosen[place] = best
        best = np.take_along_axis(before[place], best[:, np.newaxis], axis=1)[:, 0]
    return shifts[chosen[count:2 * count].T]
