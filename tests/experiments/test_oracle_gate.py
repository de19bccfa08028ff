"""`experiments/oracle_gate.py`: what the cuts are, and a run in small."""

import json

import numpy as np
import pytest
from PIL import Image

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


def photograph_of_squares(folder):
    """A grey picture of 200 x 240 pixels with bright squares of 20 at two points; a third point is at its border."""
    pixels = np.full((200, 240, 3), 90, np.uint8)
    for x, y in ((80, 100), (150, 90)):
        pixels[y - 10:y + 10, x - 10:x + 10] = 255
    Image.fromarray(pixels).save(folder / "squares.png")
    points = [{"x": x, "y": y} for x, y in ((80, 100), (150, 90), (5, 5))]
    (folder / "points.json").write_text(json.dumps({"points": points, "median_diameter": 20}))
    return {"path": str(folder / "squares.png"), "points_path": str(folder / "points.json")}


def test_a_photographs_disks_lie_on_its_points_or_half_a_diameter_off_them(tmp_path):
    cluster, known = oracle_gate.photographed(**photograph_of_squares(tmp_path), window_size=64, seed=0)
    assert cluster.shape == (200, 240, 3) and known["true"].shape == (2, 64, 64, 4) and known["shifted"].shape == (8, 64, 64, 4)
    bright = {cut: (pool[..., 0] * pool[..., 3] > 0.9).sum(axis=(1, 2)) / (pool[..., 3] > 0.5).sum(axis=(1, 2))
              for cut, pool in known.items()}
    assert bright["true"].min() > 0.85 and bright["shifted"].max() < 0.75
    np.testing.assert_array_equal(known["true"][0, ..., 3], oracle_gate.disk_mask(9.2))


def test_points_without_a_diameter_are_refused_in_a_sentence(tmp_path):
    files = photograph_of_squares(tmp_path)
    (tmp_path / "points.json").write_text('[{"x": 80, "y": 100}]')
    with pytest.raises(UserError, match="has no median_diameter"):
        oracle_gate.photographed(**files, window_size=64, seed=0)


def test_a_run_in_small_reports_every_layout_and_cut(run_script, tmp_path):
    out = tmp_path / "gate.json"
    result = run_script("experiments/oracle_gate.py", "--num_steps=1", "--cuts=true", "--cuts=disks", "--layers=1,2",
                        "--batch_size=2", f"--out={out}")
    assert result.returncode == 0, result.stderr
    rows = json.loads(out.read_text())
    assert [(row["layers"], row["padding"], row["cut"]) for row in rows] == [
        (1, 26, "true"), (1, 26, "disks"), (2, 26, "true"), (2, 26, "disks")]
    assert all(0.0 < row["after"]["loss"] < 10.0 for row in rows)
