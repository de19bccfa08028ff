"""Figures of a run's checkpoints that need no reference masks, for choosing its end and its area constant.

    python train_fg.py ... --num_kept_checkpoints=16 --run_dir=runs/25_0
    python experiments/label_free.py --run_dir=runs/25_0 --run_dir=runs/35_0 --out=label_free.json

The photographs are those of the first run's flags; give --data_dir where they lie elsewhere now. Runs must be of
`train_fg.py` on the same photographs and crops. Masks are those of the averaged generator, where the run has one. Reference
masks are used for the mean IoU beside the figures alone, and for what each rule loses against the best checkpoint.

Axis letters: k crops, S their side in pixels.
"""

import json
import os
import pathlib
import sys
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from data import batches, photographs, windows  # noqa: E402
from data.decoding import load_image  # noqa: E402
from data.images import Photograph, load_crops  # noqa: E402
from errors import UserError  # noqa: E402
from evaluation import metrics, report, unlabelled  # noqa: E402
from experiments import discriminator_start as start  # noqa: E402
from inference import networks, pipeline  # noqa: E402
from models.discriminator import Discriminator, discriminator_options  # noqa: E402
from storage import atomic, checkpoint  # noqa: E402
from storage.run_folder import DATA_FILE, RunFolder  # noqa: E402

MOST_MOVED = 0.05  # of a box's sides
FIRST_SHARE = 0.25  # of a run, whose checkpoints no rule looks at
# Rules for the stop: by name, the figure that is compared, and whether its highest value is taken.
RULES = {"flip IoU": ("flip_iou", True), "flip correlation": ("flip_correlation", True), "undecided": ("undecided", False),
         "border": ("border", False), "edges": ("edges", True), "colours": ("colours", True), "before": ("before", True),
         "D's loss, moved": ("loss_moved", True), "seeds": ("seeds", True)}
COLUMNS = ("area", "over_a", "undecided", "flip_iou", "flip_difference", "flip_correlation", "border", "edges", "colours",
           "before", "seeds", "areas", "loss_seen", "loss_moved", "accuracy_moved", "mean_iou", "foreground_iou")


@config.frozen
class Options:
    """The script's flags."""

    run_dir: list
    num_images: int
    seed: int
    out: Optional[str]
    photographs: config.Photographs
    backgrounds: Optional[str]


class Pictures(NamedTuple):
    """What masks are predicted of: uint8, [k, S, S, 3] unless said otherwise.

    Attributes:
      crops: of photographs without reference masks.
      moved: the same with boxes that are moved.
      patches: backgrounds.
      labelled: crops of the photographs with reference masks, [n, S, S, 3].
      references: their masks, [n, S, S, 1].
      trained_on: all crops that were trained on, [N, S, S, 3].
    """

    crops: np.ndarray
    moved: np.ndarray
    patches: np.ndarray
    labelled: np.ndarray
    references: np.ndarray
    trained_on: np.ndarray


def moved_box(photograph: Photograph, shift: np.ndarray) -> Photograph:
    """Returns a photograph whose box is moved by shares of its sides (x, y), and stays in the picture."""
    height, width = load_image(photograph.path).shape[:2]
    x, y, box_width, box_height = photograph.box or (0, 0, width, height)
    x, y = x + shift[0] * box_width, y + shift[1] * box_height
    window = windows.crop_window(box=(x, y, box_width, box_height), image_size=(height, width), crop_mode="box")
    return photograph._replace(box=(window.left, window.top, window.right - window.left, window.bottom - window.top))


def load_pictures(options: Options) -> Pictures:
    """Loads photographs and backgrounds, and chooses those that masks are predicted of."""
    data = photographs.load_training_data(config.Data(**vars(options.photographs), backgrounds=options.backgrounds,
                                                      num_evaluation_images=200))
    random = np.random.default_rng(options.seed)
    without = [index for index in range(len(data.crops)) if data.photographs[index].mask_path is None]
    if len(without) < start.NUM_PARTS:
        raise UserError(f"{len(without)} photographs have no reference mask, and figures need {start.NUM_PARTS} such.")
    count = min(options.num_images, len(without))
    chosen = random.permutation(without)[:count - count % start.NUM_PARTS]
    moved = [moved_box(data.photographs[index], shift)
             for index, shift in zip(chosen, random.uniform(-MOST_MOVED, MOST_MOVED, [len(chosen), 2]))]
    drawn = next(iter(batches.foreground_batches(crops=data.crops[:1], background_pool=data.pool, batch_size=len(chosen),
                                                 num_steps=1, seed=options.seed)))
    labelled = sorted(data.masks)
    return Pictures(
        data.crops[chosen], load_crops(moved, size=options.photographs.image_size, crop_mode=options.photographs.crop),
        drawn["backgrounds"].numpy(), data.crops[labelled], np.array([data.masks[index] for index in labelled]),
        data.crops)


def build_discriminator(values: Mapping[str, str], pictures: Pictures) -> tf.keras.Model:
    """Builds the discriminator that a run's flags, texts by name, describe."""
    made = Discriminator(**discriminator_options(
        pictures=pictures.trained_on, spectral_norm=values["spectral_norm"],
        spectral_norm_scale=float(values["spectral_norm_scale"]), score_activation=values["score_activation"],
        discriminator_initializer=values["discriminator_initializer"], discriminator_inputs=values["discriminator_inputs"],
        discriminator_input_scale=float(values.get("discriminator_input_scale", 1.0))))
    made(tf.zeros([1, *pictures.crops.shape[1:]]))
    return made


def check_alike(run_dirs: Sequence[str]) -> None:
    """Raises UserError where a run was trained on other photographs, boxes or backgrounds than the first."""
    paths = [path for path in (pathlib.Path(run_dir, DATA_FILE) for run_dir in run_dirs) if path.exists()]
    for path in paths[1:]:
        if path.read_bytes() != paths[0].read_bytes():
            raise UserError(f"{path.parent} was trained on other pictures or boxes than {paths[0].parent}; measure it alone.")


def measure_run(run_dir: str, pictures: Pictures) -> list[dict[str, Any]]:
    """Measures each checkpoint of a run, the earliest first; `masks` in each are of the crops, float32 [k, S, S, 1]."""
    loaded = networks.load_network(run_dir=run_dir)
    run, size = loaded.flags, pictures.crops.shape[1]
    if "discriminator_inputs" not in run or loaded.image_size != size:
        raise UserError(f"{run_dir} is no run of train_fg.py on crops of {size} pixels.")
    area = loaded.area_constant or photographs.default_area(photographs.dataset_name(dataset=run.get("dataset"),
                                                                                     images=run.get("images")))
    averaged = "generator_average" if float(run.get("generator_average", 0)) else "generator"
    network, discriminator, folder = loaded.network, build_discriminator(run, pictures), RunFolder(run_dir).checkpoint_dir
    predict, rows = tf.function(pipeline.inference(network), autograph=False), []
    for step, path in checkpoint.checkpoints_by_step(folder).items():
        for part, name in ((network, averaged), (discriminator, "discriminator")):
            checkpoint.restore_network(folder, part, name=name, path=path)
        masks, mirrored = (pipeline.predict_masks(predict, crops) for crops in (pictures.crops,
                                                                                pictures.crops[:, :, ::-1]))
        seen, moved = (start.measure(discriminator, start.blended_of(
            {"photographs": crops, "backgrounds": pictures.patches, "reals": crops}, network=predict))
                       for crops in (pictures.crops, pictures.moved))
        rows.append({"run": os.path.basename(os.path.normpath(run_dir)), "seed": int(run["seed"]), "area_constant": area,
                     "step": step, **unlabelled.measure(masks, mirrored[:, :, ::-1], pictures.crops, area_constant=area),
                     "loss_seen": seen["loss"], "loss_moved": moved["loss"],
                     "accuracy_moved": (moved["accuracy_real"] + moved["accuracy_fake"]) / 2,
                     **_true_ious(predict, pictures), "masks": masks})
        if len(rows) > 1:
            rows[-1]["before"] = unlabelled.correlation(masks, rows[-2]["masks"])
        print(format_rows(rows[-1:], with_head=len(rows) == 1), flush=True)
    return rows


def _true_ious(network: Callable, pictures: Pictures) -> dict[str, float]:
    """Returns the mean and the foreground IoU of a network's masks against references; empty where there are none."""
    if not len(pictures.references):
        return {}
    masks = metrics.binarize(pipeline.predict_masks(network, pictures.labelled), report.THRESHOLD)
    found = metrics.average(metrics.confusion_counts(masks, pictures.references))
    return {name: found[name] for name in ("mean_iou", "foreground_iou")}


def compare_runs(rows: Sequence[dict[str, Any]]) -> None:
    """Adds to each checkpoint its mean correlation with others of its step: `seeds` of its a, `areas` of its seed."""
    for row in rows:
        others = [other for other in rows if other["step"] == row["step"] and other["run"] != row["run"]]
        for name, same, differs in (("seeds", "area_constant", "seed"), ("areas", "seed", "area_constant")):
            found = [unlabelled.correlation(row["masks"], other["masks"]) for other in others
                     if other[same] == row[same] and other[differs] != row[differs]]
            if found:
                row[name] = float(np.mean(found))


def chosen_by_rules(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns the checkpoint of one run that each rule for the stop takes, by the rule's name.

    Args:
      rows: the run's checkpoints, the earliest first.
    """
    late = [row for row in rows if row["step"] >= FIRST_SHARE * rows[-1]["step"]]
    light = [row for row in late if row["over_a"] <= 1.15]
    chosen = {"the last": late[-1]}
    for name, (key, is_high) in RULES.items():
        known = [row for row in late if key in row]
        if known:
            chosen[name] = (max if is_high else min)(known, key=lambda row: row[key])
    if light:
        chosen["area at most 1.15 a"] = light[-1]
        chosen["of these, flip IoU"] = max(light, key=lambda row: row["flip_iou"])
    return chosen


def areas_by_flips(rows: Sequence[dict[str, Any]]) -> dict[int, tuple[int, float]]:
    """Returns, by seed, the last step that runs with several a have, and the a with the highest flip correlation."""
    found = {}
    for seed in sorted({row["seed"] for row in rows}):
        for step in sorted({row["step"] for row in rows}):
            same = [row for row in rows if (row["seed"], row["step"]) == (seed, step)]
            if len({row["area_constant"] for row in same}) > 1:
                found[seed] = step, max(same, key=lambda row: row["flip_correlation"])["area_constant"]
    return found


def format_rows(rows: Sequence[dict[str, Any]], *, with_head: bool = True) -> str:
    """Returns the checkpoints' figures as a plain-text table without a final newline, with the columns' names or not."""
    lines = ["run           step" + "".join(f"  {name}" for name in COLUMNS)] if with_head else []
    for row in rows:
        lines.append(f"{row['run']:12}  {row['step']:4}" + "".join(
            f"  {row[name]:{len(name)}.3f}" if name in row else f"  {'-':>{len(name)}}" for name in COLUMNS))
    return "\n".join(lines)


def format_choices(rows: Sequence[dict[str, Any]]) -> str:
    """Returns what each rule takes of one run, and its regret where there are reference masks, as plain text."""
    lines, best = [f"{rows[0]['run']}, a = {rows[0]['area_constant']:g}"], max(row.get("mean_iou", 0.0) for row in rows)
    for name, row in chosen_by_rules(rows).items():
        true = f"  mean IoU {row['mean_iou']:.3f}  regret {best - row['mean_iou']:.3f}" if "mean_iou" in row else ""
        lines.append(f"  {name:22} step {row['step']:5}{true}")
    return "\n".join(lines)


def main(argv: list) -> None:
    """Measures all runs, compares them, prints and writes."""
    del argv
    told = config.from_flags(Options)
    check_alike(told.run_dir)
    first = networks.load_network(run_dir=told.run_dir[0])
    given = networks.inherited_flags(first, told.photographs)
    if told.backgrounds is None and "backgrounds" in first.flags:
        given["backgrounds"] = first.flags["backgrounds"]
    pictures = load_pictures(config.from_flags(Options, given=given))
    by_run = [measure_run(run_dir, pictures) for run_dir in told.run_dir]
    rows = [row for one in by_run for row in one]
    compare_runs(rows)
    if len(by_run) > 1:
        print(f"\ncompared with each other\n{format_rows(rows)}")
    for one in by_run:
        print(format_choices(one))
    for seed, (step, area) in areas_by_flips(rows).items():
        print(f"seed {seed}, step {step}: masks agree most with those of mirrored crops at --area_constant={area:g}")
    if told.out:
        atomic.write(told.out, json.dumps([{name: value for name, value in row.items() if name != "masks"} for row in rows],
                                          indent=2) + "\n")


if __name__ == "__main__":
    flags.define_paths("run_dir", None, "Run folder of train_fg.py, once for each.", required=True)
    flags.define_data(crop=None, image_size=None, split=None)
    flags.define_backgrounds()
    absl_flags.DEFINE_integer("num_images", 200, "Most crops without reference masks that figures are of, a multiple of "
                              "8.", lower_bound=start.NUM_PARTS)
    absl_flags.DEFINE_integer("seed", 0, "Seed of the choice of crops, boxes and backgrounds.")
    flags.define_path("out", None, "JSON file for the figures of each checkpoint.")
    errors.run(main)
