"""The geometry of crops: which whole pixels a box stands for, how they become a square of S x S, and the way back."""

import math
from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

from errors import UserError

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the stored image, after its EXIF orientation is applied."""

CROP_MODES = ("box", "square")
SQUARE_SCALE = 1.5  # side of a 'square' crop over the box's longer side


class Window(NamedTuple):
    """Whole pixels [left, right) x [top, bottom); in 'square' crops it may reach beyond the image."""

    left: int
    top: int
    right: int
    bottom: int


def crop_window(
    *, box: Optional[Box], image_size: tuple[int, int], crop_mode: str, name: str = "the image"
) -> Window:
    """The window of whole pixels that a crop takes.

    'box' is the tight box, as in the paper, rounded outward and clipped to the image. 'square' is a square of 1.5
    times that box's longer side about its centre. It is shifted inside the image where it fits, and to contain the
    image where it does not. Without a box, the box is the whole image, and the square has its longer side and no margin,
    because nothing is known around it.

    Args:
      box: x, y, width, height in pixels, may be fractional and reach beyond the image; None is the whole image.
      image_size: height, width in pixels.
      crop_mode: one of `CROP_MODES`.
      name: what error messages call the image.

    Returns:
      The window; inside the image for 'box', possibly larger than the image for 'square'.

    Raises:
      UserError: the box has no area inside the image.
      ValueError: `crop_mode` is unknown.
    """
    if crop_mode not in CROP_MODES:
        raise ValueError(f"crop_mode is {crop_mode!r}, expected one of {CROP_MODES}.")
    height, width = image_size
    x, y, box_width, box_height = (0, 0, width, height) if box is None else box
    is_box = all(map(math.isfinite, (x, y, box_width, box_height))) and box_width > 0 and box_height > 0
    if not is_box or x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
        raise UserError(
            f"The box of {name} (x {x:g}, y {y:g}, width {box_width:g}, height {box_height:g}) has no area inside the "
            f"image of {width}x{height} pixels; boxes are x, y, width, height in pixels of the stored image."
        )
    left, top = max(0, math.floor(x)), max(0, math.floor(y))
    right = max(left + 1, min(width, math.ceil(x + box_width)))  # of a box thinner than rounding, too, a pixel
    bottom = max(top + 1, min(height, math.ceil(y + box_height)))
    if crop_mode == "box":
        return Window(left, top, right, bottom)
    side = round((1.0 if box is None else SQUARE_SCALE) * max(right - left, bottom - top))

    def start(first: int, last: int, length: int) -> int:
        centred = math.floor((first + last - side) / 2)
        return min(max(centred, min(0, length - side)), max(0, length - side))

    left, top = start(left, right, width), start(top, bottom, height)
    return Window(left, top, left + side, top + side)


def _reflected(start: int, stop: int, length: int) -> np.ndarray:
    """Indices start..stop-1 folded into [0, length): the axis continued by reflection without repeating its border."""
    last = length - 1
    return np.abs((np.arange(start, stop) + last) % max(2 * last, 1) - last) if last else np.zeros(stop - start, int)


def take_window(array: np.ndarray, window: Window, *, size: int) -> np.ndarray:
    """Cuts a window and resizes it with an antialiasing bilinear filter.

    Beyond the array's borders it is continued by reflection (as `np.pad(mode='reflect')`), repeatedly if need be.

    Args:
      array: uint8 [H, W, 3], or float32 [H, W].
      window: whole pixels.
      size: S, the side of the result in pixels; the aspect is not kept.

    Returns:
      [S, S, 3] or [S, S], of the array's dtype.
    """
    rows = _reflected(window.top, window.bottom, array.shape[0])
    columns = _reflected(window.left, window.right, array.shape[1])
    cut = Image.fromarray(array[rows[:, np.newaxis], columns])
    return np.array(cut.resize((size, size), Image.Resampling.BILINEAR))


def place_window(values: np.ndarray, window: Window, *, image_size: tuple[int, int]) -> np.ndarray:
    """The way back from a crop: scales a mask to its window, at its place in an otherwise empty picture.

    The filter is `take_window`'s. What the window has beyond the picture is dropped, and never computed.

    Args:
      values: float32 [S, S] in [0, 1], as inferred from what `take_window` cut.
      window: whole pixels, some of them in the picture.
      image_size: H, W of the picture in pixels.

    Returns:
      float32 [H, W] in [0, 1], 0 outside the window.
    """
    height, width = image_size
    left, top = max(window.left, 0), max(window.top, 0)
    right, bottom = min(window.right, width), min(window.bottom, height)
    window_width, window_height = window.right - window.left, window.bottom - window.top
    part = ((left - window.left) * values.shape[1] / window_width, (top - window.top) * values.shape[0] / window_height,
            (right - window.left) * values.shape[1] / window_width,
            (bottom - window.top) * values.shape[0] / window_height)
    placed = np.zeros((height, width), np.float32)
    placed[top:bottom, left:right] = Image.fromarray(values).resize(
        (right - left, bottom - top), Image.Resampling.BILINEAR, box=part)
    return np.clip(placed, 0.0, 1.0, out=placed)


def tight_window(binary_mask: np.ndarray) -> Optional[Window]:
    """The smallest window that holds every pixel of a mask, bool [H, W]; None where the mask is empty."""
    rows, columns = np.flatnonzero(binary_mask.any(axis=1)), np.flatnonzero(binary_mask.any(axis=0))
    if not len(rows):
        return None
    return Window(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
