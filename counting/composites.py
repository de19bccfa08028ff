"""Composites whose instances are known: RGBA instances at random places, with their visible pixels and their whole shapes.

Axis letters: n instances, k of them in a composite, S the side of an instance's picture, H and W those of a composite.
"""

import dataclasses
import math
from typing import Iterator, NamedTuple, Optional, Sequence

import cv2
import numpy as np

from counting import sprites
from counting.shapes import Shape, shape_of
from counting.sprites import Sprite
from models import composition

GROUNDS = ("dense", "black", "own")  # instances until the ground is hidden; a random number on black, or on a picture
MOST_UNCOVERED = 0.02  # share of a dense composite's pixels at which its ground counts as hidden
MOST_COVERED = 0.7  # of a composite's area, at most, is covered where the ground is seen
MOST_PLACED = 2000


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How composites are made.

    Attributes:
      size: side of a composite in pixels.
      ground: one of `GROUNDS`.
      min_scale: smallest factor by which an instance is scaled.
      max_scale: largest.
      shadow_strength: largest opacity of the soft shadow that an instance casts on what is below it; 0: none.
      min_visible: share of an instance's pixels in the composite that must be seen; of less, no label is kept.
      spacing: least distance of the middles of instances, in diameters: 0.5 asks that middles are seen, and 1 that
        instances only touch. Below them, on dense ground, others fill the gaps.
      upright: whether instances are turned by at most `sprites.UPRIGHT_TILT` to either side instead of all around, as heads of a
        crowd, which never stand on their heads, or where light comes from above.
      max_stretch: how much longer instances are made at most, in one direction, at the same area; 1: not.
      max_bend: how much the longest are bent at most (`deformation.deformed`); 0: not.
    """

    size: int = 128
    ground: str = "dense"
    min_scale: float = 0.6
    max_scale: float = 1.7
    shadow_strength: float = 0.7
    min_visible: float = 0.45
    spacing: float = 0.8
    upright: bool = False
    max_stretch: float = 1.0
    max_bend: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what no composite can be made of, as ValueError."""
        if self.ground not in GROUNDS:
            raise ValueError(f"ground is {self.ground!r}, expected one of {GROUNDS}.")
        if self.spacing < 0.5:
            raise ValueError(f"spacing is {self.spacing}, at least 0.5.")
        if self.max_stretch < 1 or self.max_bend < 0:
            raise ValueError(f"max_stretch is {self.max_stretch}, at least 1, and max_bend {self.max_bend}, at least 0.")
        if self.size < 1 or not 0 < self.min_scale <= self.max_scale:
            raise ValueError(f"size {self.size} is at least 1, scales {self.min_scale} and {self.max_scale} are positive "
                             "and ascending.")


class Composite(NamedTuple):
    """One composite.

    Attributes:
      image: uint8 [H, W, 3].
      labels: int32 [H, W], the number of the instance that is seen, from 1 on, 0 where there is none.
      shapes: of the whole instances 1 to k, what others hide of them too, as far as the composite reaches.
    """

    image: np.ndarray
    labels: np.ndarray
    shapes: Sequence[Shape]


class Placed(NamedTuple):
    """A sprite and where its upper left corner is in a composite, which it may reach beyond."""

    sprite: Sprite
    row: int
    column: int


def make(instances: np.ndarray, recipe: Recipe, *, count: int, seed: int,
         ground: Optional[np.ndarray] = None) -> Iterator[Composite]:
    """Makes composites of instances. Uses Eq. (4) and (5); equal arguments make equal composites.

    Args:
      instances: float32 [n, S, S, 4] in [0, 1], RGBA: sampled ones, or ones that were cut out.
      recipe: how.
      count: of the composites.
      seed: any integer of 32 bits.
      ground: where the recipe says 'own', the picture whose windows are the ground, uint8 [H, W, 3], both sides at
        least the composites'.

    Yields:
      `count` composites.

    Raises:
      ValueError: the ground is missing or too small, or no instance can be seen.
    """
    if recipe.ground == "own" and (ground is None or min(ground.shape[:2]) < recipe.size):
        raise ValueError(f"the ground is a picture of at least {recipe.size} pixels a side.")
    turned = sprites.make(instances, scales=(recipe.min_scale, recipe.max_scale), upright=recipe.upright,
                          shadow_strength=recipe.shadow_strength, seed=seed, max_stretch=recipe.max_stretch,
                          max_bend=recipe.max_bend)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        placed = arrange(turned, recipe, rng=rng)
        bottom = _window(ground, recipe.size, rng=rng) if recipe.ground == "own" else None
        yield compose(placed, size=recipe.size, min_visible=recipe.min_visible, bottom=bottom)


def _window(picture: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Cuts a window at random: float32 [size, size, 3] in [0, 1]."""
    top, left = (rng.integers(side - size + 1) for side in picture.shape[:2])
    return picture[top:top + size, left:left + size].astype(np.float32) / 255.0


def median_diameter(instances: np.ndarray) -> float:
    """Returns the median of `diameters`."""
    return float(np.median(diameters(instances)))


def diameters(instances: np.ndarray) -> np.ndarray:
    """Returns the diameters in pixels of disks that have as many pixels as instances [n, S, S, 4] of alpha 0.5, if any."""
    areas = np.count_nonzero(instances[..., 3] >= 0.5, axis=(1, 2))
    return 2.0 * np.sqrt(areas[areas > 0] / np.pi)


def arrange(available: Sequence[Sprite], recipe: Recipe, *, rng: np.random.Generator) -> list[Placed]:
    """Draws sprites and their places, from the topmost down.

    The middle of each is away from those above it by `spacing`, until no such place is left. On dense ground more follow
    below them, whose middles are just seen, until the ground is hidden, as in a heap. Places lie up to a third of the
    largest sprite outside of the composite, so that its border cuts instances.

    Returns:
      The sprites that touch the composite, bottom first, as layers are composed.
    """
    reach = max(max(sprite.rgba.shape[:2]) for sprite in available) // 3
    side = recipe.size + 2 * reach
    free, uncovered = np.ones((2, side, side), bool)
    inside = np.s_[reach:reach + recipe.size, reach:reach + recipe.size]
    is_dense, most = recipe.ground == "dense", MOST_PLACED
    if not is_dense:
        area = np.mean([np.count_nonzero(sprite.rgba[..., 3] >= 0.5) for sprite in available])
        most = int(rng.integers(1, max(2, MOST_COVERED * side**2 / area + 1)))
    found = []
    while len(found) < most and (uncovered[inside].mean() > MOST_UNCOVERED if is_dense else free.any()):
        places = np.flatnonzero(free if free.any() else uncovered)
        sprite = available[rng.integers(len(available))]
        row, column = divmod(int(places[rng.integers(len(places))]), side)
        row, column = row - sprite.centre[0], column - sprite.centre[1]
        mask = sprite.rgba[..., 3] >= 0.5
        zone, margin = _widened(mask, share=recipe.spacing - 0.5)
        for taken, place, picture in ((uncovered, (row, column), mask), (free, (row - margin, column - margin), zone)):
            window, part = _overlap(*place, picture.shape, side)
            taken[window] &= ~picture[part]
        found.append(Placed(sprite, row - reach, column - reach))
    return found[::-1]


def _widened(mask: np.ndarray, *, share: float) -> tuple[np.ndarray, int]:
    """Widens a mask, bool [h, w], by a share of the diameter of a disk of its area.

    Returns:
      bool [h + 2 margin, w + 2 margin], and the margin in pixels.
    """
    margin = round(share * 2.0 * math.sqrt(np.count_nonzero(mask) / math.pi))
    padded = np.pad(mask, margin).astype(np.uint8)
    if not margin:
        return padded > 0, 0
    return cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)) > 0, margin


def _overlap(row: int, column: int, shape: Sequence[int], side: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Returns which pixels of a square a picture at a place covers, and which of its own these are."""
    window = tuple(slice(min(max(start, 0), side), max(0, min(start + length, side)))
                   for start, length in zip((row, column), shape))
    return window, tuple(slice(axis.start - start, axis.stop - start) for axis, start in zip(window, (row, column)))


def compose(placed: Sequence[Placed], *, size: int, min_visible: float,
            bottom: Optional[np.ndarray] = None) -> Composite:
    """Blends placed sprites, bottom first, each above its shadow; see `visible_labels`. Uses Eq. (5).

    Below them is `bottom`, float32 [size, size, 3] in [0, 1], or black.
    """
    image = np.zeros((size, size, 3), np.float32) if bottom is None else bottom.copy()
    alphas = np.zeros((len(placed), size, size), np.float32)
    for index, (sprite, row, column) in enumerate(placed):
        window, part = _overlap(row, column, sprite.rgba.shape[:2], size)
        if sprite.shadow[part].size:
            image[window] = _above(image[window], sprite.rgba[part], sprite.shadow[part])
            alphas[(index, *window)] = sprite.rgba[part][..., 3]
    inside = np.flatnonzero((alphas >= 0.5).any(axis=(1, 2)))
    labels = visible_labels(alphas[inside], min_visible=min_visible)
    shapes = [shape_of(alpha >= 0.5) for alpha in alphas[inside]]
    return Composite(np.round(255.0 * image).astype(np.uint8), labels, shapes)


def _above(ground: np.ndarray, rgba: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Composes ground [h, w, 3], a black shadow [h, w], and the instance [h, w, 4] that casts it, by Eq. (5)."""
    shaded = composition.over(0.0, opacity[..., np.newaxis], ground)
    return composition.over(rgba[..., :3], rgba[..., 3:], shaded)


def visible_labels(alphas: np.ndarray, *, min_visible: float) -> np.ndarray:
    """Says which instance is seen at each pixel: the one that contributes most, if its own alpha is at least 0.5.

    Args:
      alphas: float [k, H, W] in [0, 1], bottom first.
      min_visible: an instance of which a smaller share of its pixels (alpha 0.5 or more) is seen has no label.

    Returns:
      int32 [H, W], numbers 1 to k, 0 where none is seen.
    """
    if not len(alphas):
        return np.zeros(alphas.shape[1:], np.int32)
    through = np.cumprod((1.0 - alphas)[::-1], axis=0)[::-1]  # what each instance and those above let through
    contributions = alphas * np.concatenate([through[1:], np.ones_like(through[:1])])
    topmost = contributions.argmax(axis=0)
    seen = np.take_along_axis(alphas, topmost[np.newaxis], axis=0)[0] >= 0.5
    labels = np.where(seen, topmost + 1, 0).astype(np.int32)
    visible = np.bincount(labels.ravel(), minlength=len(alphas) + 1)
    whole = np.count_nonzero(alphas >= 0.5, axis=(1, 2))
    dropped = 1 + np.flatnonzero(visible[1:] < min_visible * whole)
    labels[np.isin(labels, dropped)] = 0
    return labels
