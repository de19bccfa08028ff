"""How well a generator's instances fit the true ones of a picture with labels, in shape and in size.

    python experiments/generator_fit.py --weights=pretrained/nuclei.npz                             # the bundled nuclei
    python experiments/generator_fit.py --data=DIR --picture=0ea22171 --weights=runs/nuclei/weights.npz

Labels are used to measure only. Each mask is compared with the true shapes, cut out of the picture in windows as the
generator has learnt them. A plain disk and the mean mask stand beside it.
"""

import json
import os
import sys
from typing import Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from counting import generator  # noqa: E402
from data import hoc  # noqa: E402
from errors import UserError  # noqa: E402
from evaluation import instances, metrics  # noqa: E402
from experiments import count_gates, count_pictures  # noqa: E402
from storage import atomic  # noqa: E402


@config.frozen
class Options:
    """The script's flags."""

    data: Optional[str]
    picture: str
    weights: str
    num_samples: int
    seed: int
    out: Optional[str]


def fit(sampled: np.ndarray, shapes: np.ndarray) -> dict[str, float]:
    """Measures instances beside true shapes.

    Args:
      sampled: RGBA, float32 [n, S, S, 4] in [0, 1].
      shapes: bool [m, S, S], m at least 1.

    Returns:
      `single_piece_fraction`, `elongation`, `area_mean` and `area_std` of the masks at 0.5, and what
      `evaluation.instances.shape_metrics` says.
    """
    masks = sampled[..., 3:]
    binary = metrics.binarize(masks)[..., 0]
    areas = binary.mean(axis=(1, 2))
    ious = instances.best_shape_ious(binary, shapes)
    return {"single_piece_fraction": float(instances.is_single_piece(binary).mean()), "area_mean": float(areas.mean()),
            "area_std": float(areas.std()), "elongation": float(instances.elongations(binary).mean()),
            **instances.shape_metrics(masks, shapes, ious=ious)}


def measure(options: Options) -> dict[str, float]:
    """Samples a generator's instances and measures those that count.py would use.

    Raises:
      UserError: the weights or the data cannot be used, or there is no picture of that name with labels.
    """
    pictures = [one for one in count_pictures.load(options.data, groups=["nuclei"]) if one.name == options.picture]
    if not pictures:
        raise UserError(f"there is no picture {options.picture} with labels; give --data the folder that holds nuclei/.")
    sampled = generator.sample(options.weights, count=options.num_samples, seed=options.seed)
    if sampled.window_size is None:
        raise UserError(f"{options.weights} does not say its window size; give weights of train_hoc.py.")
    true = count_gates.true_instances(pictures[0], window_size=sampled.window_size, blur=0.0)
    seen = hoc.scaled_for_windows(pictures[0].rgb, window_size=sampled.window_size, name=options.picture)
    used = generator.usable(sampled.instances, hoc.relit(seen, sampled.light))
    return {"num_instances": len(used), "num_shapes": len(true), **fit(used, true[..., 3] >= 0.5)}


def main(argv: list) -> None:
    """Measures, prints, writes."""
    del argv
    options = config.from_flags(Options)
    figures = measure(options)
    for name, value in figures.items():
        print(f"    {name:26} {value:.3f}")
    if options.out:
        atomic.write(options.out, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    flags.define_path("data", None, "Folder with nuclei/. Default: what comes with the project.")
    absl_flags.DEFINE_string("picture", "07fb37aa", "Name of a picture with labels.")
    flags.define_path("weights", None, "Weights file of an instance generator: weights.npz of a run folder.", required=True)
    absl_flags.DEFINE_integer("num_samples", 256, "Instances that are sampled.", lower_bound=2)
    absl_flags.DEFINE_integer("seed", 0, "Seed of their latents.")
    flags.define_path("out", None, "JSON file for the figures.")
    errors.run(main)
