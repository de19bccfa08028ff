"""The area constant that fits photographs, suggested from their boxes alone (`train_fg.py --suggest`) (S30)."""

from typing import Sequence

import numpy as np

from data.images import Photograph
from errors import UserError
from extensions import grabcut

_MOST_BOXES, _MASK_SIZE, _ITERATIONS = 200, 64, 3  # photographs that are cut, at random; side of their masks; GrabCut's


def suggest_area(photographs: Sequence[Photograph], *, crop_mode: str) -> str:
    """Suggests the area constant of foregrounds: the share of a crop that stays when boxes are cut by their colours (S21).

    Args:
      photographs: with boxes; at most 200 of them are looked at.
      crop_mode: how crops are taken, of `data.windows.CROP_MODES`.

    Returns:
      Lines to print: what was measured, and the flag.

    Raises:
      UserError: a photograph has no box, an image cannot be read, or OpenCV is not installed.
    """
    if any(photograph.box is None for photograph in photographs):
        raise UserError("--suggest cuts boxes by the colours inside and outside of them: give --boxes.")
    order = np.random.default_rng(0).permutation(len(photographs))[:_MOST_BOXES]
    cut = grabcut.cut_masks(grabcut.masks_of_boxes(len(order), size=_MASK_SIZE), [photographs[index] for index in order],
                            crop_mode=crop_mode, iterations=_ITERATIONS)
    areas = cut.mean(axis=(1, 2, 3))
    return (f"cut by their colours, {len(order)} boxes keep {areas.mean():.2f} of a crop in the mean (standard deviation "
            f"{areas.std():.2f})\n--area_constant={areas.mean():.2f}")
