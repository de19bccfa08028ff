"""The window size at which a student sees a photograph's instances best, found without a label.

A student knows instances of about one size, and a photograph may show them at another. At the right scale it covers the
photograph with instances that it is sure of, and they have the size that it has learnt. Where windows are too small, it finds
pieces; where they are too large, it finds several in one.
"""

from typing import NamedTuple, Optional

import numpy as np

from counting.found import ALWAYS, in_photograph, typical_diameter
from counting.student import Student
from data import hoc
from data.illumination import Light
from errors import UserError

STEP = 1.3  # factor between the window sizes that are tried
FINE_STEPS = 3  # so many further ones to a step, about the best
TIE = 0.995  # of the highest merit; of all that have as much the largest window is taken, since pieces do more harm
MOST_PIXELS = 1_000_000  # of the part of the scaled photograph, about its middle, that is looked at


class Look(NamedTuple):
    """What a student finds with one window size.

    Attributes:
      merit: share of the photograph that instances cover, each pixel weighted by its instance's score.
      ratio: their typical diameter as a share of the learnt one.
    """

    merit: float
    ratio: float


def best_window_size(applied: Student, photograph: np.ndarray, *, light: Light, name: str) -> int:
    """Tries window sizes, and returns the one of the highest merit at which instances have about the learnt size.

    Of those that have nearly the highest merit it is the largest.

    Args:
      applied: the student.
      photograph: uint8 [H, W, 3].
      light: how the photograph's is changed.
      name: what messages call the photograph.

    Returns:
      Pixels of the photograph.

    Raises:
      UserError: the photograph is smaller than the smallest window, or no window size shows instances of the learnt size.
    """
    most = min(photograph.shape[:2])
    if most < hoc.SMALLEST_WINDOW:
        raise UserError(f"{name} is {photograph.shape[1]}x{photograph.shape[0]} pixels, smaller than the smallest window of "
                        f"{hoc.SMALLEST_WINDOW} pixels; enlarge it.")
    merits: dict[int, float] = {}  # 0 where the size is not the learnt one

    def best_of(sizes: list[float]) -> int:
        for size in {min(most, max(hoc.SMALLEST_WINDOW, round(size))) for size in sizes} - set(merits):
            seen = look(applied, photograph, window_size=size, light=light, name=name)
            merits[size] = seen.merit if seen and ALWAYS[0] <= seen.ratio <= ALWAYS[1] else 0.0
        return max(sorted(merits), key=merits.__getitem__)

    count = int(np.log(most / hoc.SMALLEST_WINDOW) / np.log(STEP)) + 1
    best = best_of([hoc.SMALLEST_WINDOW * STEP**index for index in range(count)])
    best = best_of([best * STEP**(index / FINE_STEPS) for index in range(1 - FINE_STEPS, FINE_STEPS)])
    if not merits[best]:
        raise UserError(f"no window size shows instances in {name} as large as the student has learnt; the photograph should "
                        "look like what it has learnt from, as bright and as sharp, or give --window_size, about 1.5 times "
                        "the biggest instance's width.")
    return max(size for size, merit in merits.items() if merit >= TIE * merits[best])


def look(applied: Student, photograph: np.ndarray, *, window_size: int, light: Light, name: str) -> Optional[Look]:
    """Looks at a photograph, or at the middle of a large one, with one window size; None where nothing is found.

    Args:
      applied, photograph, light, name: as above.
      window_size: in pixels of the photograph, at least 16.
    """
    part = _middle(photograph, pixels=MOST_PIXELS * (window_size / hoc.WINDOW) ** 2, least=window_size)
    scaled = hoc.relit(hoc.scaled_for_windows(part, window_size=window_size, name=name), light)
    found = in_photograph(applied.find(scaled), scaled=scaled.shape[:2], shape=scaled.shape[:2])
    if not len(found.scores):
        return None
    areas = np.bincount(found.labels.ravel(), minlength=len(found.scores) + 1)[1:]
    return Look(float((areas * found.scores).sum() / found.labels.size),
                typical_diameter(found) / applied.metadata["learnt"]["diameter"])


def _middle(photograph: np.ndarray, *, pixels: float, least: int) -> np.ndarray:
    """Cuts out the middle of a photograph: so many pixels, of its own proportions, if it has more."""
    height, width = photograph.shape[:2]
    share = min(1.0, (pixels / (height * width)) ** 0.5)
    rows, columns = (min(side, max(least, round(side * share))) for side in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return photograph[top:top + rows, left:left + columns]
