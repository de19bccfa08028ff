"""All of a machine's figures in one call: training steps, small runs, pictures per second, and a peer beside it.

    python benchmarks/report.py --out=report.json
    python benchmarks/report.py --sections=peer --peer="torch/bin/python benchmarks/torch_peer.py {task} --precision={precision}" \
        --peer="torch/bin/python benchmarks/torch_peer.py {task} --precision={precision} --compile"

Sections are `steps` (each task at full width and batch 16), `small` (crops of 64 pixels, a quarter of the width, batch 8,
one core), `pictures` (`segment.py` and `evaluate.py`) and `peer`. bfloat16 is left out where the processor has no
instructions for it: a step would take most of a minute. Run it on an otherwise idle machine; it takes about a quarter
of an hour on two cores.
"""

import importlib.metadata
import json
import os
import sys
from typing import Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import config  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

import errors  # noqa: E402
from benchmarks import compare, pictures, steps  # noqa: E402
from errors import UserError  # noqa: E402
from storage import atomic  # noqa: E402
from training import processor  # noqa: E402

SECTIONS = ("steps", "small", "pictures", "peer")
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")  # that oneDNN chooses its kernels by
SMALL = {"image_size": 64, "width": 0.25, "batch_size": 8, "cores": 1}


@config.frozen
class Options:
    """The script's flags."""

    sections: list
    tasks: list
    seconds: float
    pictures: list
    peer: list
    rounds: int
    out: Optional[str]


def machine():
    """Names the processor, those of `FEATURES` that it has, the cores that may be used, and TensorFlow's version."""
    found = processor.describe()
    return {"processor": found.name, "features": [feature for feature in FEATURES if feature in found.features],
            "cores": found.num_cores, "tensorflow": importlib.metadata.version("tensorflow")}


def precisions(features):
    """Returns the precisions that a processor with these features computes at a speed worth timing."""
    return ("none", "bfloat16") if processor.BFLOAT16_FEATURES & set(features) else ("none",)


def step_configurations(tasks, *, features, seconds, **changes):
    """Returns what `steps.measure` takes, for each task and precision."""
    one = {"batch_size": 16, "num_layers": 8, "jit_compile": False, "width": 1.0, "convolutions": "auto",
           "num_recognized_layers": 0, "image_size": 128, "cores": 0, "seconds": seconds, **changes}
    return [{"task": task, "precision": precision, **one} for task in tasks for precision in precisions(features)]


def time_pictures(counts, *, cores):
    """Times both scripts on one core and on all, with and without GrabCut, and prints each. Returns the results."""
    results = []
    for script in pictures.IMAGES:
        for grabcut_iterations in (0, 1):
            for used in sorted({1, cores}):
                one = pictures.measure(script, counts=counts, cores=used, grabcut_iterations=grabcut_iterations)
                results.append(one)
                print("  ".join(f"{name} {value:.1f}" if isinstance(value, float) else f"{name} {value}"
                                for name, value in one.items()), flush=True)
    return results


def time_beside(peers, *, tasks, features, seconds, rounds):
    """Times ours and peers in alternation and prints each round. Returns `compare.summarise` by task and precision."""
    results = {}
    for task in tasks:
        for precision in precisions(features):
            commands = [peer.replace("{task}", task).replace("{precision}", precision) for peer in peers]
            print(f"{task}, {precision}:", flush=True)
            results[f"{task} {precision}"] = compare.alternate(
                {"task": task, "batch_size": 16, "num_layers": 8, "precision": precision, "jit_compile": False,
                 "num_recognized_layers": 0, "seconds": seconds}, ways=["auto"], peers=commands, rounds=rounds)
    return results


def main(argv):
    """Measures section by section; what is done is in the file even if a later one fails."""
    del argv
    options = config.from_flags(Options)
    if options.sections == ["peer"] and not options.peer:
        raise UserError("there is nothing to compare with: give --peer.")
    found = {"machine": machine()}
    features = found["machine"]["features"]
    print(", ".join(f"{name} {value}" for name, value in found["machine"].items()), flush=True)
    common = {"features": features, "seconds": options.seconds}
    measures = {
        "steps": lambda: steps.time_all(step_configurations(options.tasks, **common)),
        "small": lambda: steps.time_all(step_configurations(["foreground"], **common, **SMALL)),
        "pictures": lambda: time_pictures(list(map(int, options.pictures)), cores=found["machine"]["cores"]),
        "peer": lambda: time_beside(options.peer, rounds=options.rounds, **common,
                                    tasks=[task for task in options.tasks if task != "distillation"]),
    }
    for section in options.sections:
        if section != "peer" or options.peer:
            print(f"\n{section}", flush=True)
            found[section] = measures[section]()
            if options.out:
                atomic.write(options.out, json.dumps(found, indent=2))


if __name__ == "__main__":
    absl_flags.DEFINE_list("sections", list(SECTIONS), f"Which, of {', '.join(SECTIONS)}.")
    absl_flags.register_validator("sections", lambda names: names and set(names) <= set(SECTIONS),
                                  message=f"must be of {', '.join(SECTIONS)}")
    absl_flags.DEFINE_list("tasks", list(steps.TASKS), "Tasks of steps and peer.")
    absl_flags.register_validator("tasks", lambda names: names and set(names) <= set(steps.TASKS),
                                  message=f"must be of {', '.join(steps.TASKS)}")
    absl_flags.DEFINE_float("seconds", 10.0, "Time spent on the steps of each configuration and round.")
    absl_flags.DEFINE_list("pictures", ["32", "232"], "Few pictures and many, whose times are subtracted.")
    absl_flags.register_validator(
        "pictures", lambda counts: len(counts) == 2 and all(map(str.isdigit, counts)) and 0 < int(counts[0]) < int(counts[1]),
        message="must be two numbers, the first smaller and at least 1")
    absl_flags.DEFINE_multi_string("peer", [], "Command that prints 's/step X'; {task} and {precision} are filled in.")
    absl_flags.DEFINE_integer("rounds", 3, "How often ours and peers are timed in turn.", lower_bound=1)
    absl_flags.DEFINE_string("out", None, "JSON file.")
    errors.run(main)
