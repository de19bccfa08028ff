"""How well a counting student does with true instances, and with those of a learnt generator: the ceiling and the gap.

    python experiments/count_gates.py --data=DIR --groups=nuclei                       # true nuclei, cut out by the labels
    python experiments/count_gates.py --groups=drawn                                   # drawn instances
    python experiments/count_gates.py --groups=nuclei --weights=runs/nuclei/weights.npz --pictures=07fb37aa

Composites are made, a student is trained and applied as count.py does, and what it finds is measured as the baselines of
count_baselines.py are. With --self_training_rounds further students learn from what was found. With true instances
nothing but composites and student can be wrong: if that is not well above the baselines, they are.
"""

import dataclasses
import json
import os
import sys
import time
from typing import Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from counting import composites, found, generator, outlining, self_training, student  # noqa: E402
from data import hoc, synthetic, window_backgrounds  # noqa: E402
from data.illumination import Light  # noqa: E402
from errors import UserError  # noqa: E402
from experiments import count_pictures  # noqa: E402
from storage import atomic  # noqa: E402
from training import environment  # noqa: E402

WINDOW_DIAMETERS = 1.7  # window size as a multiple of the picture's median diameter, where none is given
NUM_INSTANCES = 1024
_TRUE_BLUR = 4.0  # pixels of a window of 64, by which masks of true instances are softened
_SMALLEST_TRUE = 0.3  # of the median area; smaller labels are fragments


@config.frozen
class Options:
    """The script's flags."""

    data: Optional[str]
    groups: list
    pictures: list
    weights: Optional[str]
    student: Optional[str]
    window_size: Optional[int]
    ground: Optional[str]
    min_scale: float
    max_scale: float
    min_visible: float
    spacing: float
    num_composites: int
    num_steps: int
    self_training_rounds: int
    cut_out_share: float
    gamma: Optional[float]
    amodal: bool
    max_stretch: float
    max_bend: float
    outlines: str
    least_seen: float
    seed: int
    out: Optional[str]


def true_instances(picture: count_pictures.Picture, *, window_size: int) -> np.ndarray:
    """Cuts the true instances out of a picture, or draws them: RGBA, float32 [n, 64, 64, 4] in [0, 1].

    Those at the picture's border and fragments are left out, and what is too large for its 64 pixels.
    """
    if picture.group == "drawn":
        return synthetic.drawn_instances(picture.name, num_instances=NUM_INSTANCES, seed=1)
    if picture.labels is None:
        raise UserError(f"nothing is known of {picture.name} but points; give --weights.")
    height, width = (max(hoc.WINDOW, round(side * hoc.WINDOW / window_size)) for side in picture.labels.shape)
    rgb = cv2.resize(picture.rgb, (width, height), interpolation=cv2.INTER_LANCZOS4)
    labels = cv2.resize(picture.labels.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST).astype(int)
    return self_training.cut_out(rgb, labels, blur=_TRUE_BLUR, least_area=_SMALLEST_TRUE)


def window_of(picture: count_pictures.Picture, *, given: Optional[int]) -> int:
    """Returns the window size in the picture's pixels: as given, 64 for drawn pictures, or by the median diameter."""
    return given or (hoc.WINDOW if picture.group == "drawn" else round(WINDOW_DIAMETERS * picture.diameter))


def measure(options: Options, picture: count_pictures.Picture) -> dict:
    """Applies a student, a new one where none is given, and measures; returns the figures and the seconds that it took."""
    start, window_size, light = time.time(), window_of(picture, given=options.window_size), Light()
    if options.student:
        applied, num_instances = student.load(options.student), 0
        light = applied.light
    light = light if options.gamma is None else light._replace(gamma=options.gamma)
    scaled = _scaled(picture, window_size=window_size, light=light)
    if not options.student:
        sampled = true_instances(picture, window_size=window_size) if not options.weights else generator.usable(
            generator.sample(options.weights, count=NUM_INSTANCES, seed=options.seed).instances, picture.rgb)
        applied, num_instances = teach(options, sampled, picture=picture, scaled=scaled), len(sampled)
    instances = _find(options, applied, picture, scaled)
    for _ in range(options.self_training_rounds):
        ground = ground_of(options, picture)
        window_size = self_training.window_size(instances, trained=window_size, ground=ground)
        scaled = _scaled(picture, window_size=window_size, light=light)
        cut = self_training.cut_instances(instances, scaled, ground=ground, amodal=options.amodal, share=options.cut_out_share)
        applied, num_instances = teach(options, cut, picture=picture, scaled=scaled, is_cut=True), len(cut)
        instances = _find(options, applied, picture, scaled)
    measures = count_pictures.measure(picture, instances.labels.astype(np.int64))
    return {"picture": picture.name, "instances": num_instances, "window_size": window_size, "seed": options.seed,
            **dataclasses.asdict(measures), "seconds": round(time.time() - start)}


def _scaled(picture: count_pictures.Picture, *, window_size: int, light: Light) -> np.ndarray:
    """Returns the picture so that windows are of 64 pixels, its light changed, uint8 [H, W, 3]."""
    return hoc.relit(hoc.scaled_for_windows(picture.rgb, window_size=window_size, name=picture.name), light)


def _find(options: Options, applied: student.Student, picture: count_pictures.Picture,
          scaled: np.ndarray) -> found.Instances:
    """Returns what a student finds, in the picture's own pixels, outlines as --outlines says."""
    ground = applied.ground if options.student and not options.self_training_rounds else ground_of(options, picture)
    kind = outlining.kind_of(options.outlines, ground=ground)
    instances = outlining.taken_back(applied.find(scaled), scaled, picture.rgb, kind=kind, least_seen=options.least_seen)
    return outlining.refined(instances, picture.rgb, kind=kind)


def ground_of(options: Options, picture: count_pictures.Picture) -> str:
    """Returns what is between the instances of composites: as given, or by the picture's group."""
    return options.ground or ("own" if picture.group == "nuclei" else "dense")


def teach(options: Options, instances: np.ndarray, *, picture: count_pictures.Picture, scaled: np.ndarray,
          is_cut: bool = False) -> student.Student:
    """Makes composites of instances and trains a student.

    Args:
      options: of the script.
      instances: RGBA, float32 [n, 64, 64, 4] in [0, 1].
      picture: which says what else there is.
      scaled: the picture so that windows are of 64 pixels, uint8 [H, W, 3], whose ground is that of nuclei.
      is_cut: whether the instances were found in the picture and cut out.
    """
    ground = ground_of(options, picture)
    recipe = composites.Recipe(ground=ground, min_scale=options.min_scale, max_scale=options.max_scale,
                               shadow_strength=0.7 if picture.group == "fruit" else 0.0,
                               min_visible=options.min_visible, spacing=options.spacing, max_stretch=options.max_stretch,
                               max_bend=options.max_bend)
    recipe = self_training.recipe_of(recipe) if is_cut else recipe
    made = list(composites.make(instances, recipe, count=options.num_composites, seed=options.seed,
                                ground=window_backgrounds.ground_of(scaled) if ground == "own" else None))
    return student.train(np.stack([one.image for one in made]), np.stack([one.labels for one in made]),
                         seed=options.seed, num_steps=options.num_steps,
                         shapes=[one.shapes for one in made] if options.amodal else None)


def line(row: dict) -> str:
    """Returns one picture's figures as a line."""
    shown = {"AP at 0.5": row["average_precision"] and row["average_precision"][0], "F1": row["f1"],
             "PQ": row["panoptic_quality"], "F1 of centres": row["centre_f1"], "within 1/4": row["near_f1"]}
    figures = "  ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
    return (f"{row['picture']:14s} {figures}  found {row['num_found']} of {row['num_true']} ({row['count_error']:+.3f})  "
            f"{row['instances']} instances, {row['seconds']} s")


def main(argv: list) -> None:
    """Measures picture after picture."""
    del argv
    options = config.from_flags(Options)
    student.check_installed()
    if options.student and options.weights:
        raise UserError("--student needs no --weights; give one or the other.")
    environment.set_up(seed=options.seed, deterministic=True, mixed_precision="none")
    rows = []
    for picture in count_pictures.load(options.data, groups=options.groups):
        if options.pictures and picture.name not in options.pictures:
            continue
        rows.append(measure(options, picture))
        print(line(rows[-1]), flush=True)
        if options.out:
            atomic.write(options.out, json.dumps(rows, indent=2) + "\n")
    if not rows:
        raise UserError(f"there is no picture {', '.join(options.pictures)} in the groups {', '.join(options.groups)}.")


if __name__ == "__main__":
    flags.define_path("data", None, "Folder with nuclei/ and hoc/. Default: what comes with the project.")
    absl_flags.DEFINE_multi_enum("groups", ["nuclei"], list(count_pictures.TUNED_ON), "Groups of pictures.")
    absl_flags.DEFINE_list("pictures", [], "Names of pictures. Default: all of the groups.")
    flags.define_path("weights", None, "Weights of a generator. Default: the true instances of each picture.")
    flags.define_path("student", None, "Student of count.py, which is applied as it is; none is trained.")
    absl_flags.DEFINE_integer("window_size", None, "Side of a window in the picture's pixels, as the generator was trained. "
                              "Default: 64 for drawn pictures, otherwise 1.7 times the median diameter.", lower_bound=16)
    absl_flags.DEFINE_enum("ground", None, composites.GROUNDS, "Default: 'own' for nuclei, otherwise 'dense'.")
    absl_flags.DEFINE_float("min_scale", 0.8, "Smallest size of an instance, as a factor.", lower_bound=0.1)
    absl_flags.DEFINE_float("max_scale", 1.5, "Largest.", lower_bound=0.1)
    absl_flags.DEFINE_float("min_visible", 0.45, "Share of an instance that must be seen to be labelled.", lower_bound=0.0)
    absl_flags.DEFINE_float("spacing", 0.8, "Least distance of middles, in diameters, as of count.py.",
                              lower_bound=0.5)
    absl_flags.DEFINE_integer("num_composites", 300, "Composites.", lower_bound=2)
    absl_flags.DEFINE_integer("num_steps", 400, "Updates of the student.", lower_bound=1)
    absl_flags.DEFINE_integer("self_training_rounds", 0, "As of count.py.", lower_bound=0)
    absl_flags.DEFINE_float("cut_out_share", 1.0, "As of count.py.", lower_bound=0.01, upper_bound=1.0)
    absl_flags.DEFINE_float("gamma", None, "As of count.py; with --weights the default is 1.", lower_bound=0.1, upper_bound=10.0)
    absl_flags.DEFINE_bool("amodal", False, "As of count.py.")
    absl_flags.DEFINE_float("max_stretch", 1.0, "As of count.py.", lower_bound=1.0, upper_bound=5.0)
    absl_flags.DEFINE_float("max_bend", 0.0, "As of count.py.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_enum("outlines", "auto", ["auto", *outlining.KINDS], "As of count.py.")
    absl_flags.DEFINE_float("least_seen", 0.0, "As of count.py.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_integer("seed", 0, "Seed of everything random.")
    flags.define_path("out", None, "JSON file for the figures.")
    errors.run(main)
