"""Files that say where the middle of each instance of a photograph is.

A points file is JSON: a list of points {"x": 12.5, "y": 3}, or an object that has it as "points". The object may have
"image", the photograph's name, and "median_diameter", the instances', in pixels. "annotators" are lists of points that
people set one without the other. Whatever else it has is passed over. Points are x to the right and y down in pixels of
the photograph; 0, 0 is the middle of the pixel in the upper left corner.
"""

import dataclasses
import json
import math
from typing import Any, Optional

import numpy as np

from data.listings import read_text
from errors import UserError

_EXPECTED = 'expected JSON: {"image": NAME, "points": [{"x": 12.5, "y": 3}, ...], "median_diameter": 24}'


@dataclasses.dataclass(frozen=True)
class Points:
    """What a points file says.

    Attributes:
      points: float64 [n, 2], x and y in pixels.
      image: the photograph's name; None where the file does not say.
      median_diameter: of the instances, in pixels; None likewise.
      annotators: the points of each, as `points`; none where the file does not say.
    """

    points: np.ndarray
    image: Optional[str] = None
    median_diameter: Optional[float] = None
    annotators: tuple[np.ndarray, ...] = ()


def read_points(path: str) -> Points:
    """Reads a points file.

    Args:
      path: the file.

    Raises:
      UserError: the file cannot be read or is no points file.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no points file ({error}); {_EXPECTED}.") from error
    content = {"points": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or "points" not in content:
        raise UserError(f"{path} is no points file, since it has no 'points'; {_EXPECTED}.")
    image, diameter, annotators = (content.get(key) for key in ("image", "median_diameter", "annotators"))
    if image is not None and not isinstance(image, str):
        raise UserError(f"{path}: 'image' is {json.dumps(image)[:60]}, expected the name of a picture.")
    if diameter is not None and not (_is_number(diameter) and diameter > 0):
        raise UserError(f"{path}: 'median_diameter' is {json.dumps(diameter)[:60]}, expected pixels above 0.")
    if not isinstance(annotators, (list, type(None))):
        raise UserError(f"{path}: 'annotators' is {json.dumps(annotators)[:60]}, expected lists of points.")
    return Points(points=_parse(content["points"], where=f"{path}, 'points'"), image=image,
                  median_diameter=None if diameter is None else float(diameter),
                  annotators=tuple(_parse(one, where=f"{path}, annotator {number}")
                                   for number, one in enumerate(annotators or (), start=1)))


def _parse(listed: Any, *, where: str) -> np.ndarray:
    """Returns a list of points as float64 [n, 2]; UserError where it is none."""
    if not isinstance(listed, list):
        raise UserError(f"{where}: found {json.dumps(listed)[:60]}, expected a list of points.")
    for number, point in enumerate(listed, start=1):
        if not isinstance(point, dict) or not (_is_number(point.get("x")) and _is_number(point.get("y"))):
            raise UserError(f"{where}, number {number}: found {json.dumps(point)[:60]}, expected "
                            '{"x": 12.5, "y": 3} in pixels.')
    return np.array([(point["x"], point["y"]) for point in listed], np.float64).reshape(-1, 2)


def _is_number(value: Any) -> bool:
    """Says whether a JSON value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)
