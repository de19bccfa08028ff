"""What was found in a photograph, in its own pixels: labels, tables, and whether it has the size that was learnt.

In tables and outlines x and y are in pixels, (0, 0) is the photograph's upper left corner, and (0.5, 0.5) the middle of
its first pixel. Axis letters: m instances, H and W the photograph's sides.
"""

import csv
import io
import json
from typing import Any, NamedTuple, Sequence

import numpy as np

from counting.student import Found
from errors import UserError

MOST_INSTANCES = 2**16 - 1  # that labels of 16 bits can number
# Share of the range of sizes below and above 1, in logarithms, that counts as well learnt. Above it is smaller, since what
# is too large is found in pieces, whose size is plausible.
INNER = (0.7, 0.5)
ALWAYS = (0.8, 1.25)  # sizes, as shares of the instances' own, that are never refused
COLUMNS = ("number", "x", "y", "left", "top", "width", "height", "area", "equivalent_diameter", "score")


class Instances(NamedTuple):
    """Instances of a photograph, numbered from top to bottom.

    Attributes:
      outlines: x and y of corners, float32 [m, c, 2], inside the photograph.
      scores: float32 [m].
      labels: uint16 [H, W], the number of the instance, from 1 on; where two overlap the one of the higher score.
    """

    outlines: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def rows(self) -> list[tuple]:
        """Returns a row of `COLUMNS` for each instance; measures are those of its pixels in `labels`."""
        rows = []
        for number, ((top, bottom), (left, right)) in enumerate(boxes(self.labels), start=1):
            inside = self.labels[top:bottom, left:right] == number
            ys, xs = np.nonzero(inside)
            area = len(xs)
            rows.append((number, round(left + xs.mean() + 0.5, 2), round(top + ys.mean() + 0.5, 2), left, top,
                         right - left, bottom - top, area, round(2.0 * (area / np.pi) ** 0.5, 2),
                         round(float(self.scores[number - 1]), 4)))
        return rows


def boxes(labels: np.ndarray) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Returns the first and one after the last row and column of each number that there is from 1 on, as whole numbers."""
    ys, xs = np.nonzero(labels)
    numbers = labels[ys, xs].astype(np.int64)
    count = int(numbers.max(initial=0)) + 1
    ends = []
    for places in (ys, xs):
        first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
        np.minimum.at(first, numbers, places)
        np.maximum.at(last, numbers, places)
        ends.append(list(zip(first[1:].tolist(), (last[1:] + 1).tolist())))
    return list(zip(*ends))


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
    drawn = np.zeros(shape, np.int64)  # places in `found`, from 1 on
    for index in np.argsort(found.scores, kind="stable"):
        _fill(drawn, outlines[index], int(index) + 1)
    seen = np.unique(drawn[drawn > 0]) - 1
    if len(seen) > MOST_INSTANCES:
        raise UserError(f"{len(seen)} instances were found, and labels of 16 bits number at most {MOST_INSTANCES}; give "
                        "parts of the photograph one by one.")
    middles = outlines[seen].mean(axis=1)
    order = seen[np.lexsort((middles[:, 0], middles[:, 1]))]
    numbers = np.zeros(len(found.scores) + 1, np.uint16)
    numbers[order + 1] = np.arange(1, len(order) + 1)
    return Instances(outlines[order], found.scores[order], numbers[drawn])


def _fill(labels: np.ndarray, outline: np.ndarray, number: int) -> None:
    """Writes a number into the pixels whose middles are inside of an outline, by the rule of odd crossings."""
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int), labels.shape[::-1])
    x, y = np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5
    inside = np.zeros((len(y), len(x)), bool)
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0)):
        crossed = (y1 > y) != (y2 > y)
        at = x1 + (y[crossed] - y1) * (x2 - x1) / (y2 - y1) if crossed.any() else np.zeros(0)
        inside[crossed] ^= x < at[:, np.newaxis]
    labels[low[1]:high[1], low[0]:high[0]][inside] = number


def typical_diameter(instances: Instances) -> float:
    """Returns the diameter of the instances that cover half of the covered pixels, when the smallest come first.

    Pieces of instances in gaps are many and small, and hardly change it. The plain median they would.
    """
    rows = sorted((row[7], row[8]) for row in instances.rows())
    areas = np.cumsum([area for area, _ in rows])
    return rows[int(np.searchsorted(areas, areas[-1] / 2))][1]


def check_scale(diameter: float, learnt: dict[str, Any], *, window_size: int, name: str) -> None:
    """Raises UserError where instances have not the size that was learnt, and names the window size that would fit.

    Args:
      diameter: of what was found (`typical_diameter`), in pixels of the scaled photograph.
      learnt: `diameter`, the median of the instances as they were before they were scaled, and `min_scale` and
        `max_scale`.
      window_size: by which the photograph was scaled.
      name: what the message calls the photograph.
    """
    ratio = diameter / learnt["diameter"]
    if min(learnt["min_scale"] ** INNER[0], ALWAYS[0]) <= ratio <= max(learnt["max_scale"] ** INNER[1], ALWAYS[1]):
        return
    raise UserError(f"{name} shows instances of {ratio:.2f} times the learnt size, at the border of what was learnt "
                    f"({learnt['min_scale']:g} to {learnt['max_scale']:g} times) with --window_size={window_size}; "
                    f"--window_size={max(1, round(window_size * ratio))} would fit better")


def csv_text(instances: Instances) -> str:
    """Returns instances.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(instances.rows())
    return buffer.getvalue()


def coco_text(instances: Instances, *, name: str) -> str:
    """Returns instances.json, in COCO's format: one image, one category, and an outline for each instance."""
    height, width = instances.labels.shape
    annotations = [{"id": row[0], "image_id": 1, "category_id": 1, "iscrowd": 0,
                    "segmentation": [[round(float(value), 2) for value in outline.ravel()]],
                    "bbox": list(row[3:7]), "area": row[7], "score": row[9]}
                   for row, outline in zip(instances.rows(), instances.outlines)]
    return json.dumps({"images": [{"id": 1, "file_name": name, "width": width, "height": height}],
                       "categories": [{"id": 1, "name": "instance"}], "annotations": annotations}, indent=1) + "\n"
