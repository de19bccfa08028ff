"""Says whether two commits train the same: runs small trainings of both, and compares what they log and save.

    python experiments/compare_traces.py --before=main --after=HEAD                     # all cases, seeds 0 and 1
    python experiments/compare_traces.py --before=main --after=. --cases=fg_demo,hoc_fruit --seeds=0

Up to rounding, and with other flags on one side:

    python experiments/compare_traces.py --before=main --after=. --tolerance=1e-5
    python experiments/compare_traces.py --before=main --after=. --after_flags='fg_demo: ~flip --mirror=true'

--before and --after are each a folder, taken as it is, or else a commit. Their scripts are run in them as by a user:
nothing is known of them but scripts, flags and what is in run folders; a flagfile is found by its name anywhere below
`experiments/`. Where one side has other flags, --before_flags and --after_flags change those of the cases, or of one
stage of a case ('distillation/raw'), that match a pattern: '~name' takes a flag of the table away, '--name=value' adds
one. Both may be given several times.

Each case and seed gets a line: 'same', or the first metric and step that differs, or else the last checkpoint's first
variable. Metrics and variables that one side alone has are named, and are no difference; nor are variables that have
another name and the same value. Steps per second are not compared. With a tolerance, metrics may differ by so much, and
of variables types and shapes alone are compared. Adam takes steps of one size even along gradients that are mere
rounding, so values agree to the bit or not at all. The exit status is 1 where anything differs or a script fails.
"""

import glob
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import config  # noqa: E402  before TensorFlow
from absl import app  # noqa: E402
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from errors import UserError  # noqa: E402
from experiments.trace_cases import CASES, check_changes  # noqa: E402
from experiments.trace_runs import Scripts  # noqa: E402

SIDES = ("before", "after")
NOT_COMPARED = "rate/"  # metrics of how fast it went
NO_VARIABLES = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter")  # entries of a checkpoint
TINY = 1e-38  # smaller than which no float32 is exact


@config.frozen
class Options:
    """The script's flags."""

    before: str
    after: str
    cases: list
    seeds: list
    before_flags: list
    after_flags: list
    tolerance: float
    jobs: int


class Trace(NamedTuple):
    """What a run leaves behind that another is compared with.

    Attributes:
      scalars: dict from (step, metric's name) to a float.
      variables: dict from a variable's name in the last checkpoint to its value.
    """

    scalars: dict
    variables: dict


def read_trace(run_dir: str) -> Trace:
    """Reads the event files and the last checkpoint of a run folder."""
    scalars = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(run_dir), "events.out.tfevents.*"))):
        for record in tf.data.TFRecordDataset(path):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.HasField("tensor") and value.tensor.dtype == tf.float32.as_datatype_enum:
                    scalars[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(os.path.join(run_dir, "checkpoints")))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(NO_VARIABLES)]
    return Trace(scalars, {name: reader.get_tensor(name) for name in sorted(names)})


def digest(*values: np.ndarray) -> str:
    """Returns the SHA-256 of arrays: of their types, shapes and bytes."""
    result = hashlib.sha256()
    for value in map(np.asarray, values):
        result.update(f"{value.dtype} {value.shape} ".encode())
        result.update(value.tobytes())
    return result.hexdigest()


def scalar_difference(before: dict, after: dict, *, tolerance: float) -> str | None:
    """Finds the first step, and in it the first metric that both sides log, where they differ.

    Args:
      before: scalars as of `Trace`.
      after: the same of the other side.
      tolerance: largest relative difference that is none; of 0 every bit counts.

    Returns:
      The difference as text, or None.
    """
    shared = _metrics(before) & _metrics(after)
    if not shared:
        return "no metric is logged by both sides"
    for step, name in sorted(set(before) | set(after)):
        if name not in shared:
            continue
        old, new = before.get((step, name)), after.get((step, name))
        if old is None or new is None:
            return f"{name} at step {step} is logged {SIDES[old is None]} alone"
        if old.hex() == new.hex():  # which NaN is too
            continue
        relative = abs(old - new) / max(abs(old), abs(new), TINY)
        if not tolerance or not relative <= tolerance:
            return f"{name} at step {step}: {old.hex()} before, {new.hex()} after, relative difference {relative:.2g}"
    return None


def _metrics(scalars):
    """Returns the set of the names of metrics that are compared."""
    return {name for _, name in scalars if not name.startswith(NOT_COMPARED)}


def variable_difference(before: dict, after: dict, *, with_values: bool) -> tuple[str | None, list[str]]:
    """Finds the first variable that differs.

    Args:
      before: variables as of `Trace`.
      after: the same of the other side.
      with_values: whether values are compared bit by bit; otherwise types and shapes alone.

    Returns:
      (the difference as text, or None; lines about variables that one side alone has or that have another name).
    """
    for name in sorted(set(before) & set(after)):
        old, new = before[name], after[name]
        if (old.dtype, old.shape) != (new.dtype, new.shape):
            return f"variable {name} is {old.dtype} {old.shape} before, {new.dtype} {new.shape} after", []
        if with_values and digest(old) != digest(new):
            largest = np.abs(old.astype(np.float64) - new.astype(np.float64)).max()
            return f"variable {name} differs by up to {largest:.2g}", []
    rest, added = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    keys = {id(value): digest(value) if with_values else f"{value.dtype} {value.shape}"
            for value in [*(before[name] for name in rest), *(after[name] for name in added)]}
    renamed = []
    for name in list(rest):
        other = next((other for other in added if keys[id(after[other])] == keys[id(before[name])]), None)
        if other is not None:
            renamed.append(f"{name} -> {other}")
            rest.remove(name)
            added.remove(other)
    notes = [f"variables of another name: {', '.join(renamed)}"] if renamed else []
    notes += [f"variables {side} alone: {', '.join(names)}" for side, names in zip(SIDES, (rest, added)) if names]
    if rest and added:  # they may be the same with other values
        return f"variable {rest[0]} is there before alone, {added[0]} after alone", notes
    return None, notes


def compare(before: Trace, after: Trace, *, tolerance: float) -> tuple[str | None, list[str]]:
    """Compares two runs; values of variables only where there is no tolerance.

    Returns:
      (the first difference as text, or None; lines about what is no difference).
    """
    names = [_metrics(trace.scalars) for trace in (before, after)]
    notes = [f"metrics {side} alone: {', '.join(sorted(mine - other))}"
             for side, mine, other in zip(SIDES, names, reversed(names)) if mine - other]
    difference, more = variable_difference(before.variables, after.variables, with_values=not tolerance)
    return scalar_difference(before.scalars, after.scalars, tolerance=tolerance) or difference, notes + more


def judge(case: str, *, runs_dirs: list[str], failures: list[str | None], tolerance: float) -> Iterator[str]:
    """Yields the lines about a case that both sides have run; the first begins with 'same' if it is."""
    failed = [(side, *failure.splitlines()) for side, failure in zip(SIDES, failures) if failure]
    if failed:
        yield "different: " + ", ".join(f"{side} {first}" for side, first, *_ in failed)
        yield from (f"    {side}: {line}" for side, _, *lines in failed for line in lines)
        return
    counts, all_notes = [], []
    for stage in dict.fromkeys(stage.name for stage in CASES[case]):
        before, after = (read_trace(os.path.join(runs_dir, stage)) for runs_dir in runs_dirs)
        difference, notes = compare(before, after, tolerance=tolerance)
        all_notes += [f"    {stage}: {note}" for note in notes]
        if difference:
            yield f"different: {stage}: {difference}"
            yield from all_notes
            return
        values = [before.variables[name] for name in sorted(before.variables)]
        steps = {step for step, _ in before.scalars}
        counts.append(f"{len(_metrics(before.scalars))} metrics in {len(steps)} steps, {len(values)} variables "
                      + ("whose values are not compared" if tolerance else digest(*values)[:12]))
    yield "same: " + "; ".join(counts)
    yield from all_notes


def unpack(commit: str, folder: str):
    """Writes a commit's files to a folder; UserError where there is no such commit."""
    done = subprocess.run(["git", "-C", ROOT, "archive", "--format=tar", commit], capture_output=True, check=False)
    if done.returncode:
        raise UserError(f"{commit} is neither a folder nor a commit: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def main(argv):
    """Runs both sides, several scripts at a time, and prints a line for each case and seed as it is done."""
    del argv
    options, start = config.from_flags(Options), time.time()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        raise UserError(f"--cases has no {unknown[0]!r}; the cases are {', '.join(CASES)}.")
    if not all(seed.isdigit() for seed in options.seeds):
        raise UserError(f"--seeds={','.join(options.seeds)} are not all whole numbers from 0.")
    changes = [options.before_flags, options.after_flags]
    for side, change in zip(SIDES, changes):
        check_changes(change, side=side)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the folder goes, too
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="compare_traces_") as scratch:
        folders = []
        for side, given in zip(SIDES, (options.before, options.after)):
            folders.append(os.path.abspath(given) if os.path.isdir(given) else os.path.join(scratch, side))
            if not os.path.isdir(given):
                unpack(given, folders[-1])
        jobs = [(case, seed) for case in options.cases or CASES for seed in options.seeds]
        num_same = 0
        with Scripts(options.jobs) as scripts:
            pending = []
            for case, seed in jobs:
                runs_dirs = [os.path.join(scratch, "runs", case, seed, side) for side in SIDES]
                pending.append((case, seed, runs_dirs, [
                    scripts.submit(case, folder=folder, runs_dir=runs_dir, seed=seed, changes=change)
                    for folder, runs_dir, change in zip(folders, runs_dirs, changes)]))
            for case, seed, runs_dirs, futures in pending:
                first, *others = judge(case, runs_dirs=runs_dirs, failures=[future.result() for future in futures],
                                       tolerance=options.tolerance)
                num_same += first.startswith("same")
                print("\n".join([f"{case}, seed {seed}: {first}", *others]), flush=True)
                shutil.rmtree(os.path.dirname(runs_dirs[0]), ignore_errors=True)
    print(f"{num_same} of {len(jobs)} are the same; {time.time() - start:.0f} seconds")
    return 0 if num_same == len(jobs) else 1


if __name__ == "__main__":
    absl_flags.DEFINE_string("before", None, "Folder, or commit.", required=True)
    absl_flags.DEFINE_string("after", None, "Folder, or commit.", required=True)
    absl_flags.DEFINE_list("cases", [], "Names of cases. Default: all.")
    absl_flags.DEFINE_list("seeds", ["0", "1"], "Seeds; each case is run with each of them.")
    for a_side in SIDES:
        absl_flags.DEFINE_multi_string(f"{a_side}_flags", [], f"Changes of the flags {a_side}: 'PATTERN: ~name "
                                       "--name=value ...' for the cases, or 'case/stage', that match; several times.")
    absl_flags.DEFINE_float("tolerance", 0.0, "Largest relative difference of metrics that is none; with any, "
                            "variables' values are not compared. 0: every bit counts.", lower_bound=0.0)
    absl_flags.DEFINE_integer("jobs", 2, "Scripts that are run at a time.", lower_bound=1)
    try:
        app.run(main)
    except UserError as the_error:
        sys.exit(f"error: {the_error}")
