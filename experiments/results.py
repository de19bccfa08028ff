"""The figures of README.md and RESULTS.md as runs gave them: `results.json`, a list of entries, one in a line.

An entry has these keys. `reproduce.py` writes such a list, too.

  row: title of its row in RESULTS.md.
  stage: which of the row's runs it is: 'raw', 'distilled' and so on.
  command: the run's command, without the folders of data and runs.
  seed, steps, device: of the run; `commit` where it is known.
  metrics: by name, a number, or a list of numbers where a log has no more than a mean and a deviation.
  transcribed: true where the run's folder is gone and figures are those of its log; `source` is then the log's section.
"""

import json
import os
import statistics
from typing import Any, Iterable

Entry = dict[str, Any]
PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results.json")


def entry(metrics: dict[str, Any], *, row: str, stage: str, command: str, seed: int, device: str) -> Entry:
    """Makes the entry of a run from what its `metrics.json` holds: the last evaluation, with all digits."""
    group = "evaluation/"
    return {"row": row, "stage": stage, "command": command, "seed": seed, "steps": metrics["num_steps"], "device": device,
            "metrics": {name[len(group):]: value for name, value in metrics["last"].items() if name.startswith(group)}}


def read(path: str = PATH) -> list[Entry]:
    """Reads a list of entries."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def text(entries: Iterable[Entry]) -> str:
    """Returns a list of entries as JSON, one in a line."""
    return "[\n" + ",\n".join(json.dumps(one) for one in entries) + "\n]\n"


def figures(entries: Iterable[Entry]) -> list[float]:
    """Returns every figure that may be printed: all values, and mean and standard deviation of each metric over seeds."""
    printed, over_seeds = [], {}
    for one in entries:
        for name, value in one["metrics"].items():
            if isinstance(value, list):
                printed += value
            else:
                over_seeds.setdefault((one["row"], one["stage"], name), []).append(value)
    for values in over_seeds.values():
        printed += [*values, statistics.mean(values), *([statistics.stdev(values)] if len(values) > 1 else [])]
    return printed
