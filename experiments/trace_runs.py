"""Runs the small trainings that `compare_traces.py` compares."""

import concurrent.futures
import glob
import os
import re
import subprocess
import sys
from typing import Any, Callable

from errors import UserError
from experiments.trace_cases import CASES, changed_arguments

NUM_ERROR_LINES = 8
NATIVE_LOG = re.compile(r"\d{4}-\d\d-\d\d [\d:.]+: ")  # starts TensorFlow's own lines


def find_flagfile(folder: str, name: str) -> str:
    """Returns the path of the flagfile of that name below a side's `experiments/`; UserError unless there is one."""
    found = glob.glob(os.path.join(glob.escape(folder), "experiments", "**", f"{name}.flags"), recursive=True)
    if len(found) != 1:
        raise UserError(f"{len(found)} files below experiments/ are called {name}.flags, not one")
    return found[0]


class Scripts:
    """Runs cases, several at a time. Left early, it ends the scripts that run, and starts no others."""

    def __init__(self, num_jobs: int) -> None:
        """Takes how many scripts are run at a time."""
        self._pool = concurrent.futures.ThreadPoolExecutor(num_jobs)
        self._running = set()

    def __enter__(self) -> "Scripts":
        return self

    def __exit__(self, kind: Any, *exception: Any) -> None:
        if kind:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in list(self._running):
                process.kill()
        self._pool.shutdown()

    def submit(self, case: str, **options: Any) -> concurrent.futures.Future:
        """Runs a case when there is room; options as for `run_case`, whose result is the future's."""
        return self._pool.submit(run_case, case, run=self._run, **options)

    def _run(self, command: list[str], **options: Any) -> tuple[int, str]:
        """Runs a command to its end. Returns its status and what it wrote to standard error."""
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, errors="replace", **options) as process:
            self._running.add(process)
            _, text = process.communicate()
            self._running.remove(process)
        return process.returncode, text


def run_case(case: str, *, run: Callable, folder: str, runs_dir: str, seed: str, changes: list[str]) -> str | None:
    """Runs a case's stages on one side.

    Args:
      case: its name.
      run: runs a command in the folder `cwd`; returns its status and what it wrote to standard error.
      folder: the side's.
      runs_dir: where the run folders go.
      seed: the runs' seed.
      changes: as for `changed_arguments`.

    Returns:
      What failed, as text of several lines, or None.
    """
    places = {stage.name: os.path.join(runs_dir, stage.name) for stage in CASES[case]}
    for stage in CASES[case]:
        try:
            flagfile = [f"--flagfile={find_flagfile(folder, stage.flagfile)}"] if stage.flagfile else []
        except UserError as error:
            return f"{stage.name}: {error}"
        arguments = changed_arguments(stage.arguments, changes, case=case, stage=stage.name)
        command = [sys.executable, stage.script, *flagfile, *(argument.format(**places) for argument in arguments),
                   f"--seed={seed}", f"--run_dir={places[stage.name]}"]
        status, text = run(command, cwd=folder)
        if status:
            last = [line for line in text.splitlines() if not NATIVE_LOG.match(line)][-NUM_ERROR_LINES:]
            return "\n".join([f"{stage.name}: {stage.script} failed with status {status}", *last])
    return None
