"""Steps with fewer multiplications compute what the direct ones compute."""

import json
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = """
import json, sys
sys.path.insert(0, {root!r})
import flags
from benchmarks import steps
kind, task = sys.argv[1:]
step, batch, _ = steps.build(task, batch_size=2, num_layers=2, precision="none", jit_compile=False, width=0.5,
                             convolutions=kind)
print(json.dumps([{{name: float(value) for name, value in step(batch)[0].items()}} for _ in range(3)]))
"""


def losses_of(kind, task):
    process = subprocess.run([sys.executable, "-c", PROGRAM.format(root=ROOT), kind, task], capture_output=True,
                             text=True, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("task", ["foreground", "cluster", "distillation"])
def test_three_steps_give_the_direct_losses(task):
    direct, fast = losses_of("direct", task), losses_of("fast", task)
    assert direct != fast  # rounding differs, so that both ways were taken
    for before, after in zip(direct, fast):
        for name in before:
            assert after[name] == pytest.approx(before[name], rel=1e-3, abs=1e-4), name
