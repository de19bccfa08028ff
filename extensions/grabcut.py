"""Masks cut again by the colours inside and outside of the box: GrabCut, started from a network's soft mask (S21).

Rother, Kolmogorov & Blake 2004, *GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts*, in
OpenCV's implementation. Pixels outside of an object's box are background for certain, and show what the background
inside looks like; neither training nor the network has seen them. GrabCut learns nothing from other pictures and uses
no mask labels.

Axis letters: S side of a network's crop, F = `FINENESS * S` side of what is cut.
"""

from types import ModuleType
from typing import Optional, Sequence

import numpy as np
from PIL import Image

from data import images
from data.images import Photograph
from data.windows import Box, Window, crop_window
from errors import UserError

FINENESS = 2  # pixels of the cut for one of the mask
MARGIN = 0.5  # what GrabCut sees around the window, as a share of its sides
CERTAIN = 0.05  # below it a mask's pixel stays background, above 1 - 0.05 foreground
BOX_MASK = 0.9  # a mask that knows nothing but the box; not certain
_FEWEST = 16  # pixels of either kind; OpenCV fits mixtures of five colours to each


def cut_mask(
    mask: np.ndarray, image: np.ndarray, *, window: Window, box: Optional[Box], iterations: int
) -> np.ndarray:
    """Cuts one object out of its picture.

    Args:
      mask: soft mask of the window, float32 [S, S] in [0, 1]; at least 0.5 is foreground to begin with.
      image: the whole picture, uint8 [H, W, 3].
      window: whole pixels that the mask covers; it may reach beyond the picture.
      box: x, y, width, height in pixels, outside of which nothing belongs to the object; None is the whole picture.
      iterations: how often colours are fitted and the cut is made, at least 1.

    Returns:
      float32 [F, F] of zeros and ones: the mask at twice the resolution. Where the mask, or what is left of it in the
      box, has hardly any foreground or background, there is nothing to fit colours to and it is only binarised.

    Raises:
      UserError: OpenCV is not installed.
    """
    cv2 = _opencv()
    side = FINENESS * mask.shape[0]
    fine = np.asarray(Image.fromarray(mask).resize((side, side), Image.Resampling.BILINEAR))
    context, left, top = _context(image, window, side=side)
    height, width = context.shape[:2]
    kinds = np.full((height, width), cv2.GC_BGD, np.uint8)
    # The window within the context, and the part of it that the picture has.
    rows, columns = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
    part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    kinds[rows, columns] = np.select(
        [fine[part] > 1 - CERTAIN, fine[part] >= 0.5, fine[part] > CERTAIN],
        [cv2.GC_FGD, cv2.GC_PR_FGD, cv2.GC_PR_BGD], cv2.GC_BGD)
    if box is not None:
        kinds[~_inside(box, window, shape=kinds.shape, origin=(left, top), side=side)] = cv2.GC_BGD
    foreground = (kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD)
    if min(foreground.sum(), (~foreground).sum()) >= _FEWEST:
        cv2.setRNGSeed(0)  # of this thread: colours are clustered from random starts
        cv2.grabCut(context, kinds, None, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
        foreground = (kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD)
    cut = np.zeros((side, side), np.float32)
    cut[part] = foreground[rows, columns]
    return cut


def cut_masks(
    masks: np.ndarray, photographs: Sequence[Photograph], *, crop_mode: str, iterations: int
) -> np.ndarray:
    """Cuts the masks of photographs' crops, each within its whole photograph, which is read again.

    Args:
      masks: soft masks, float32 [n, S, S, 1] in [0, 1].
      photographs: n photographs.
      crop_mode: how crops are taken, of `data.windows.CROP_MODES`.
      iterations: as for `cut_mask`; 0 returns the masks as they are.

    Returns:
      float32 [n, S, S, 1] in [0, 1]: what `cut_mask` returns, reduced to the crops' resolution.

    Raises:
      UserError: an image cannot be read, or OpenCV is not installed.
      ValueError: iterations are negative, or there are not as many masks as photographs.
    """
    if iterations < 0 or len(masks) != len(photographs):
        raise ValueError(f"{len(masks)} masks of {len(photographs)} photographs are to be cut with {iterations} "
                         "iterations; expected as many, and at least 0.")
    if not iterations:
        return masks

    def cut(item: tuple[np.ndarray, Photograph]) -> np.ndarray:
        mask, photograph = item
        image = images.load_image(photograph.path)
        window = crop_window(box=photograph.box, image_size=image.shape[:2], crop_mode=crop_mode, name=photograph.path)
        fine = cut_mask(mask[..., 0], image, window=window, box=photograph.box, iterations=iterations)
        size = mask.shape[0]
        return fine.reshape(size, FINENESS, size, FINENESS).mean(axis=(1, 3))[..., np.newaxis]

    return np.stack(images.map_in_threads(cut, list(zip(masks, photographs)), label="GrabCut"))


def masks_of_boxes(count: int, *, size: int) -> np.ndarray:
    """Returns soft masks that know nothing but the box, for GrabCut without a network: float32 [n, S, S, 1]."""
    return np.full((count, size, size, 1), BOX_MASK, np.float32)


def _opencv() -> ModuleType:
    """Returns OpenCV's module; not imported before, since `segment.py` can do without it."""
    try:
        import cv2
    except ImportError as error:
        raise UserError("--grabcut_iterations and --suggest need OpenCV: install opencv-python-headless as in requirements.txt, "
                        "or leave the flag out.") from error
    return cv2


def _context(image: np.ndarray, window: Window, *, side: int) -> tuple[np.ndarray, int, int]:
    """The window and what is around it, as far as the picture goes, at a scale where the window is `side` pixels wide.

    Returns:
      (uint8 [h, w, 3], left, top): the window begins at these whole pixels, which are negative where it begins outside
      the picture.
    """
    spans, pixels = [], []
    height, width = image.shape[:2]
    for start, stop, length in ((window.left, window.right, width), (window.top, window.bottom, height)):
        scale, margin = side / (stop - start), MARGIN * (stop - start)
        before = int(np.floor((start - max(0.0, start - margin)) * scale))  # whole pixels of the cut
        after = int(np.floor((min(float(length), stop + margin) - stop) * scale))
        spans.append((max(0.0, start - before / scale), min(float(length), stop + after / scale)))
        pixels.append((before, before + side + after))
    (left, right), (top, bottom) = spans
    (before_x, width), (before_y, height) = pixels
    context = Image.fromarray(image).resize((max(width, 1), max(height, 1)), Image.Resampling.BILINEAR,
                                            box=(left, top, right, bottom))
    return np.array(context), before_x, before_y


def _inside(box: Box, window: Window, *, shape: tuple, origin: tuple, side: int) -> np.ndarray:
    """Which pixels of the context have their centre in the box: bool [h, w]."""
    x, y, width, height = box
    columns = (np.arange(shape[1]) + 0.5 - origin[0]) * (window.right - window.left) / side + window.left
    rows = (np.arange(shape[0]) + 0.5 - origin[1]) * (window.bottom - window.top) / side + window.top
    return ((rows >= y) & (rows <= y + height))[:, np.newaxis] & (columns >= x) & (columns <= x + width)
