"""Finds and counts the instances of pictures by classical methods, tuned on one picture of each group.

    python experiments/count_baselines.py                                     # the pictures that come with the project
    python experiments/count_baselines.py --data=DIR --out=baselines.json     # and those of DIR/nuclei and DIR/hoc

For each method the settings of a small grid are tried on one picture: nuclei 07fb37aa, drawn long_ellipses (its corner
of 400 x 400 pixels), fruit limes.
The best is then used on the group's other pictures. It is chosen by AP at IoU 0.5 for methods that find regions of a
picture with labels, and by F1 of centres otherwise. Lengths are scaled by the instances' median diameter, which
methods know. The crowd is of
the group of fruit. A centre counts within half that diameter; another column has a quarter of it.

'template' looks for a mean instance, that of the true instances of the picture that is tuned on. With --templates=DIR it
is the RGBA picture DIR/PICTURE.png, or the mean of DIR/PICTURE/instance_*.png, as `sample.py --out=DIR/PICTURE`
writes. 'lattice' does not look at the picture at all. Needs `make count-install`.
"""

import dataclasses
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from absl import flags as absl_flags  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from tqdm import tqdm  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from errors import UserError  # noqa: E402
from evaluation import detection  # noqa: E402
from experiments import count_methods, count_pictures  # noqa: E402
from experiments.count_pictures import Measures, Picture  # noqa: E402
from storage import atomic  # noqa: E402


@config.frozen
class Options:
    """The script's flags."""

    data: Optional[str]
    groups: list
    methods: list
    templates: Optional[str]
    out: Optional[str]


@dataclasses.dataclass(frozen=True)
class Row:
    """What a method reached on a picture, with which settings, in how many seconds of one call."""

    picture: str
    group: str
    method: str
    tuned_on: str
    settings: dict
    seconds: float
    measures: Measures


def find(picture: Picture, method: str, settings: dict[str, Any]) -> np.ndarray:
    """Returns what a method finds in a picture: labels int64 [H, W] where it has labels, or points [n, 2].

    Args:
      picture: the picture.
      method: one of `count_methods.METHODS`.
      settings: of the method, a template among them where it needs one.
    """
    found = count_methods.METHODS[method].find(picture.grey(), picture.diameter * picture.scale, **settings)
    if np.issubdtype(found.dtype, np.integer):
        if picture.scale == 1.0:
            return found
        found = detection.centres(found)
    return (found + 0.5) / picture.scale - 0.5


def tune(picture: Picture, method: str, *, template: Optional[np.ndarray]) -> dict[str, Any]:
    """Returns the settings of a method's grid that are best on a picture, the first of several that are.

    Args:
      picture: the picture.
      method: one of `count_methods.METHODS`.
      template: RGBA uint8 [h, w, 4] for a method that needs one.
    """
    grid = count_methods.METHODS[method].grid
    candidates = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    more = {"template": template} if count_methods.METHODS[method].needs_template else {}
    part = picture.corner()
    merits = [count_pictures.merit(part, find(part, method, {**settings, **more}))
              for settings in tqdm(candidates, desc=f"{picture.name}, {method}", mininterval=2.0, leave=False)]
    return candidates[int(np.argmax(merits))]


def template_of(picture: Picture, tuned: Picture, folder: Optional[str]) -> np.ndarray:
    """Returns a picture's mean instance, RGBA uint8 [h, w, 4].

    Args:
      picture: whose NAME.png, or the mean of NAME/instance_*.png, is taken if the folder has it.
      tuned: the picture that its group is tuned on, of whose true instances it is made otherwise.
      folder: of templates, or None.

    Raises:
      UserError: a file cannot be read or is not RGBA, or instances differ in size.
    """
    paths = [] if not folder else [*Path(folder).glob(f"{picture.name}.png"),
                                   *sorted(Path(folder, picture.name).glob("instance_*.png"))]
    if not paths:
        return count_methods.mean_instance(tuned.rgb, tuned.points, diameter=tuned.diameter, labels=tuned.labels)
    instances = [_read_instance(path) for path in paths]
    if len({instance.shape for instance in instances}) > 1:
        raise UserError(f"The instances of {picture.name} in {folder} differ in size; give those of one run of "
                        "sample.py.")
    return count_methods.mean_rgba(np.array(instances))


def _read_instance(path: Path) -> np.ndarray:
    """Reads an RGBA picture: uint8 [h, w, 4]; UserError where it is none."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except OSError as error:
        raise UserError(f"{path} is no picture ({error}); give the PNG of an instance.") from error
    if pixels.ndim != 3 or pixels.shape[2] != 4 or not pixels[..., 3].any():
        raise UserError(f"{path} has no alpha channel with an instance in it; give an RGBA PNG.")
    return pixels


def compare(pictures: list[Picture], *, methods: list[str], templates: Optional[str] = None) -> list[Row]:
    """Tunes the methods on the picture of each group that is for it, and measures all of them.

    Args:
      pictures: as `count_pictures.load` gives them.
      methods: some of `count_methods.METHODS`.
      templates: folder of mean instances, or None.
    """
    rows = []
    for group, method in itertools.product(dict.fromkeys(picture.group for picture in pictures), methods):
        members = [picture for picture in pictures if picture.group == group]
        tuned = next((picture for picture in members if picture.is_tuned_on), None)
        if tuned is None:
            raise UserError(f"{count_pictures.TUNED_ON[group]}, on which methods are tuned, is not among the pictures.")
        needs_template = count_methods.METHODS[method].needs_template
        chosen = tune(tuned, method, template=template_of(tuned, tuned, templates) if needs_template else None)
        for picture in members:
            more = {"template": template_of(picture, tuned, templates)} if needs_template else {}
            start = time.perf_counter()
            found = find(picture, method, {**chosen, **more})
            rows.append(Row(picture=picture.name, group=group, method=method, tuned_on=tuned.name, settings=chosen,
                            seconds=time.perf_counter() - start, measures=count_pictures.measure(picture, found)))
    order = [picture.name for picture in pictures]
    return sorted(rows, key=lambda row: order.index(row.picture))


def table(rows: list[Row]) -> str:
    """Returns the rows as a table in Markdown; '*' marks the pictures that were tuned on."""
    heads = ("picture", "method", "AP at 0.5", "F1 at 0.5", "PQ at 0.5", "F1 of centres", "within 1/4", "found", "true",
             "count error")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        measures = row.measures
        ap = measures.average_precision and measures.average_precision[0]
        shares = ["" if share is None else f"{share:.3f}"
                  for share in (ap, measures.f1, measures.panoptic_quality, measures.centre_f1,
                                measures.near_f1)]
        name = row.picture + ("*" if row.picture == row.tuned_on else "")
        lines.append("| " + " | ".join([name, row.method, *shares, str(measures.num_found), str(measures.num_true),
                                        f"{measures.count_error:+.3f}"]) + " |")
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    """Tunes, measures and prints."""
    del argv
    options = config.from_flags(Options)
    cv2.setNumThreads(1)
    for name, allowed, given in (("groups", count_pictures.TUNED_ON, options.groups),
                                 ("methods", count_methods.METHODS, options.methods)):
        if unknown := sorted(set(given) - set(allowed)) or not given:
            raise UserError(f"--{name}={','.join(given)}: {unknown if given else 'nothing'} is not among "
                            f"{', '.join(allowed)}; give some of them.")
    pictures = count_pictures.load(options.data, groups=options.groups)
    if not pictures:
        raise UserError(f"There is no picture of --groups={','.join(options.groups)}; give more groups, or --data.")
    rows = compare(pictures, methods=options.methods, templates=options.templates)
    tuned_on = {row.group: row.tuned_on for row in rows}
    listed = ", ".join(f"{name} ({group})" for group, name in tuned_on.items())
    print(f"Tuned on {listed}, marked *; the same settings on the others.\n")
    print(table(rows))
    if options.out:
        atomic.write(options.out, json.dumps({"tuned_on": tuned_on, "thresholds": detection.IOU_THRESHOLDS,
                                              "rows": [dataclasses.asdict(row) for row in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    absl_flags.DEFINE_string("data", None, "Folder of more pictures: nuclei/NAME.png with nuclei/NAME_labels.png, "
                             "hoc/crowd_gray.jpg with hoc/crowd_gray.points.json.")
    absl_flags.DEFINE_list("groups", list(count_pictures.TUNED_ON), "Which groups of pictures are measured.")
    absl_flags.DEFINE_list("methods", list(count_methods.METHODS), "Which methods are measured.")
    absl_flags.DEFINE_string("templates", None, "Folder of mean instances, RGBA, called as the pictures with .png.")
    absl_flags.DEFINE_string("out", None, "JSON file of the table, with the settings chosen.")
    errors.run(main)
