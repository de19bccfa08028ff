"""`experiments/oracle_gate.py`: what the cuts are, and a run in small."""

import json

import numpy as np
import pytest

from data import synthetic
from experiments import oracle_gate


def test_cuts_change_masks_or_contents_alone():
    instances = synthetic.drawn_instances("ellipses", num_instances=3, seed=0)
    windows = np.random.default_rng(0).random((3, 64, 64, 3), np.float32)
    made = {cut: oracle_gate.cut_instances(cut, instances, windows) for cut in oracle_gate.CUTS}
    areas = {cut: float(pool[..., 3].mean()) for cut, pool in made.items()}
    assert made["true"] is instances
    np.testing.assert_array_equal(made["shapes"][..., 3], instances[..., 3])
    np.testing.assert_array_equal(made["shapes"][..., :3], windows)
    assert areas["disks"] == pytest.approx(areas["true"], rel=0.02)
    assert areas["smaller"] < 0.85 * areas["true"] and areas["larger"] > 1.15 * areas["true"]


def test_a_run_in_small_reports_every_layout_and_cut(run_script, tmp_path):
    out = tmp_path / "gate.json"
    result = run_script("experiments/oracle_gate.py", "--num_steps=1", "--cuts=true", "--cuts=disks", "--layers=1,2",
                        "--batch_size=2", f"--out={out}")
    assert result.returncode == 0, result.stderr
    rows = json.loads(out.read_text())
    assert [(row["layers"], row["padding"], row["cut"]) for row in rows] == [
        (1, 26, "true"), (1, 26, "disks"), (2, 26, "true"), (2, 26, "disks")]
    assert all(0.0 < row["after"]["loss"] < 10.0 for row in rows)
