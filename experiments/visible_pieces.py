"""How large the pieces are that are seen in windows of a drawn cluster, and in composites of its own shape.

Instances lie on each other, so most are seen in part. If composites show larger pieces than the picture, a generator is
perhaps rewarded for instances that are cut in two (docs/log/twelve_layers.md). No network is involved: a composite's instances are
ellipses of the given area and elongation, turned by any angle and moved by at most a padding, over a window with a hole.

    python experiments/visible_pieces.py --drawn_cluster=long_ellipses --window_size=46 --area_constant=0.2 --elongation=2.5 \
        --layers=12 --layers=20 --paddings=18 --paddings=24 --paddings=28

Each line says how many pieces the middle 40x40 pixels of a window hold, their mean area there in pixels, and which share of
the whole window lies in pieces that are larger than two thirds of an instance. An instance is --area_constant of a window,
also for the picture.
"""

import os
import sys
from typing import Callable, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402, F401  before OpenCV
from absl import flags as absl_flags  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from data import hoc, synthetic, window_backgrounds  # noqa: E402

LEAST_PIXELS = 10  # of a piece that counts
LARGE = 2.0 / 3.0  # of an instance
_BORDER = 12  # pixels of a window that are not its middle
_AXIS = np.arange(hoc.WINDOW) + 0.5 - hoc.WINDOW / 2  # pixels from the middle of a window


@config.frozen
class Options:
    """The script's flags."""

    drawn_cluster: str
    drawn_size: int
    window_size: int
    area_constant: float
    elongation: float
    layers: list
    paddings: list
    disk_radius: float
    num_windows: int
    seed: int


class Pieces(NamedTuple):
    """What is seen in windows, on average.

    Attributes:
      in_middle: pieces in the middle of a window.
      area: mean area of one there, in pixels.
      share_large: share of the pixels of windows that lie in large pieces, in [0, 1].
    """

    in_middle: float
    area: float
    share_large: float


def measure(make_window: Callable[[], np.ndarray], *, num_windows: int, instance_area: float) -> Pieces:
    """Measures pieces; one is all that is seen of an instance in a window.

    Args:
      make_window: returns int [64, 64], a number for each instance; what is 0 (ground, or the hole) counts as one piece.
      num_windows: how many are made.
      instance_area: of a whole one, in pixels.
    """
    windows = [make_window() for _ in range(num_windows)]
    middle = [_areas(window[_BORDER:-_BORDER, _BORDER:-_BORDER]) for window in windows]
    whole = np.concatenate([_areas(window) for window in windows])
    return Pieces(np.mean([len(areas) for areas in middle]), np.mean([areas.mean() for areas in middle]),
                  whole[whole > LARGE * instance_area].sum() / whole.sum())


def _areas(labels: np.ndarray) -> np.ndarray:
    """Returns the areas of the instances in pixels, without those that hardly show."""
    areas = np.unique(labels, return_counts=True)[1]
    return areas[areas >= LEAST_PIXELS]


def scaled_labels(kind: str, *, size: int, window_size: int, seed: int) -> np.ndarray:
    """Draws a cluster and returns its labels, int32 [H, H], scaled so that windows become 64 pixels wide.

    Raises:
      UserError: the cluster is smaller than a window.
    """
    if size < window_size:
        raise errors.UserError(f"--drawn_size={size} is less than --window_size={window_size}.")
    labels = synthetic.labelled_cluster(kind, size=size, seed=seed)[2]
    scale = hoc.WINDOW / window_size
    return cv2.resize(labels.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST).astype(np.int32)


def composite(background: np.ndarray, *, num_layers: int, padding: int, area: float, elongation: float, disk_radius: float,
              generator: np.random.Generator) -> np.ndarray:
    """Lays ellipses over a window with a hole, as Eq. 4 and 5 do with instances.

    Args:
      background: labels of a window, int [64, 64].
      num_layers: N.
      padding: pixels by which an ellipse is moved at most, per axis.
      area: of an ellipse, as a share of a window.
      elongation: its longer axis over its shorter one.
      disk_radius: of the hole, in pixels, which is one piece where nothing covers it.
      generator: of angles and places.

    Returns:
      int [64, 64]: below 0 an ellipse, 0 the hole, else the background's.
    """
    made = np.where(window_backgrounds.visibility(disk_radius=disk_radius, black=False)[..., 0], background, 0)
    shorter = hoc.WINDOW * np.sqrt(area / (np.pi * elongation))
    for layer in range(num_layers):
        angle, (down, right) = generator.uniform(0.0, np.pi), generator.uniform(-padding, padding, 2)
        y, x = _AXIS[:, np.newaxis] - down, _AXIS - right
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        made[np.hypot(along / elongation, across) <= shorter] = -1 - layer
    return made


def main(argv: list) -> None:
    """Prints a line for the picture, and one for each layout."""
    del argv
    options = config.from_flags(Options)
    labels = scaled_labels(options.drawn_cluster, size=options.drawn_size, window_size=options.window_size, seed=options.seed)
    generator = np.random.default_rng(options.seed)

    def window() -> np.ndarray:
        top, left = generator.integers(0, len(labels) - hoc.WINDOW + 1, 2)
        return labels[top:top + hoc.WINDOW, left:left + hoc.WINDOW]

    def report(name: str, make_window: Callable[[], np.ndarray]) -> None:
        found = measure(make_window, num_windows=options.num_windows,
                        instance_area=options.area_constant * hoc.WINDOW**2)
        print(f"{name:22s}  {found.in_middle:5.1f} pieces in the middle, area {found.area:4.0f}, share in large pieces "
              f"{found.share_large:.3f}", flush=True)

    report("the picture", window)
    for num_layers in options.layers:
        for padding in options.paddings:
            report(f"N {num_layers}, padding {padding}", lambda: composite(
                window(), num_layers=num_layers, padding=padding, area=options.area_constant, elongation=options.elongation,
                disk_radius=options.disk_radius, generator=generator))


if __name__ == "__main__":
    absl_flags.DEFINE_enum("drawn_cluster", "long_ellipses", synthetic.CLUSTERS, "Kind of cluster that is drawn.")
    absl_flags.DEFINE_integer("drawn_size", 768, "Its side, in pixels.", lower_bound=16)
    absl_flags.DEFINE_integer("window_size", 46, "Side of a window in its pixels, which becomes 64.", lower_bound=16)
    absl_flags.DEFINE_float("area_constant", 0.2, "Area of an instance in composites, as a share of a window.",
                            lower_bound=1e-3, upper_bound=1.0)
    absl_flags.DEFINE_float("elongation", 2.5, "Its longer axis over its shorter one.", lower_bound=1.0)
    absl_flags.DEFINE_multi_integer("layers", [12, 20], "Numbers of instances in a composite.", lower_bound=1)
    absl_flags.DEFINE_multi_integer("paddings", [18, 24, 28], "Pixels by which instances are moved at most.", lower_bound=0)
    absl_flags.DEFINE_float("disk_radius", 20.0, "Radius of the hole, in pixels.", lower_bound=0.0)
    absl_flags.DEFINE_integer("num_windows", 300, "Windows and composites of each layout.", lower_bound=1)
    absl_flags.DEFINE_integer("seed", 0, "Seed of everything random.", lower_bound=0)
    errors.run(main)
