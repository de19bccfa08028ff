"""The benchmark as users start it."""

import json
import subprocess
import sys

import pytest

from benchmarks import flops
from conftest import ROOT


@pytest.mark.parametrize("task", ["foreground", "cluster", "distillation"])
def test_a_small_configuration_is_timed_and_written(task, tmp_path):
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "steps.py"), f"--tasks={task}", "--batch_sizes=2", "--layers=2",
         "--generator_width=0.0625", "--seconds=1", f"--out={tmp_path / 'out.json'}"],
        capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (measured,) = json.loads((tmp_path / "out.json").read_text())
    assert measured["median_s"] > 0 and measured["num_steps"] >= 3
    assert 0 < measured["gflop_per_s"] and set(measured["peaks"]) == {"matrix_product", "convolution"}
    assert task in result.stdout and measured["peak_memory_mib"] > 100


def test_a_small_run_on_one_core_is_timed(tmp_path):
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "steps.py"), "--tasks=foreground", "--batch_sizes=2", "--image_size=64",
         "--generator_width=0.0625", "--cores=1", "--seconds=1", f"--out={tmp_path / 'out.json'}"],
        capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (measured,) = json.loads((tmp_path / "out.json").read_text())
    assert (measured["image_size"], measured["cores"], measured["width"]) == (64, 1, 0.0625)
    assert measured["gflop"] == pytest.approx(flops.foreground_step(batch_size=2, size=64, width=0.0625) / 1e9)
