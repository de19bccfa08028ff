"""Self-training: what a student has found in a photograph is cut out, and the next student learns from composites of it.

The pixels of such instances are the photograph's own, where a generator's are learnt. No label is used. Axis letters: n
instances, H and W a picture's sides, S the side of a window.
"""

import dataclasses
from typing import Any

import cv2
import numpy as np

from counting.composites import Recipe, diameters
from counting.found import Instances, typical_diameter
from data import hoc
from errors import UserError

BLUR = {"dense": 1.0, "black": 1.0, "own": 2.0}  # pixels of a window of 64; nuclei's light goes beyond their outline
LEAST_AREA = {"dense": 0.6, "black": 0.5, "own": 0.5}  # of the median area; smaller ones are mostly pieces
LEAST_SEEN = 0.85  # share of a whole outline that is seen: others are cut out as a part
SCALES = (0.8, 1.25)  # what was cut out has the photograph's sizes already
LEAST_INSTANCES, MOST_INSTANCES = 8, 1024  # of fewer no student is taught, and more add nothing but memory
WINDOW_DIAMETERS = 2.0  # a window, in diameters of what was found, where things lie apart


def cut_out(picture: np.ndarray, labels: np.ndarray, *, blur: float, least_area: float) -> np.ndarray:
    """Cuts instances out of a picture, each in the middle of a window.

    Those at the border are left out, and what is larger than a window.

    Args:
      picture: uint8 [H, W, 3].
      labels: int [H, W], 0 is ground.
      blur: standard deviation in pixels of the Gaussian that softens masks; 0: none.
      least_area: smallest area, as a share of the median one.

    Returns:
      RGBA, float32 [n, S, S, 4] in [0, 1], S as `data.hoc.WINDOW`; n may be 0 and is at most `MOST_INSTANCES`, which are
      then spread over the picture as their numbers are.
    """
    areas, (tops, lefts, bottoms, rights) = _boxes(labels)
    inside = (tops > 0) & (lefts > 0) & (bottoms < labels.shape[0]) & (rights < labels.shape[1])
    fits = np.maximum(bottoms - tops, rights - lefts) <= hoc.WINDOW
    least = max(1.0, least_area * np.median(areas[areas > 0])) if areas.any() else 1.0
    chosen = np.flatnonzero(inside & fits & (areas >= least))
    if len(chosen) > MOST_INSTANCES:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_INSTANCES).astype(int)]
    half, rows, columns = hoc.WINDOW // 2, np.rint((tops + bottoms) / 2).astype(int), np.rint((lefts + rights) / 2).astype(int)
    picture, labels = (np.pad(values, [(half, half)] * 2 + [(0, 0)] * (values.ndim - 2)) for values in (picture, labels))
    cut = np.zeros((len(chosen), hoc.WINDOW, hoc.WINDOW, 4), np.float32)
    for one, index in zip(cut, chosen):
        window = np.s_[rows[index]:rows[index] + hoc.WINDOW, columns[index]:columns[index] + hoc.WINDOW]  # of the padded
        mask = (labels[window] == index + 1).astype(np.float32)
        one[..., :3] = picture[window] / np.float32(255.0)
        one[..., 3] = cv2.GaussianBlur(mask, (0, 0), blur) if blur else mask
    return cut


def _boxes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the areas of the numbers 1 to m, int [m], and their tops, lefts, bottoms and rights, int [4, m]."""
    flat = labels.ravel()
    places = np.flatnonzero(flat)
    numbers = flat[places].astype(int) - 1
    count = int(numbers.max()) + 1 if len(numbers) else 0
    boxes = np.zeros((4, count), int)
    boxes[:2] = max(labels.shape)
    for axis, positions in enumerate(np.divmod(places, labels.shape[1])):
        np.minimum.at(boxes[axis], numbers, positions)
        np.maximum.at(boxes[axis + 2], numbers, positions + 1)
    return np.bincount(numbers, minlength=count), boxes


def cut_instances(found: Instances, scaled: np.ndarray, *, ground: str, amodal: bool = False, share: float = 1.0) -> np.ndarray:
    """Cuts out what was found, for composites of a ground.

    Args:
      found: in the photograph's pixels.
      scaled: the photograph so that windows are of 64 pixels, uint8 [H, W, 3].
      ground: one of `counting.composites.GROUNDS`.
      amodal: whether outlines are of whole instances, so that those that others hide in part can be left out.
      share: of what was found, in (0, 1]; those of the best scores are cut out. What looks like no instance has a low score,
        and a student that learns from it finds more of it.

    Returns:
      As `cut_out`.

    Raises:
      UserError: they are fewer than `LEAST_INSTANCES`.
    """
    is_left_out = found.scores < np.quantile(found.scores, 1.0 - share)
    if amodal:
        is_left_out |= np.array([row.seen < LEAST_SEEN for row in found.rows])
    labels = np.where(np.append(False, is_left_out)[found.labels], 0, found.labels).astype(found.labels.dtype)
    labels = cv2.resize(labels, scaled.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    cut = cut_out(scaled, labels, blur=BLUR[ground], least_area=LEAST_AREA[ground])
    if len(cut) < LEAST_INSTANCES:
        raise UserError(f"{len(cut)} whole instances were found, and at least {LEAST_INSTANCES} are needed")
    return cut


def window_size(found: Instances, *, trained: int, ground: str) -> int:
    """Returns the next student's window size in the photograph's pixels.

    Where things lie apart it is `WINDOW_DIAMETERS` median diameters, if that is less than before: a generator needs room
    about an instance, and a student does not. On dense ground most instances are seen in part, and it stays.
    """
    if ground == "dense":
        return trained
    return max(hoc.SMALLEST_WINDOW, min(trained, round(WINDOW_DIAMETERS * typical_diameter(found))))


def recipe_of(recipe: Recipe) -> Recipe:
    """Returns how composites of what was cut out are made: as those of the generator's instances, but of its own sizes."""
    return dataclasses.replace(recipe, min_scale=SCALES[0], max_scale=SCALES[1])


def learnt(cut: np.ndarray, recipe: Recipe) -> dict[str, Any]:
    """Returns the sizes that a student of instances [n, S, S, 4] learns, as its file keeps them.

    Scales are those of the recipe, times the smallest and the largest instance's size over the median one's: what was cut
    out has sizes of its own, where a generator's instances have nearly one.
    """
    sizes = diameters(cut)
    median = float(np.median(sizes))
    return {**dataclasses.asdict(recipe), "diameter": median, "min_scale": recipe.min_scale * float(sizes.min()) / median,
            "max_scale": recipe.max_scale * float(sizes.max()) / median}
