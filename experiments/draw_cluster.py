"""Draws a cluster whose instances are known, as a PNG with its label image beside it.

    python experiments/draw_cluster.py --kind=bent_beans --size=1536 --seed=0 --out=beans.png

This writes beans.png and beans_labels.png. The latter has 16 bits: 0 where no instance is, else the number of the
instance on top. The picture is the one of `train_hoc.py --drawn_cluster=bent_beans --drawn_size=1536 --seed=0`; a
window of 64 of its pixels (`--window_size=64`) is about 1.5 times the longest instance.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import config  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402

import errors  # noqa: E402
from data import synthetic  # noqa: E402
from errors import UserError  # noqa: E402
from visualization import tiles  # noqa: E402

MOST_LABELS = 2**16 - 1


@config.frozen
class Options:
    """The script's flags."""

    kind: str
    size: int
    seed: int
    shadows: float
    noise: float
    out: str


def main(argv: list[str]) -> None:
    """Draws, and writes both files."""
    del argv
    options = config.from_flags(Options)
    out = Path(options.out)
    if out.suffix.lower() != ".png":
        raise UserError(f"--out={out} does not end in .png; give the name of a PNG file.")
    picture, shapes, labels = synthetic.labelled_cluster(options.kind, size=options.size, seed=options.seed,
                                                         shadows=options.shadows, noise=options.noise)
    if len(shapes) > MOST_LABELS:
        raise UserError(f"--size={options.size} gives {len(shapes)} instances, and labels of 16 bits number at most "
                        f"{MOST_LABELS}; lower --size.")
    labels_path = out.with_name(f"{out.stem}_labels.png")
    tiles.save_png(picture, out)
    tiles.save_png(labels.astype(np.uint16), labels_path)
    num_visible = np.count_nonzero(np.unique(labels))
    print(f"{out}: {options.size}x{options.size} pixels; {labels_path}: {num_visible} of {len(shapes)} instances are "
          "seen.")


if __name__ == "__main__":
    absl_flags.DEFINE_enum("kind", None, synthetic.CLUSTERS, "Kind of instances.", required=True)
    absl_flags.DEFINE_integer("size", synthetic.CLUSTER_SIZE, "Side of the picture in pixels.", lower_bound=64,
                              upper_bound=4096)
    absl_flags.DEFINE_integer("seed", 0, "Equal seeds draw equal clusters.", lower_bound=0, upper_bound=2**31 - 1)
    absl_flags.DEFINE_float("shadows", 0.0, "Largest opacity of the soft shadow that each instance casts on what lies "
                            "below it; 0: none.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_float("noise", 0.0, "Standard deviation of the sensor noise, in units of the brightest value; 0: "
                            "none.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_string("out", None, "PNG file of the picture.", required=True)
    errors.run(main)
