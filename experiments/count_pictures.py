"""Pictures whose instances are known, on which ways of finding and counting them are compared.

Three groups: fluorescent nuclei and drawn clusters, with labels, and photographs of fruit and of a crowd, with points.
Whatever has settings chooses them on one picture of a group, `TUNED_ON`, and keeps them for the others.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from data import decoding, label_images, samples, synthetic  # noqa: E402
from data.points import read_points  # noqa: E402
from errors import UserError  # noqa: E402
from evaluation import detection  # noqa: E402

TUNED_ON = {"nuclei": "07fb37aa", "drawn": "long_ellipses", "fruit": "limes"}
DRAWN = ("long_ellipses", "bent_beans")
DRAWN_SIZE = 768
LEAST_SEEN = 0.25  # share of a drawn instance that is seen; what is hidden more neither has to be found nor counts
CORNER, MOST_TUNED = 400, 400_000  # pixels of the side of a corner, and of a picture that is taken whole
CROWD_DIAMETER = 23.0  # pixels; heads are 18 to 28 wide
WORKING_DIAMETER = 24.0  # pixels to which bigger instances are scaled down where points are sought
_STRETCH = (1.0, 99.8)  # percentiles of a picture's grey values that become black and white


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture and what is true of it.

    Attributes:
      name: of the picture.
      group: a key of `TUNED_ON`.
      rgb: uint8 [H, W, 3].
      diameter: the instances' median, in pixels; methods may know it.
      points: the true middles, x and y in pixels: float64 [m, 2].
      labels: the true instances, int64 [H, W]; None where points alone are known.
      ignored: bool [H, W], where it does not matter what is found; None: nowhere.
    """

    name: str
    group: str
    rgb: np.ndarray
    diameter: float
    points: np.ndarray
    labels: Optional[np.ndarray] = None
    ignored: Optional[np.ndarray] = None

    @property
    def is_tuned_on(self) -> bool:
        """Whether its group's settings are chosen on it."""
        return TUNED_ON[self.group] == self.name

    @property
    def scale(self) -> float:
        """By how much methods scale it, at most 1; pictures with labels stay as they are."""
        return 1.0 if self.labels is not None else min(1.0, WORKING_DIAMETER / self.diameter)

    def corner(self) -> "Picture":
        """Returns what settings are chosen on: the picture, or of a big one with labels its upper left 400 x 400."""
        if self.labels is None or self.labels.size <= MOST_TUNED:
            return self
        part = np.s_[:CORNER, :CORNER]
        labels = self.labels[part]
        return dataclasses.replace(self, rgb=self.rgb[part], labels=labels, points=detection.centres(labels),
                                   ignored=None if self.ignored is None else self.ignored[part])

    def grey(self) -> np.ndarray:
        """Returns it scaled by `scale`, grey, its contrast stretched: float32 [h, w] in [0, 1]."""
        size = [max(1, round(side * self.scale)) for side in self.rgb.shape[1::-1]]
        grey = cv2.cvtColor(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        low, high = np.percentile(grey, _STRETCH)
        return np.clip((grey - np.float32(low)) / np.float32(max(high - low, 1.0)), 0.0, 1.0).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Measures:
    """What `measure` finds; those of labels are None where either side has points alone."""

    average_precision: Optional[tuple[float, ...]]  # at each threshold
    f1: Optional[float]  # at 0.5, as the next
    panoptic_quality: Optional[float]
    centre_f1: float  # within half the median diameter, as the next two
    centre_precision: float
    centre_recall: float
    near_f1: float  # within a quarter of it
    count_error: float
    num_found: int
    num_true: int


def measure(picture: Picture, found: np.ndarray) -> Measures:
    """Measures what was found in a picture.

    Where things cover a picture densely, half a diameter is little to ask: a blind lattice has an F1 of centres above
    0.8 there. So it is also measured within a quarter.

    Args:
      picture: the picture.
      found: a label image int [H, W], or points float [n, 2], x and y in pixels of the picture.
    """
    points = found_points(picture, found)
    centres, near = (detection.score_points(points, picture.points, radius=picture.diameter * share)
                     for share in (0.5, 0.25))
    labels = None
    if is_label_image(picture, found) and picture.labels is not None:
        labels = detection.score_labels(found, picture.labels, ignored=picture.ignored)
    return Measures(average_precision=labels and labels.average_precision, f1=labels and labels.f1[0],
                    panoptic_quality=labels and labels.panoptic_quality[0], centre_f1=centres.f1,
                    centre_precision=centres.precision, centre_recall=centres.recall, near_f1=near.f1,
                    count_error=centres.count_error, num_found=centres.num_found, num_true=centres.num_true)


def merit(picture: Picture, found: np.ndarray) -> float:
    """Returns by what settings are chosen: AP at IoU 0.5 of labels where the true ones are known, else F1 of centres.

    Args:
      picture: the picture.
      found: as of `measure`.
    """
    if is_label_image(picture, found) and picture.labels is not None:
        scores = detection.score_labels(found, picture.labels, ignored=picture.ignored, thresholds=(0.5,))
        return scores.average_precision[0]
    return detection.score_points(found_points(picture, found), picture.points, radius=picture.diameter / 2.0).f1


def is_label_image(picture: Picture, found: np.ndarray) -> bool:
    """Says whether what was found is a label image of the picture; otherwise it is points."""
    return found.shape == picture.rgb.shape[:2] and np.issubdtype(found.dtype, np.integer)


def found_points(picture: Picture, found: np.ndarray) -> np.ndarray:
    """Returns the middles that were found where it matters, float64 [n, 2].

    Args:
      picture: the picture.
      found: as of `measure`.
    """
    if is_label_image(picture, found):
        return detection.centres(found if picture.ignored is None else detection.without_ignored(found, picture.ignored))
    if picture.ignored is None or not len(found):
        return found
    columns, rows = np.clip(np.rint(found).astype(int), 0, np.array(picture.rgb.shape[1::-1]) - 1).T
    return found[~picture.ignored[rows, columns]]


def load(data: Optional[str], *, groups: Sequence[str] = tuple(TUNED_ON)) -> list[Picture]:
    """Loads pictures, of each group the one that is tuned on first.

    Args:
      data: folder of more of them, `nuclei/NAME.png` with `nuclei/NAME_labels.png` and `hoc/crowd_gray.jpg` with
        `hoc/crowd_gray.points.json`, whichever are there; None: those that come with the project.
      groups: of which pictures are loaded, keys of `TUNED_ON`.

    Raises:
      UserError: the folder is missing, or a file in it cannot be used.
    """
    if data is not None and not Path(data).is_dir():
        raise UserError(f"There is no folder {data}; give --data the folder that holds nuclei/ and hoc/.")
    found = []
    if "nuclei" in groups:
        more = [] if data is None else sorted(Path(data, "nuclei").glob("*_labels.png"))
        paths = {path.name: path for path in (*more, Path(samples.NUCLEI_LABELS))}
        found += [with_labels(path) for path in paths.values()]
    if "drawn" in groups:
        found += [drawn(kind) for kind in DRAWN]
    if "fruit" in groups:
        paths = [Path(path) for path in (samples.LIMES_IMAGE, samples.FRUIT_IMAGE, samples.HAZELNUTS_IMAGE)]
        paths += [] if data is None else [path for path in [Path(data, "hoc", "crowd_gray.jpg")] if path.is_file()]
        found += [with_points(path) for path in paths if path.with_suffix(".points.json").is_file()]
    return sorted(found, key=lambda picture: (list(TUNED_ON).index(picture.group), not picture.is_tuned_on))


def with_labels(path: Path) -> Picture:
    """Loads NAME.png of nuclei with its NAME_labels.png, whose path is given; UserError where they do not match."""
    picture = path.with_name(path.name.replace("_labels.png", ".png"))
    rgb = decoding.load_image(str(picture))
    labels = label_images.read_labels(str(path), shape=rgb.shape[:2], picture=picture.name)
    return Picture(name=picture.stem, group="nuclei", rgb=rgb, diameter=detection.median_diameter(labels),
                   points=detection.centres(labels), labels=labels)


def with_points(path: Path) -> Picture:
    """Loads NAME.jpg or .png of fruit with its NAME.points.json; UserError where either cannot be used."""
    points = read_points(str(path.with_suffix(".points.json")))
    return Picture(name=path.stem, group="fruit", rgb=decoding.load_image(str(path)), points=points.points,
                   diameter=points.median_diameter or CROWD_DIAMETER)


def drawn(kind: str, *, size: int = DRAWN_SIZE) -> Picture:
    """Draws a cluster with seed 0; what is ignored are instances of which less than a quarter is seen.

    Args:
      kind: one of `synthetic.CLUSTERS`.
      size: side in pixels.
    """
    rgb, shapes, labels = synthetic.labelled_cluster(kind, size=size, seed=0)
    areas = shapes.sum(axis=(1, 2))
    seen = np.bincount(labels.ravel(), minlength=len(areas) + 1)[1:]
    counts = np.concatenate([[False], seen >= LEAST_SEEN * areas])
    ignored = ~counts[labels] & (labels > 0)
    labels = np.where(ignored, 0, labels).astype(np.int64)
    return Picture(name=kind, group="drawn", rgb=rgb, diameter=float(np.median(2.0 * np.sqrt(areas / np.pi))),
                   points=detection.centres(labels), labels=labels, ignored=ignored)
