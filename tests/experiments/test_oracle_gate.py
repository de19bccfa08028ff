"""`experiments/oracle_gate.py`: what the cuts are, and a run in small."""

import json

import numpy as np
import pytest

from data import synthetic
from errors import UserError
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


@pytest.fixture
def few(monkeypatch):
    """Draws little, so that it is quick."""
    monkeypatch.setattr(oracle_gate, "NUM_INSTANCES", 200)
    monkeypatch.setattr(oracle_gate, "CLUSTER_SIZE", 128)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_cluster_and_instances_are_scaled_alike_and_fit_their_windows(kind):
    (cluster, instances), (larger, large_instances) = (
        oracle_gate.drawn(kind, window_size=window_size, seed=0) for window_size in (64, 46))
    np.testing.assert_array_equal(cluster, synthetic.drawn_cluster(kind, size=128, seed=0)[0])
    np.testing.assert_array_equal(instances, synthetic.drawn_instances(kind, num_instances=200, seed=0))
    assert larger.shape == (178, 178, 3) and large_instances.shape == instances.shape
    areas, large_areas = (found[..., 3].sum(axis=(1, 2)) for found in (instances, large_instances))
    np.testing.assert_allclose(large_areas, (64 / 46)**2 * areas, rtol=0.01)  # nothing is cut off
    colours, large_colours = ((found[..., :3] * found[..., 3:]).sum(axis=(1, 2)) for found in (instances, large_instances))
    np.testing.assert_allclose(large_colours / large_areas[:, np.newaxis], colours / areas[:, np.newaxis], rtol=0.03)


@pytest.mark.usefixtures("few")
def test_instances_that_are_larger_than_their_windows_are_refused():
    with pytest.raises(UserError, match="instances of ellipses are larger than windows of --window_size=36; raise it"):
        oracle_gate.drawn("ellipses", window_size=36, seed=0)


def test_a_run_in_small_reports_every_layout_and_cut(run_script, tmp_path):
    out = tmp_path / "gate.json"
    result = run_script("experiments/oracle_gate.py", "--num_steps=1", "--cuts=true", "--cuts=disks", "--layers=1,2",
                        "--batch_size=2", f"--out={out}")
    assert result.returncode == 0, result.stderr
    rows = json.loads(out.read_text())
    assert [(row["layers"], row["padding"], row["cut"]) for row in rows] == [
        (1, 26, "true"), (1, 26, "disks"), (2, 26, "true"), (2, 26, "disks")]
    assert all(0.0 < row["after"]["loss"] < 10.0 for row in rows)
