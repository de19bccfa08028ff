"""Runs every row of the paper in order, and makes the table of what came out from the run folders.

    python experiments/reproduce.py --data=DATA                            # all rows, seed 0
    python experiments/reproduce.py --data=DATA --rows=birds,drawn --seeds=0,1,2

One setting at a time in small, two steps of everything, and the table alone:

    python experiments/reproduce.py --data=DATA --rows=ablations --seeds=0,1,2
    python experiments/reproduce.py --data=DATA --smoke
    python experiments/reproduce.py --data=DATA --table_only

The table is `table.md` in the folder of runs, and `results.json` beside it has the figures of each run with all digits,
in the form of `experiments/results.json`. The same command can be given again at any time. What is finished is passed
over, and what was stopped goes on. What was finished with other flags than its row has now is reported instead. A row
whose data are not there is left out. One that fails is reported, the rest is run all the same, and the exit status is
1. DATA has `CUB_200_2011/`, `landscapes/`, `CelebA/`, `INRIAPerson/Train/neg/`, and `hoc/` with `crowd.jpg` and
`beans.jpg`, or other names by --crowd_image and --seed_image.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import flags  # noqa: E402
from absl import flags as absl_flags  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from data import samples  # noqa: E402
from errors import UserError  # noqa: E402
from flag_help import with_new_name  # noqa: E402
from experiments import results  # noqa: E402
from experiments.rows import ABLATIONS, ALL_ROWS, ROWS  # noqa: E402
from storage import atomic  # noqa: E402
from training import processor  # noqa: E402

SMOKE = ("--num_steps=2", "--batch_size=2", "--num_evaluation_images=4", "--num_panel_images=2",
         "--learning_rate_fall_steps=0")
RECORD = "seconds.json"  # in a stage's folder: how long it took, and with what flags


@config.frozen
class Options:
    """The script's flags."""

    data: str
    rows: list
    seeds: list
    runs_dir: Optional[str]
    smoke: bool
    table_only: bool
    crowd_image: Optional[str]
    seed_image: Optional[str]
    crowd_window_size: int
    crowd_one_window_size: int
    seed_window_size: int


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


def flagfile_of(stage):
    """Returns the path of a stage's flagfile."""
    return os.path.join(ROOT, "experiments", f"{stage.flagfile}.flags")


def arguments_of(stage, *, values, smoke):
    """Returns a stage's flags beside its flagfile."""
    return [*(argument.format(**values) for argument in stage.arguments), *(SMOKE + stage.smoke if smoke else ())]


def flags_of(stage, *, values, smoke):
    """Returns a stage's flags, those of its flagfile first: a list of '--name=value'.

    Where data and runs lie makes no other run, so that of photographs' paths only the files' names are in it.
    """
    with open(flagfile_of(stage), encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.startswith("--")]
    named = {key: os.path.basename(value) if isinstance(value, str) else value for key, value in values.items()}
    return [*lines, *arguments_of(stage, values={**named, "data": "DATA", "previous": "PREVIOUS"}, smoke=smoke)]


def run_stage(stage, folder, *, seed, **options):
    """Runs or continues one stage; keeps its flags, and adds its seconds to those before. Returns its exit status."""
    command = [sys.executable, os.path.join(ROOT, stage.script), f"--flagfile={flagfile_of(stage)}",
               *arguments_of(stage, **options), f"--seed={seed}", f"--run_dir={folder}"]
    print("\n" + " ".join(command), flush=True)
    start = time.time()
    status = subprocess.run(command, check=False).returncode
    path = os.path.join(folder, RECORD)
    if os.path.exists(os.path.join(folder, "metrics.json")):
        atomic.write(path, json.dumps({"seconds": read_json(path).get("seconds", 0.0) + time.time() - start,
                                       "flags": flags_of(stage, **options), "device": device()}))
    return status


def changed_flag(stage, folder, **options):
    """Returns the first flag in which a stage differs from what its folder's run was finished with, or None."""
    before, now = read_json(os.path.join(folder, RECORD)).get("flags", []), flags_of(stage, **options)
    before = [with_new_name(flag) for flag in before]
    return next((flag for flag in [*now, *before] if (flag in now) != (flag in before)), None) if before else None


def run_row(row, folder, *, seed, values, smoke):
    """Runs a row's stages that are not done. Returns what failed, which begins with a stage's name, or None."""
    previous = None
    for stage in row.stages:
        place = os.path.join(folder, stage.name)
        options = {"smoke": smoke, "values": {**values, "previous": previous}}
        if not is_done(place):
            if run_stage(stage, place, seed=seed, **options):
                return stage.name
        elif changed := changed_flag(stage, place, **options):
            return (f"{stage.name}: {place} was finished by other flags ({changed} differs); remove it to run the stage "
                    "again, or give another --runs_dir")
        previous = place
    return None


def finished(runs_dir, seeds):
    """Yields each row and stage with runs that are done, and of these the seeds, the metrics, and what `RECORD` holds."""
    for name, row in ALL_ROWS.items():
        for stage in row.stages:
            folders = {seed: os.path.join(runs_dir, name, f"seed_{seed}", stage.name) for seed in seeds}
            done = [seed for seed in seeds if is_done(folders[seed])]
            if done:
                yield (row, stage, done, [read_json(os.path.join(folders[seed], "metrics.json")) for seed in done],
                       [read_json(os.path.join(folders[seed], RECORD)) for seed in done])


def table(runs_dir, seeds):
    """Makes the table of what the run folders hold: Markdown, a line for each stage, mean and spread over seeds."""
    lines = ["| row | paper | stage | seeds | steps | figures (mean over seeds, +- their standard deviation) | minutes "
             "| warnings |", "|---|---|---|---|---|---|---|---|"]
    for row, stage, done, metrics, records in finished(runs_dir, seeds):
        minutes = statistics.mean(record.get("seconds", 0.0) for record in records) / 60
        cells = [row.title, row.paper, stage.name, str(len(done)), str(metrics[0]["num_steps"]),
                 ", ".join(_figures(metrics, row.figures)) or "pictures alone", f"{minutes:.0f}",
                 str(sum(len(one["warnings"]) for one in metrics))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def entries(runs_dir, seeds):
    """Yields the entry of each finished run, as `experiments.results` has them."""
    for row, stage, done, metrics, records in finished(runs_dir, seeds):
        command = " ".join([stage.script, f"--flagfile=experiments/{stage.flagfile}.flags", *stage.arguments])
        for seed, one, record in zip(done, metrics, records):
            yield results.entry(one, row=row.title, stage=stage.name, command=command, seed=int(seed),
                                device=record.get("device", "unknown"))


def device():
    """Returns the GPUs' names, or the processor's and the number of cores."""
    if shutil.which("nvidia-smi"):
        names = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True,
                               check=False).stdout.split("\n")
        return ", ".join(filter(None, names)) or "a GPU without a name"
    found = processor.describe()
    return f"{found.name}, {found.num_cores} cores"


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
    options = config.from_flags(Options)
    values = {"data": options.data, "crowd_image": options.crowd_image or f"{options.data}/hoc/crowd.jpg",
              "seed_image": options.seed_image or f"{options.data}/hoc/beans.jpg",
              "limes_image": samples.LIMES_IMAGE, "nuclei_image": samples.NUCLEI_IMAGE,
              "airplanes_images": samples.AIRPLANES_IMAGES, "airplanes_boxes": samples.AIRPLANES_BOXES_SEEN,
              "pets_images": samples.PETS_IMAGES, "pets_boxes": samples.PETS_BOXES_SEEN, "pets_masks": samples.PETS_MASKS,
              "birds_weights": os.path.join(ROOT, "pretrained", "birds_compact.npz"),
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
        atomic.write(os.path.join(runs_dir, "table.md"), text)
        atomic.write(os.path.join(runs_dir, "results.json"), results.text(entries(runs_dir, options.seeds)))
    print("\n" + text, end="")
    for run in failed:
        print(f"failed: {run}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    flags.define_path("data", "data", "Folder with the data sets.")
    absl_flags.DEFINE_list("rows", [], "The rows to run, by name; 'ablations' is one setting at a "
                           "time, in small. Default: all but these.")
    absl_flags.DEFINE_list("seeds", ["0"], "Seeds; each row is run with each of them.")
    flags.define_path("runs_dir", None, "Where run folders go. Default: runs/reproduce, or runs/smoke.")
    absl_flags.DEFINE_bool("smoke", False, "Two steps of small networks instead of whole runs.")
    absl_flags.DEFINE_bool("table_only", False, "Run nothing, make the table.")
    flags.define_path("crowd_image", None, "Photograph of a crowd. Default: hoc/crowd.jpg in the data.")
    flags.define_path("seed_image", None, "Photograph of seeds. Default: hoc/beans.jpg in the data.")
    absl_flags.DEFINE_integer("crowd_window_size", 60, "Its --window_size, in pixels.", lower_bound=16)
    absl_flags.DEFINE_integer("crowd_one_window_size", 44, "Its --window_size in the row crowd_shadow, in pixels.",
                              lower_bound=16)
    absl_flags.DEFINE_integer("seed_window_size", 96, "Its --window_size, in pixels.", lower_bound=16)
    errors.run(main)
