"""Times a step beside other programs' in alternation, so that a machine's changing speed meets all alike.

    python benchmarks/compare.py --peer="python benchmarks/torch_peer.py foreground" \
        --peer="python benchmarks/torch_peer.py foreground --compile"
    python benchmarks/compare.py --task=distillation --convolutions=fast,direct    # two ways of ours

A peer is any command that prints `s/step X`. Prints each round's times, and the ratios of ours to the best peer of the
same round: median, least, greatest. Run it on an otherwise idle machine.
"""

import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from typing import Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import config  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

import errors  # noqa: E402
from errors import UserError  # noqa: E402
from storage import atomic  # noqa: E402


@config.frozen
class Options:
    """The script's flags."""

    task: str
    batch_size: int
    layers: int
    num_recognized_layers: int
    convolutions: list
    precision: str
    jit_compile: bool
    peer: list
    rounds: int
    seconds: float
    out: Optional[str]


def time_ours(one, convolutions):
    """Times our step, its convolutions computed in a given way, in a process of its own.

    Args:
      one: what `steps.measure` takes, without the convolutions.
      convolutions: 'auto', 'direct' or 'fast'.

    Returns:
      its median in seconds.
    """
    steps = os.path.join(ROOT, "benchmarks", "steps.py")
    one = json.dumps({"width": 1.0, **one, "convolutions": convolutions})
    return json.loads(_output([sys.executable, steps, f"--one={one}"]).splitlines()[-1])["median_s"]


def time_peer(command):
    """Runs a peer. Returns the seconds per step that it printed."""
    found = re.findall(r"s/step\s+([0-9.]+)", _output(shlex.split(command)))
    if not found:
        raise UserError(f"--peer={command!r} printed no 's/step X'.")
    return float(found[-1])


def summarise(rounds):
    """Returns medians and ratios of rounds, dicts from 'ours' and the peers' commands to seconds."""
    ratios = [one["ours"] / min(seconds for name, seconds in one.items() if name != "ours") for one in rounds]
    return {"median_s": {name: statistics.median(one[name] for one in rounds) for name in rounds[0]},
            "ratio": statistics.median(ratios), "ratio_least": min(ratios), "ratio_greatest": max(ratios)}


def alternate(one, *, ways, peers, rounds):
    """Makes the rounds, and prints each and the ratio.

    Args:
      one: as for `time_ours`.
      ways: how ours computes convolutions; those after the first are peers.
      peers: commands.
      rounds: how many.

    Returns:
      dict of `summarise`, and the rounds.
    """
    first, *others = ways
    found = []
    for index in range(rounds):
        found.append({"ours": time_ours(one, first),
                      **{f"{way} convolutions": time_ours(one, way) for way in others},
                      **{peer: time_peer(peer) for peer in peers}})
        print(f"round {index + 1}: " + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in found[-1].items()),
              flush=True)
    summary = summarise(found)
    print(f"ratio to the best peer {summary['ratio']:.2f} ({summary['ratio_least']:.2f} to "
          f"{summary['ratio_greatest']:.2f})", flush=True)
    return {"rounds": found, **summary}


def _output(command):
    try:
        process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"{command[0]} cannot be run: {error.strerror}.") from error
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"{shlex.join(command)} ended with status {process.returncode}: {last}")
    return process.stdout


def main(argv):
    """Makes the rounds, prints each, then the summary."""
    del argv
    options = config.from_flags(Options)
    if len(options.convolutions) < 2 and not options.peer:
        raise UserError("there is nothing to compare with: give --peer, or two of --convolutions.")
    one = {"task": options.task, "batch_size": options.batch_size, "num_layers": options.layers,
           "precision": options.precision, "jit_compile": options.jit_compile, "seconds": options.seconds,
           "num_recognized_layers": options.num_recognized_layers}
    found = alternate(one, ways=options.convolutions, peers=options.peer, rounds=options.rounds)
    if options.out:
        atomic.write(options.out, json.dumps(found, indent=2))


if __name__ == "__main__":
    absl_flags.DEFINE_enum("task", "foreground", ["foreground", "cluster", "distillation"], "Which task.")
    absl_flags.DEFINE_integer("batch_size", 16, "Batch size.", lower_bound=1)
    absl_flags.DEFINE_integer("layers", 8, "Instance layers N of the cluster task.", lower_bound=1)
    absl_flags.DEFINE_integer("num_recognized_layers", 0, "Of how many the information term is computed; 0: all.")
    absl_flags.DEFINE_list("convolutions", ["auto"], "How ours computes convolutions, of auto, direct, fast; those "
                           "after the first are peers.")
    absl_flags.register_validator("convolutions", lambda ways: ways and set(ways) <= {"auto", "direct", "fast"},
                                  message="must be of auto, direct, fast")
    absl_flags.DEFINE_enum("precision", "none", ["none", "bfloat16", "float16"], "Ours' inner activations.")
    absl_flags.DEFINE_bool("jit_compile", False, "Compile our updates with XLA.")
    absl_flags.DEFINE_multi_string("peer", [], "Command that prints 's/step X'.")
    absl_flags.DEFINE_integer("rounds", 5, "How often all are timed.", lower_bound=1)
    absl_flags.DEFINE_float("seconds", 20.0, "Time spent on ours in each round.")
    absl_flags.DEFINE_string("out", None, "JSON file.")
    errors.run(main)
