"""What was found in a photograph, in its own pixels: labels, tables, and whether it has the size that was learnt.

In tables and outlines x and y are in pixels, (0, 0) is the photograph's upper left corner, and (0.5, 0.5) the middle of
its first pixel. Axis letters: m instances, H and W the photograph's sides.
"""

import csv
import dataclasses
import functools
import io
import json
from typing import Any, NamedTuple, Optional, Sequence

import cv2
import numpy as np

from errors import UserError

MOST_INSTANCES = 2**16 - 1  # that labels of 16 bits can number
# Share of the range of sizes below and above 1, in logarithms, that counts as well learnt. Above it is smaller, since what
# is too large is found in pieces, whose size is plausible.
INNER = (0.7, 0.5)
ALWAYS = (0.8, 1.25)  # sizes, as shares of the instances' own, that are never refused


class Found(NamedTuple):
    """What was found in a picture, m instances.

    Attributes:
      outlines: x and y of the corners of each outline, float32 [m, 32, 2] in pixels; the middle of the pixel in the
        upper left corner is at (0.5, 0.5).
      scores: float32 [m] in [0, 1].
      heights: int [m], where outlines are of whole instances, which cover each other: of two the higher is above. None:
        outlines are of what is seen, and where two overlap the one of the higher score is.
    """

    outlines: np.ndarray
    scores: np.ndarray
    heights: Optional[np.ndarray] = None


class Row(NamedTuple):
    """What is measured of an instance's pixels, in pixels of the photograph; of `COLUMNS`.

    `whole_diameter` is of a disk as large as what is inside of the outline, which may be hidden in part, and `seen` the share
    of that which is seen.
    """

    number: int
    x: float
    y: float
    left: int
    top: int
    width: int
    height: int
    area: int
    equivalent_diameter: float
    whole_diameter: float
    seen: float
    score: float


COLUMNS = Row._fields


@dataclasses.dataclass(frozen=True, eq=False)
class Instances:
    """Instances of a photograph, numbered from top to bottom.

    Attributes:
      outlines: x and y of the corners of each, m of float32 [c, 2], inside the photograph; by a student of whole shapes with
        what others hide.
      scores: float32 [m].
      labels: uint16 [H, W], the number of the instance that is seen, from 1 on.
    """

    outlines: Sequence[np.ndarray]
    scores: np.ndarray
    labels: np.ndarray

    @functools.cached_property
    def rows(self) -> list[Row]:
        """What is measured of each instance's pixels in `labels`, which lie in the box of its outline."""
        rows = []
        for number, (outline, score) in enumerate(zip(self.outlines, self.scores), start=1):
            low, high = box_of(outline, self.labels.shape)
            ys, xs = np.nonzero(self.labels[low[1]:high[1], low[0]:high[0]] == number)
            whole_area = cv2.contourArea(np.float32(outline))
            left, top, area = int(low[0] + xs.min()), int(low[1] + ys.min()), len(xs)
            rows.append(Row(number, round(low[0] + xs.mean() + 0.5, 2), round(low[1] + ys.mean() + 0.5, 2), left, top,
                            int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1, area, diameter_of(area), diameter_of(whole_area),
                            round(min(1.0, area / max(whole_area, 1.0)), 4), round(float(score), 4)))
        return rows


def diameter_of(area: float) -> float:
    """Returns the diameter of a disk of an area, to two digits."""
    return round(2.0 * float(area / np.pi) ** 0.5, 2)


def box_of(outline: np.ndarray, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first and one after the last column and row of the pixels of a picture that an outline touches."""
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
    return low, np.minimum(np.ceil(outline.max(axis=0)).astype(int), shape[1::-1])


def in_photograph(found: Found, *, scaled: Sequence[int], shape: Sequence[int]) -> Instances:
    """Takes what was found in a scaled photograph back to the photograph's own pixels.

    Instances of which nothing is seen, since others cover them, are left out.

    Args:
      found: as of `Student.find`.
      scaled: height and width of the picture that it was found in.
      shape: of the photograph, H and W.

    Raises:
      UserError: there are more than 65,535.
    """
    factors = np.array([shape[1] / scaled[1], shape[0] / scaled[0]], np.float32)
    outlines = np.clip(found.outlines * factors, 0.0, np.array([shape[1], shape[0]], np.float32))
    drawn = np.zeros(shape, np.int32)  # places in `found`, from 1 on
    for index in np.argsort(found.scores if found.heights is None else found.heights, kind="stable"):
        _fill(drawn, outlines[index], int(index) + 1)
    is_seen = np.zeros(len(outlines) + 1, bool)
    is_seen[drawn] = True
    seen = np.flatnonzero(is_seen[1:])
    if len(seen) > MOST_INSTANCES:
        raise UserError(f"{len(seen)} instances were found, and labels of 16 bits number at most {MOST_INSTANCES}; give "
                        "parts of the photograph one by one.")
    middles = outlines[seen].mean(axis=1)
    order = seen[np.lexsort((middles[:, 0], middles[:, 1]))]
    numbers = np.zeros(len(found.scores) + 1, np.uint16)
    numbers[order + 1] = np.arange(1, len(order) + 1)
    return Instances(outlines[order], found.scores[order], numbers[drawn])


def without_hidden(instances: Instances, *, least_seen: float) -> Instances:
    """Leaves out instances of which a smaller share than `least_seen`, in [0, 1], is seen, since others hide the rest."""
    kept = np.array([row.seen >= least_seen for row in instances.rows], bool)
    numbers = np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(instances.labels.dtype)
    outlines = [outline for outline, is_kept in zip(instances.outlines, kept) if is_kept]
    return Instances(outlines, instances.scores[kept], numbers[instances.labels])


def _fill(labels: np.ndarray, outline: np.ndarray, number: int) -> None:
    """Writes a number into the pixels whose middles are inside of an outline, by the rule of odd crossings."""
    low, high = box_of(outline, labels.shape)
    x, y = np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5
    (x1, y1), (x2, y2) = outline.T[..., np.newaxis], np.roll(outline, -1, axis=0).T[..., np.newaxis]
    edges, rows = np.nonzero((y1 > y) != (y2 > y))  # each pair is a line of pixels and an edge that crosses it
    x1, y1, x2, y2 = (ends[edges, 0] for ends in (x1, y1, x2, y2))
    left = np.searchsorted(x, x1 + (y[rows] - y1) * (x2 - x1) / (y2 - y1))  # middles that lie left of the crossing
    crossings = np.bincount(rows * (len(x) + 1) + left, minlength=len(y) * (len(x) + 1)).reshape(len(y), len(x) + 1)
    inside = np.cumsum(crossings[:, :0:-1], axis=1)[:, ::-1] % 2 == 1
    labels[low[1]:high[1], low[0]:high[0]][inside] = number


def typical_diameter(instances: Instances) -> float:
    """Returns the diameter of the instances that cover half of the covered pixels, when the smallest come first.

    Pieces of instances in gaps are many and small, and hardly change it. The plain median they would.
    """
    rows = sorted((row.area, row.equivalent_diameter) for row in instances.rows)
    areas = np.cumsum([area for area, _ in rows])
    return rows[int(np.searchsorted(areas, areas[-1] / 2))][1]


def check_scale(diameter: float, learnt: dict[str, Any], *, window_size: int, largest: int, name: str,
                is_searchable: bool = False) -> None:
    """Raises UserError where instances have not the size that was learnt, and names the window size that would fit.

    Args:
      diameter: of what was found (`typical_diameter`), in pixels of the scaled photograph.
      learnt: `diameter`, the median of the instances as they were before they were scaled, and `min_scale` and
        `max_scale`.
      window_size: by which the photograph was scaled.
      largest: window size that the photograph has room for, its shorter side.
      name: what the message calls the photograph.
      is_searchable: whether the window size is searched where none is given.
    """
    ratio = diameter / learnt["diameter"]
    if min(learnt["min_scale"] ** INNER[0], ALWAYS[0]) <= ratio <= max(learnt["max_scale"] ** INNER[1], ALWAYS[1]):
        return
    better = max(1, round(window_size * ratio))
    if is_searchable:
        advice = "leave --window_size out, and it is searched"
    elif better <= largest:
        advice = f"--window_size={better} would fit better"
    else:
        advice = f"windows of {better} pixels would fit better, which it has no room for, so give a larger part of the photograph"
    raise UserError(f"{name} shows instances of {ratio:.2f} times the learnt size, at the border of what was learnt "
                    f"({learnt['min_scale']:g} to {learnt['max_scale']:g} times) with --window_size={window_size}; {advice}")


def csv_text(instances: Instances) -> str:
    """Returns instances.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(instances.rows)
    return buffer.getvalue()


def coco_text(instances: Instances, *, name: str) -> str:
    """Returns instances.json, in COCO's format: one image, one category, and an outline for each instance."""
    height, width = instances.labels.shape
    corners = [np.round(outline.ravel().astype(float), 2).tolist() for outline in instances.outlines]
    annotations = [{"id": row.number, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [polygon],
                    "bbox": [row.left, row.top, row.width, row.height], "area": row.area, "score": row.score}
                   for row, polygon in zip(instances.rows, corners)]
    return json.dumps({"images": [{"id": 1, "file_name": name, "width": width, "height": height}],
                       "categories": [{"id": 1, "name": "instance"}], "annotations": annotations}) + "\n"
