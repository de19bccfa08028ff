"""Outlines at half maximum: where things lie apart, each ends half-way between its own colour and its ground's.

A student says which pixels are one instance better than where exactly that ends. Where the ground beside an instance is
seen, the photograph says so: at the full width at half maximum, as blurred edges are measured in microscopy. Nothing is
learnt, and no label is used. Axis letters: m instances, H and W a picture's sides.
"""

import dataclasses
from typing import Optional

import cv2
import numpy as np

from counting import found
from counting.found import Instances

REACH = 0.2  # by how much an outline may move outwards, in typical diameters
RING = 0.4  # how far from an outline its ground is looked at, in typical diameters
LEAST_PIXELS = 5  # of an instance and of its ground, to know their colours
CHANGE = 2.0  # an instance that would become so many times larger or smaller stays as it is


def refined(instances: Instances, photograph: np.ndarray) -> Instances:
    """Moves the outlines of instances to half maximum.

    Args:
      instances: at least one, in the photograph's pixels.
      photograph: uint8 [H, W, 3].

    Returns:
      The same instances with the same numbers and scores, each of one piece. One whose ground is not seen, or that would
      change too much, keeps its border; of pieces that others have cut apart the largest is left.
    """
    labels = refined_labels(instances.labels.astype(np.int32), photograph, diameter=found.typical_diameter(instances))
    return dataclasses.replace(instances, outlines=_outlines(labels), labels=labels.astype(np.uint16))


def refined_labels(labels: np.ndarray, picture: np.ndarray, *, diameter: float) -> np.ndarray:
    """Moves the borders of labels to half maximum; no label goes, each is one piece, and none takes another's pixels.

    Args:
      labels: int [H, W], 0 is ground.
      picture: of three channels, [H, W, 3].
      diameter: of a typical instance, pixels.

    Returns:
      int32 [H, W].
    """
    from scipy import ndimage
    picture = picture.astype(np.float32)
    distances, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    owners = np.where(distances <= RING * diameter, labels[tuple(nearest)], 0)
    is_own = distances <= REACH * diameter
    moved = np.zeros(labels.shape, np.int32)
    for number, box in enumerate(ndimage.find_objects(owners), start=1):
        if box is not None:
            is_owner, before = owners[box] == number, labels[box] == number
            after = _at_half_maximum(picture[box], before, territory=is_owner & is_own[box],
                                     ground=is_owner & (labels[box] == 0))
            moved[box][_largest_piece(before) if after is None else after] = number
    return moved


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    """Returns the largest piece of a mask, bool [h, w], of at least one pixel."""
    _, pieces, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return pieces == 1 + figures[1:, cv2.CC_STAT_AREA].argmax()


def _at_half_maximum(pixels: np.ndarray, before: np.ndarray, *, territory: np.ndarray,
                     ground: np.ndarray) -> Optional[np.ndarray]:
    """Returns which pixels of its territory are nearer to the instance's colour than to its ground's: one piece, or None.

    All are bool [h, w] but `pixels`, float32 [h, w, 3].
    """
    if min(np.count_nonzero(before), np.count_nonzero(ground)) < LEAST_PIXELS:
        return None
    inner, outer = (np.median(pixels[where], axis=0) for where in (before, ground))
    towards = inner - outer
    above = (pixels - outer) @ towards > 0.5 * towards @ towards
    _, pieces = cv2.connectedComponents((above & territory).astype(np.uint8), connectivity=4)
    sizes = np.bincount(pieces[before], minlength=2)[1:]
    after = _without_holes(pieces == 1 + sizes.argmax()) & territory
    areas = np.count_nonzero(before), np.count_nonzero(after)
    return after if sizes.any() and max(areas) <= CHANGE * min(areas) else None


def _without_holes(piece: np.ndarray) -> np.ndarray:
    """Fills the holes of one piece, bool [h, w]."""
    filled = piece.astype(np.uint8)
    outer, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(filled, outer, -1, 1, cv2.FILLED).astype(bool)


def _outlines(labels: np.ndarray) -> list[np.ndarray]:
    """Returns the outer border of the pixels of each label, 1 to m: x and y of its corners, float32 [c, 2]."""
    from scipy import ndimage
    from skimage import measure
    outlines = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        mask = np.pad(labels[rows, columns] == number, 1).astype(np.float32)
        border = max(measure.find_contours(mask, 0.5), key=len)[:-1]  # the last corner is the first
        outlines.append((border[:, ::-1] - 0.5 + (columns.start, rows.start)).astype(np.float32))
    return outlines
