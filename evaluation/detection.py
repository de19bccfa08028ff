"""How well the instances of one photograph are found and counted.

Found instances are compared with true ones in two forms.

* Label images say to which instance each pixel belongs. A found instance may match a true one if their IoU is at least
  a threshold, one-to-one. TP, FP and FN are the numbers of matched, left over and missed instances. The average
  precision at that threshold is TP / (TP + FP + FN), and F1 is 2 TP / (2 TP + FP + FN). The panoptic quality is the sum
  of the matches' IoU over (TP + FP / 2 + FN / 2). `stardist.matching` computes them.
* Points say where each instance's middle is. A found point may match a true one that is at most a radius away; as a
  rule half the instances' median diameter. Of all one-to-one matchings the one with most pairs is taken, and of
  these the one of the smallest sum of distances.

The count error is (found - true) / true: 0.1 is a tenth too many. Where nothing is true and nothing is found both agree:
shares are 1 and the count error is 0. Where nothing is true and something is found it is infinite.

Axis letters: H rows, W columns, n found points, m true points, k pairs. Points are x to the right and y down, in pixels;
0, 0 is the middle of the pixel in the upper left corner.
"""

import dataclasses
from typing import Optional

import numpy as np

from evaluation import optional

IOU_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclasses.dataclass(frozen=True)
class LabelScores:
    """How well a label image agrees with the true one; the tuples have a value for each of `thresholds`.

    Attributes:
      thresholds: of the IoU, in (0, 1].
      average_precision: TP / (TP + FP + FN), in [0, 1].
      f1: in [0, 1].
      panoptic_quality: in [0, 1].
      count_error: (found - true) / true.
      num_found: instances.
      num_true: instances.
    """

    thresholds: tuple[float, ...]
    average_precision: tuple[float, ...]
    f1: tuple[float, ...]
    panoptic_quality: tuple[float, ...]
    count_error: float
    num_found: int
    num_true: int


@dataclasses.dataclass(frozen=True)
class PointScores:
    """How well found points agree with true ones.

    Attributes:
      radius: pixels that the two of a pair may lie apart.
      precision: share of the found points that are in a pair.
      recall: share of the true points that are in a pair.
      f1: harmonic mean of the two.
      count_error: (found - true) / true.
      num_found: points.
      num_true: points.
    """

    radius: float
    precision: float
    recall: float
    f1: float
    count_error: float
    num_found: int
    num_true: int


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far two annotators of one picture agree.

    Attributes:
      f1: of the one's points against the other's, whichever is called true.
      num_first: points of the first.
      num_second: points of the second.
      num_both: pairs.
      mean_distance: of the two of a pair, in pixels; not a number where there is no pair.
    """

    f1: float
    num_first: int
    num_second: int
    num_both: int
    mean_distance: float


def score_labels(found: np.ndarray, true: np.ndarray, *, ignored: Optional[np.ndarray] = None,
                 thresholds: tuple[float, ...] = IOU_THRESHOLDS) -> LabelScores:
    """Compares a label image with the true one.

    Args:
      found: int [H, W], 0 background; other numbers, small ones, in any order, one for each instance.
      true: likewise, of the same shape.
      ignored: bool [H, W], where it is not known or does not matter what is there. No true instance is there, and found
        instances with more than half of their pixels there do not count. None: nowhere.
      thresholds: of the IoU, each in (0, 1]; at least one.

    Raises:
      UserError: stardist is not installed.
      ValueError: shapes differ, or an array holds no whole numbers or negative ones.
    """
    found, true = as_labels(found), as_labels(true)
    if found.shape != true.shape or ignored is not None and ignored.shape != true.shape:
        raise ValueError(f"Found labels {list(found.shape)}, true ones {list(true.shape)} and what is ignored must be of "
                         "one shape.")
    if ignored is not None:
        found, true = without_ignored(found, ignored), np.where(ignored, 0, true)
    matching = optional.load("stardist.matching").matching
    results = matching(true, found, thresh=tuple(thresholds))
    num_found, num_true = int(results[0].n_pred), int(results[0].n_true)
    agree = float(num_found == num_true == 0)
    return LabelScores(
        thresholds=tuple(thresholds),
        average_precision=tuple(float(result.accuracy) or agree for result in results),
        f1=tuple(float(result.f1) or agree for result in results),
        panoptic_quality=tuple(float(result.panoptic_quality) or agree for result in results),
        count_error=count_error(num_found, num_true), num_found=num_found, num_true=num_true)


def score_points(found: np.ndarray, true: np.ndarray, *, radius: float) -> PointScores:
    """Compares found points with true ones.

    Args:
      found: float [n, 2], x and y in pixels; n may be 0.
      true: float [m, 2]; m may be 0.
      radius: pixels that the two of a pair may lie apart, above 0.

    Raises:
      UserError: SciPy is not installed.
      ValueError: as `match_points`.
    """
    num_pairs = len(match_points(found, true, radius=radius))
    num_found, num_true = len(found), len(true)
    agree = float(num_found == num_true == 0)
    return PointScores(radius=float(radius), precision=num_pairs / num_found if num_found else agree,
                       recall=num_pairs / num_true if num_true else agree,
                       f1=2 * num_pairs / (num_found + num_true) if num_found + num_true else agree,
                       count_error=count_error(num_found, num_true), num_found=num_found, num_true=num_true)


def match_points(first: np.ndarray, second: np.ndarray, *, radius: float) -> np.ndarray:
    """Pairs points of two sets that lie at most `radius` apart, as many as can be, one-to-one.

    Args:
      first: float [n, 2], x and y in pixels.
      second: float [m, 2].
      radius: pixels, above 0.

    Returns:
      int [k, 2]: the numbers of the pairs' points in the two sets, in the order of the first.

    Raises:
      UserError: SciPy is not installed.
      ValueError: points are not [n, 2] or not finite, or the radius is not above 0.
    """
    first, second = as_points(first), as_points(second)
    if not radius > 0:
        raise ValueError(f"radius is {radius}, expected pixels above 0.")
    distances = np.linalg.norm(first[:, np.newaxis] - second, axis=-1)  # [n, m]
    # One forbidden pair costs more than any sum of allowed distances, so the number of pairs goes first.
    forbidden = radius * (min(distances.shape, default=0) + 1.0)
    assign = optional.load("scipy.optimize").linear_sum_assignment
    pairs = np.stack(assign(np.where(distances <= radius, distances, forbidden)), axis=-1)
    return pairs[distances[pairs[:, 0], pairs[:, 1]] <= radius]


def agreement(first: np.ndarray, second: np.ndarray, *, median_diameter: float) -> Agreement:
    """Compares the points of two annotators of one picture; a pair lies at most half the median diameter apart.

    Args:
      first: float [n, 2], x and y in pixels.
      second: float [m, 2].
      median_diameter: of the instances, in pixels.

    Raises:
      UserError: SciPy is not installed.
      ValueError: as `match_points`.
    """
    pairs = match_points(first, second, radius=median_diameter / 2.0)
    apart = np.linalg.norm(as_points(first)[pairs[:, 0]] - as_points(second)[pairs[:, 1]], axis=-1)
    return Agreement(f1=score_points(first, second, radius=median_diameter / 2.0).f1, num_first=len(first),
                     num_second=len(second), num_both=len(pairs),
                     mean_distance=float(apart.mean()) if len(pairs) else float("nan"))


def count_error(num_found: int, num_true: int) -> float:
    """Returns (found - true) / true; without true instances 0 where none is found, else infinity."""
    if num_true:
        return (num_found - num_true) / num_true
    return float("inf") if num_found else 0.0


def centres(labels: np.ndarray) -> np.ndarray:
    """Returns the mean x and y of each instance's pixels, in the order of the labels: float64 [n, 2].

    Args:
      labels: int [H, W], 0 background.

    Raises:
      ValueError: as `as_labels`.
    """
    flat = as_labels(labels).ravel()
    rows, columns = np.divmod(np.arange(flat.size), max(1, labels.shape[1]))
    areas = np.bincount(flat)
    present = np.flatnonzero(areas)
    present = present[present > 0]
    sums = [np.bincount(flat, weights=axis)[present] for axis in (columns, rows)]
    return np.stack(sums, axis=-1) / areas[present, np.newaxis]


def median_diameter(labels: np.ndarray) -> float:
    """Returns the median over instances of the diameter of the disk of their area, in pixels; 0 without instances.

    Args:
      labels: int [H, W], 0 background.

    Raises:
      ValueError: as `as_labels`.
    """
    areas = np.unique(as_labels(labels)[labels > 0], return_counts=True)[1]
    return float(np.median(2.0 * np.sqrt(areas / np.pi))) if len(areas) else 0.0


def without_ignored(labels: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Takes instances away that have more than half of their pixels where it does not matter what is there.

    Args:
      labels: int [H, W], 0 background.
      ignored: bool [H, W].

    Returns:
      int64 [H, W], 0 where they were.
    """
    labels = as_labels(labels)
    areas = np.bincount(labels.ravel())
    kept = areas >= 2 * np.bincount(labels[ignored], minlength=len(areas))
    return np.where(kept, np.arange(len(areas)), 0)[labels]


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Returns a label image as int64 [H, W]; ValueError where it is none."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer) or labels.size and labels.min() < 0:
        raise ValueError("A label image is int [H, W] of numbers from 0, but got "
                         f"{'negative ones' if labels.size and labels.min() < 0 else labels.dtype} {list(labels.shape)}.")
    return labels.astype(np.int64)


def as_points(points: np.ndarray) -> np.ndarray:
    """Returns points as float64 [n, 2]; ValueError where they are none."""
    points = np.asarray(points, np.float64)
    if not points.size:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"Points are finite numbers [n, 2], but got {list(points.shape)}.")
    return points
