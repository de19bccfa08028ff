"""Runs every row of the paper in order, and makes the table of what came out from the run folders.

    python experiments/reproduce.py --data=DATA                            # all rows, seed 0
    python experiments/reproduce.py --data=DATA --rows=birds,drawn --seeds=0,1,2
    python experiments/reproduce.py --data=DATA --rows=ablations --seeds=0,1,2   # one setting at a time, in small
    python experiments/reproduce.py --data=DATA --smoke                    # two steps of everything
    python experiments/reproduce.py --data=DATA --table_only               # the table of what has been run so far

What is finished is passed over and what was stopped goes on, so that the same command can be given again at any time.
A row whose data are not there is left out, and one that fails is reported; the rest is run all the same, and the exit
status is 1. DATA has `CUB_200_2011/`, `landscapes/`, `CelebA/`, `INRIAPerson/Train/neg/`, and `hoc/` with
`crowd.jpg` and `beans.jpg`, or other names by --crowd_image and --seed_image.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import flags  # noqa: E402
from absl import flags as absl_flags  # noqa: E402

import atomic_file  # noqa: E402
from errors import UserError  # noqa: E402

FOREGROUND_FIGURES = ("foreground_iou", "background_iou", "mean_iou")
CLUSTER_FIGURES = ("single_piece_fraction", "undecided_fraction", "diversity", "best_shape_iou",
                   "best_shape_iou_of_disk")
SMOKE = ("--num_steps=2", "--batch_size=2", "--num_evaluation_images=4", "--num_panel_images=2",
         "--learning_rate_fall_steps=0")


class Stage(NamedTuple):
    """One run of one script.

    Attributes:
      name: what it is, which is its folder's name too.
      script: script of the project.
      flagfile: name in `experiments/`, without its ending.
      arguments: flags beside it; `{data}`, `{previous}` (the stage before) and the images' names are filled in.
      smoke: further flags that make it small.
    """

    name: str
    script: str
    flagfile: str
    arguments: tuple = ()
    smoke: tuple = ()


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      title: what it is, for people.
      paper: the paper's figure, or '-'.
      needs: files and folders without which it is left out, as in `Stage.arguments`.
      figures: of its evaluations, what the table shows.
      stages: its runs, one after another.
    """

    title: str
    paper: str
    needs: tuple
    figures: tuple
    stages: tuple


def _foreground(title, paper, *, needs, flagfile, arguments, **students):
    """Makes a row of a raw stage and students, each taught by the stage before.

    `students` are lists by name: a flagfile, and arguments beside it.
    """
    raw = Stage("raw", "train_fg.py", flagfile, arguments,
                ("--image_size=64", "--generator_width=0.0625", "--area_ramp_steps=2"))
    taught = (Stage(name, "distill.py", student, ("--teacher={previous}", *more), ("--student_width=0.0625",))
              for name, (student, *more) in students.items())
    return Row(title, paper, needs, FOREGROUND_FIGURES, (raw, *taught))


def _cluster(title, *, flagfile, needs=(), arguments=()):
    samples = Stage("instances", "train_hoc.py", flagfile, (*arguments, "--num_samples=64"),
                    ("--generator_width=0.0625", "--num_samples=4"))
    return Row(title, "-", needs, CLUSTER_FIGURES, (samples,))


BIRDS, LANDSCAPES = "{data}/CUB_200_2011", "{data}/landscapes"
FACES, NEGATIVES = "{data}/CelebA", "{data}/INRIAPerson/Train/neg"
ROWS = {
    "birds_printed": _foreground(
        "Birds, Table 3 as printed", "mIOU 0.78 distilled", needs=(BIRDS, LANDSCAPES), flagfile="fg_birds",
        distilled=["distill_birds"], arguments=(f"--data_dir={BIRDS}", f"--backgrounds={LANDSCAPES}")),
    "birds_landscapes": _foreground(
        "Birds, masks that shrink", "mIOU 0.78 distilled", needs=(BIRDS, LANDSCAPES), flagfile="fg_birds_ramp",
        distilled=["distill_birds"], arguments=(f"--data_dir={BIRDS}", f"--backgrounds={LANDSCAPES}")),
    "birds": _foreground(
        "Birds, batch's mean area, own backgrounds", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="fg_birds_batch_mean", distilled=["distill_compact"],
        cut=["distill_cut", "--label_area=0.36"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_light": _foreground(
        "Birds, light area penalty, own backgrounds", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="fg_birds_light_penalty", distilled=["distill_compact"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_64": _foreground(
        "Birds, crops of 64 pixels, students of 128", "mIOU 0.78 distilled", needs=(BIRDS,), flagfile="fg_birds_64",
        distilled=["distill_compact", "--image_size=128"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_boxes": Row(
        "Birds, cut boxes alone (no GAN)", "-", (BIRDS,), FOREGROUND_FIGURES,
        (Stage("student", "distill.py", "distill_cut", ("--teacher=boxes", "--dataset=birds", f"--data_dir={BIRDS}",
                                                        "--backgrounds=outside_boxes"),
               ("--image_size=64", "--student_width=0.0625")),)),
    "faces_printed": _foreground(
        "Faces, Table 3 as printed", "pictures alone", needs=(FACES, NEGATIVES), flagfile="fg_faces",
        distilled=["distill_birds"], arguments=(f"--data_dir={FACES}", f"--backgrounds={NEGATIVES}")),
    "faces": _foreground(
        "Faces, batch's mean area", "pictures alone", needs=(FACES, NEGATIVES), flagfile="fg_faces_batch_mean",
        distilled=["distill_compact"], arguments=(f"--data_dir={FACES}", f"--backgrounds={NEGATIVES}")),
    "pets": _foreground("Pets (bundled)", "-", needs=(), flagfile="fg_demo", arguments=(),
                        distilled=["distill_compact"]),
    "crowd": _cluster("Crowd, Table 4", flagfile="hoc_crowd", needs=("{crowd_image}",),
                      arguments=("--image={crowd_image}", "--window_size={crowd_window_size}")),
    "fruit": _cluster("Fruit (bundled oranges), Table 4", flagfile="hoc_fruit"),
    "fruit_disk": _cluster("Fruit, masks from disks", flagfile="hoc_fruit_disk"),
    "seed": _cluster("Seed, Table 4", flagfile="hoc_seed", needs=("{seed_image}",),
                     arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "crowd_disk": _cluster("Crowd, masks from disks", flagfile="hoc_crowd_disk", needs=("{crowd_image}",),
                           arguments=("--image={crowd_image}", "--window_size={crowd_window_size}")),
    "seed_disk": _cluster("Seed, masks from disks", flagfile="hoc_seed_disk", needs=("{seed_image}",),
                          arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "drawn": _cluster("Drawn ellipses, known shapes", flagfile="hoc_drawn"),
    "fruit_one": _cluster("Fruit, one instance on whole windows", flagfile="hoc_fruit_one"),
    "seed_one": _cluster("Seed, one instance on whole windows", flagfile="hoc_seed_one", needs=("{seed_image}",),
                           arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "crowd_one": _cluster("Crowd, one instance on whole windows", flagfile="hoc_crowd_one",
                            needs=("{crowd_image}",),
                            arguments=("--image={crowd_image}", "--window_size={crowd_one_window_size}")),
    "drawn_one": _cluster("Drawn ellipses, one instance on whole windows", flagfile="hoc_drawn_one"),
}


TOGETHER = ("--area_weight=10", "--area_ramp_steps=0", "--discriminator_inputs=standardized")


def _ablation(title, *arguments):
    """Makes a row of birds in small with some flags changed."""
    return _foreground(f"Birds in small: {title}", "-", needs=(BIRDS,), flagfile="fg_birds_small",
                       arguments=(f"--data_dir={BIRDS}", *arguments))


ABLATIONS = {
    "small": _ablation("batch's mean area, a = 0.36, lambda 100, masks that shrink, our normalization"),
    "small_per_mask": _ablation("each mask's area", "--area_penalty=per_mask"),
    "small_above": _ablation("areas above a alone", "--area_penalty=above"),
    "small_quarter": _ablation("a = 0.25", "--area_constant=0.25"),
    "small_per_mask_quarter": _ablation("each mask's area, a = 0.25", "--area_penalty=per_mask",
                                        "--area_constant=0.25"),
    "small_lambda_10": _ablation("lambda 10", "--area_weight=10"),
    "small_lambda_1000": _ablation("lambda 1000", "--area_weight=1000"),
    "small_no_ramp": _ablation("the area constant from the first step", "--area_ramp_steps=0"),
    "small_tfa": _ablation("tensorflow-addons' normalization", "--spectral_norm=tfa"),
    "small_lrelu": _ablation("lReLU score", "--score_activation=lrelu"),
    "small_glorot": _ablation("Glorot's discriminator", "--discriminator_initializer=glorot_uniform"),
    "small_unit": _ablation("inputs in [0, 1]", "--discriminator_inputs=unit"),
    "small_standardized": _ablation("standardized inputs", "--discriminator_inputs=standardized"),
    "small_discriminator_2e-4": _ablation("discriminator's rate 2e-4", "--discriminator_learning_rate=2e-4"),
    "small_discriminator_1e-3": _ablation("discriminator's rate 1e-3", "--discriminator_learning_rate=1e-3"),
    "small_two_updates": _ablation("two discriminator updates", "--num_discriminator_updates=2"),
    "small_decision": _ablation("decision weight 1", "--decision_weight=1"),
    "small_outline": _ablation("outline weight 0.1", "--outline_weight=0.1"),
    "small_average": _ablation("generator's moving average, 0.99", "--generator_average=0.99"),
    "small_together": _ablation("lambda 10, no schedule, standardized inputs", *TOGETHER),
    "small_together_scale_1.5": _ablation("these, D's kernels scaled by 1.5", *TOGETHER, "--spectral_norm_scale=1.5"),
    "small_together_scale_2": _ablation("these, D's kernels scaled by 2", *TOGETHER, "--spectral_norm_scale=2"),
    "small_together_scale_3": _ablation("these, D's kernels scaled by 3", *TOGETHER, "--spectral_norm_scale=3"),
}
ALL_ROWS = {**ROWS, **ABLATIONS}


def is_done(folder):
    """Tells whether a run folder's run has come to its end."""
    metrics = read_json(os.path.join(folder, "metrics.json"))
    return (os.path.exists(os.path.join(folder, "weights.npz")) and bool(metrics)
            and metrics.get("step") == metrics.get("num_steps"))


def read_json(path):
    """Returns what a JSON file holds, or {} where there is none."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run_stage(stage, folder, *, seed, values, smoke):
    """Runs or continues one stage; adds its seconds to those of its folder. Returns its exit status."""
    command = [sys.executable, os.path.join(ROOT, stage.script),
               f"--flagfile={os.path.join(ROOT, 'experiments', stage.flagfile)}.flags",
               *(argument.format(**values) for argument in stage.arguments), *(SMOKE + stage.smoke if smoke else ()),
               f"--seed={seed}", f"--run_dir={folder}"]
    print("\n" + " ".join(command), flush=True)
    start = time.time()
    status = subprocess.run(command, check=False).returncode
    path = os.path.join(folder, "seconds.json")
    if os.path.exists(os.path.join(folder, "metrics.json")):
        atomic_file.write(path, json.dumps({"seconds": read_json(path).get("seconds", 0.0) + time.time() - start}))
    return status


def run_row(row, folder, *, seed, values, smoke):
    """Runs a row's stages that are not done. Returns the failed stage's name, or None."""
    previous = None
    for stage in row.stages:
        place = os.path.join(folder, stage.name)
        if not is_done(place) and run_stage(stage, place, seed=seed, smoke=smoke,
                                            values={**values, "previous": previous}):
            return stage.name
        previous = place
    return None


def table(runs_dir, seeds):
    """Makes the table of what the run folders hold: Markdown, a line for each stage, mean and spread over seeds."""
    lines = ["| row | paper | stage | seeds | steps | figures (mean over seeds, +- their standard deviation) | minutes "
             "| warnings |", "|---|---|---|---|---|---|---|---|"]
    for name, row in ALL_ROWS.items():
        for stage in row.stages:
            folders = [os.path.join(runs_dir, name, f"seed_{seed}", stage.name) for seed in seeds]
            folders = [folder for folder in folders if is_done(folder)]
            if not folders:
                continue
            metrics = [read_json(os.path.join(folder, "metrics.json")) for folder in folders]
            seconds = [read_json(os.path.join(folder, "seconds.json")).get("seconds", 0.0) for folder in folders]
            cells = [row.title, row.paper, stage.name, str(len(folders)), str(metrics[0]["num_steps"]),
                     ", ".join(_figures(metrics, row.figures)) or "pictures alone",
                     f"{statistics.mean(seconds) / 60:.0f}", str(sum(len(one["warnings"]) for one in metrics))]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _figures(metrics, names):
    """Yields each figure that the runs have, as text."""
    for name in names:
        found = [one["last"][f"evaluation/{name}"] for one in metrics if f"evaluation/{name}" in one["last"]]
        if found:
            spread = f" +- {statistics.stdev(found):.3f}" if len(found) > 1 else ""
            yield f"{name} {statistics.mean(found):.3f}{spread}"


def main(argv):
    """Runs the rows asked for, and writes the table."""
    del argv
    options = flags.FLAGS
    values = {"data": options.data, "crowd_image": options.crowd_image or f"{options.data}/hoc/crowd.jpg",
              "seed_image": options.seed_image or f"{options.data}/hoc/beans.jpg",
              "crowd_window_size": options.crowd_window_size,
              "crowd_one_window_size": options.crowd_one_window_size, "seed_window_size": options.seed_window_size}
    names = [name for one in options.rows or ROWS for name in (ABLATIONS if one == "ablations" else [one])]
    unknown = [name for name in names if name not in ALL_ROWS]
    if unknown:
        raise UserError(f"--rows has no {unknown[0]!r}; the rows are ablations, {', '.join(ALL_ROWS)}.")
    if not all(seed.isdigit() for seed in options.seeds):
        raise UserError(f"--seeds={','.join(options.seeds)} are not all whole numbers from 0.")
    runs_dir = options.runs_dir or os.path.join("runs", "smoke" if options.smoke else "reproduce")
    failed = []
    for name in [] if options.table_only else names:
        row = ALL_ROWS[name]
        missing = [path for path in (need.format(**values) for need in row.needs) if not os.path.exists(path)]
        if missing:
            print(f"{name} is left out: {missing[0]} is not there")
            continue
        for seed in options.seeds:
            stage = run_row(row, os.path.join(runs_dir, name, f"seed_{seed}"), seed=seed, values=values,
                            smoke=options.smoke)
            if stage:
                failed.append(f"{name}, seed {seed}, {stage}")
    text = table(runs_dir, options.seeds)
    if os.path.isdir(runs_dir):
        atomic_file.write(os.path.join(runs_dir, "table.md"), text)
    print("\n" + text, end="")
    for run in failed:
        print(f"failed: {run}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    absl_flags.DEFINE_string("data", "data", "Folder with the data sets.")
    absl_flags.DEFINE_list("rows", [], "The rows to run, by name; 'ablations' is one setting at a "
                            "time, in small. Default: all but these.")
    absl_flags.DEFINE_list("seeds", ["0"], "Seeds; each row is run with each of them.")
    absl_flags.DEFINE_string("runs_dir", None, "Where run folders go. Default: runs/reproduce, or runs/smoke.")
    absl_flags.DEFINE_bool("smoke", False, "Two steps of small networks instead of whole runs.")
    absl_flags.DEFINE_bool("table_only", False, "Run nothing, make the table.")
    absl_flags.DEFINE_string("crowd_image", None, "Photograph of a crowd. Default: hoc/crowd.jpg in the data.")
    absl_flags.DEFINE_string("seed_image", None, "Photograph of seeds. Default: hoc/beans.jpg in the data.")
    absl_flags.DEFINE_integer("crowd_window_size", 60, "Its --window_size, in pixels.", lower_bound=16)
    absl_flags.DEFINE_integer("crowd_one_window_size", 44, "Its --window_size in the row crowd_one, in pixels.",
                              lower_bound=16)
    absl_flags.DEFINE_integer("seed_window_size", 96, "Its --window_size, in pixels.", lower_bound=16)
    flags.run(main)
