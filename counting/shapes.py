"""Pixels of whole instances, each in its box. Axis letters: h and w the sides of a box, R corners."""

from typing import NamedTuple

import cv2
import numpy as np

SUBPIXEL = 4  # bits of a pixel's fraction that outlines are drawn with


class Shape(NamedTuple):
    """The pixels of an instance.

    Attributes:
      top: of the box, in pixels of the picture; negative above it.
      left: likewise.
      mask: uint8 [h, w], 1 inside.
    """

    top: int
    left: int
    mask: np.ndarray


class Turn(NamedTuple):
    """How a picture is turned and flipped.

    Attributes:
      quarters: of a turn to the left, 0 to 3.
      is_flipped: whether it is then flipped sideways.
    """

    quarters: int
    is_flipped: bool

    def array(self, values: np.ndarray) -> np.ndarray:
        """Turns and flips an array's first two axes."""
        values = np.rot90(values, self.quarters)
        return values[:, ::-1] if self.is_flipped else values

    def shape(self, shape: Shape, *, size: tuple[int, int]) -> Shape:
        """Turns and flips a shape with its picture, whose height and width before are `size`."""
        top, left, (rows, columns) = shape.top, shape.left, shape.mask.shape
        height, width = size
        for _ in range(self.quarters):
            top, left, rows, columns = width - left - columns, top, columns, rows
            height, width = width, height
        return Shape(top, width - left - columns if self.is_flipped else left, self.array(shape.mask))


def shape_of(mask: np.ndarray) -> Shape:
    """Returns the shape of a mask, bool [H, W], of at least one pixel."""
    pixels = mask.astype(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    return Shape(top, left, pixels[top:top + height, left:left + width].copy())


def inside_of(corners: np.ndarray, *, grid: int) -> Shape:
    """Draws an outline, rows first [2, R]; the box starts at multiples of `grid` pixels."""
    top, left = grid * np.floor(corners.min(axis=1) / grid).astype(int)
    height, width = np.ceil(corners.max(axis=1)).astype(int) + 1 - (top, left)
    mask = np.zeros((height, width), np.uint8)
    points = np.rint((corners[::-1].T - (left, top)) * 2**SUBPIXEL).astype(np.int32)
    cv2.fillPoly(mask, [points], 1, shift=SUBPIXEL)
    return Shape(int(top), int(left), mask)


def overlap(one: Shape, other: Shape) -> int:
    """Returns how many pixels two shapes share."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom, right = (min(one[axis] + one.mask.shape[axis], other[axis] + other.mask.shape[axis]) for axis in (0, 1))
    if top >= bottom or left >= right:
        return 0
    parts = (shape.mask[top - shape.top:bottom - shape.top, left - shape.left:right - shape.left] for shape in (one, other))
    return int(np.count_nonzero(np.bitwise_and(*parts)))
