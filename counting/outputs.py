"""The files of a count, which are written together or not at all."""

import json
import os
from typing import Any, Mapping, Optional, Union

import numpy as np

from counting import found
from counting.found import Instances
from errors import UserError
from storage import atomic
from visualization import outlines, tiles

STUDENT, COMPOSITES = "student.npz", "composites.png"
RESULTS = ("count.json", "instances.csv", "labels.png", "instances.json", "overlay.png")
NAMES = (*RESULTS, STUDENT, COMPOSITES)
QUARTILES = ("lower_quartile", "median", "upper_quartile")
SHOWN = 8  # composites on their sheet
Contents = dict[str, Union[bytes, str]]
"""Files' contents by their names."""


def results(photograph: np.ndarray, instances: Instances, *, name: str, settings: Mapping[str, Any]) -> Contents:
    """Makes the files of what was found.

    Args:
      photograph: uint8 [H, W, 3].
      instances: at least one.
      name: the photograph's file, without its folder.
      settings: plain values that count.json holds besides.
    """
    rows = instances.rows
    diameters, areas = np.array([row.equivalent_diameter for row in rows]), np.array([row.area for row in rows])
    height, width = instances.labels.shape
    quartiles, whole = (np.percentile(values, (25, 50, 75)).round(2).tolist()
                        for values in (diameters, [row.whole_diameter for row in rows]))
    summary = {"count": len(rows), "image": name, "width": width, "height": height,
               "equivalent_diameter": dict(zip(QUARTILES, quartiles)), "whole_diameter": dict(zip(QUARTILES, whole)),
               "mean_area": round(float(areas.mean()), 2),
               "covered": round(float(areas.sum() / (height * width)), 4), **settings}
    overlay = outlines.numbered(photograph, instances.outlines, diameter=quartiles[1],
                                centres=np.array([[row.x, row.y] for row in rows]))
    return {"count.json": json.dumps(summary, indent=2) + "\n", "instances.csv": found.csv_text(instances),
            "labels.png": tiles.png_bytes(instances.labels), "instances.json": found.coco_text(instances, name=name),
            "overlay.png": tiles.png_bytes(overlay, compress_level=1)}


def composites_sheet(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Returns composites.png: the first few, uint8 [n, S, S, 3], and the same with their labels' borders."""
    return tiles.png_bytes(outlines.sheet(images[:SHOWN], labels[:SHOWN]))


def check_folder(folder: str, *, student: Optional[str], is_trained: bool) -> None:
    """Refuses a folder in which a count would replace what no count has written, or leave another count's student.

    Args:
      folder: as given; it need not exist.
      student: the student that is given, or None.
      is_trained: whether a student will be trained, and written.

    Raises:
      UserError: a file is there, which is named.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UserError(f"--out={folder} is no folder; give a new one.")
    there = [name for name in RESULTS if os.path.exists(os.path.join(folder, name))]
    if there and RESULTS[0] not in there:
        raise UserError(f"{os.path.join(folder, there[0])}, which no count has written, would be overwritten; give another --out.")
    left = os.path.join(folder, STUDENT)
    if not is_trained and os.path.exists(left) and os.path.realpath(left) != os.path.realpath(student or ""):
        raise UserError(f"{left}, the student of an earlier count, would stay beside the results of another; give another --out.")


def make_folder(folder: str) -> None:
    """Makes the folder, before something is trained that could not be written; UserError where that cannot be done."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder} cannot be made: {error.strerror or error}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"--out={folder} cannot be written to; give another.")


def write(folder: str, contents: Contents) -> None:
    """Writes files into a folder, which is made where missing, all or none."""
    atomic.write_all({os.path.join(folder, name): content for name, content in contents.items()})


def keep(folder: str, contents: Contents) -> Optional[str]:
    """Writes a student and its sheet where a count has failed afterwards, unless a folder holds some already.

    Returns:
      The student's path if it was written.
    """
    if not contents or any(os.path.exists(os.path.join(folder, name)) for name in contents):
        return None
    write(folder, contents)
    return os.path.join(folder, STUDENT)
