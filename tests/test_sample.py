"""sample.py as users start it."""

import json
from pathlib import Path

import pytest
from PIL import Image

from errors import UserError
from inference.sampler import InstanceSampler
from models.instance_generator import build_generator
from storage.weights import save_weights

ROOT = Path(__file__).parents[1]


def test_instances_a_sheet_a_traversal_and_figures_are_written(run_script, tmp_path):
    save_weights(tmp_path / "w.npz", build_generator(latent_dim=2, width=1 / 32), metadata={
        "network": "instance_generator", "width": 1 / 32, "latent_dim": 2, "disk_area": None, "flags": {}})
    result = run_script("sample.py", f"--weights={tmp_path / 'w.npz'}", f"--out={tmp_path / 'out'}", "--num_samples=3")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "instance_0000.png", "instance_0001.png", "instance_0002.png", "sheet.png", "traversal.png", "figures.json"}
    with Image.open(tmp_path / "out" / "instance_0002.png") as picture:
        assert picture.mode == "RGBA" and picture.size == (64, 64)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["area_mean"] == pytest.approx(0.5, abs=0.05)  # an untrained network's masks
    assert "area_mean" in result.stdout and "diversity" in result.stdout
    again = run_script("sample.py", f"--weights={tmp_path / 'w.npz'}", f"--out={tmp_path / 'out'}", "--num_samples=1")
    assert again.returncode == 1
    assert "out holds more instances than --num_samples=1, instance_0001.png for one" in again.stderr


def test_files_that_it_has_not_written_are_not_overwritten(run_script, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sheet.png").write_bytes(b"mine")
    arguments = ("--weights=pretrained/nuclei.npz", f"--out={tmp_path / 'out'}", "--num_samples=1", "--num_evaluation_images=2")
    result = run_script("sample.py", *arguments)
    assert result.returncode == 1
    assert "sheet.png, which sample.py has not written, would be overwritten; give another --out" in result.stderr
    (tmp_path / "out" / "figures.json").touch()
    result = run_script("sample.py", *arguments, f"--labels={tmp_path / 'out' / 'sheet.png'}")
    assert result.returncode == 1 and "sheet.png, which is to be read, would be overwritten" in result.stderr
    assert (tmp_path / "out" / "sheet.png").read_bytes() == b"mine"


def test_a_run_folder_stands_for_its_weights(run_script, tmp_path):
    save_weights(tmp_path / "run" / "weights.npz", build_generator(latent_dim=2, width=1 / 32), metadata={
        "network": "instance_generator", "width": 1 / 32, "latent_dim": 2, "disk_area": None, "flags": {}})
    result = run_script("sample.py", f"--run_dir={tmp_path / 'run'}", f"--out={tmp_path / 'out'}", "--num_samples=1")
    assert result.returncode == 0, result.stderr
    for given, message in ((f"--run_dir={tmp_path}", "holds no weights.npz"), ("--num_samples=1", "give either --run_dir")):
        result = run_script("sample.py", given, f"--out={tmp_path / 'out'}")
        assert result.returncode == 1 and message in result.stderr


@pytest.mark.parametrize("arguments, message", [
    (("--weights=nowhere.npz",), "nowhere.npz does not exist"),
    (("--weights=README.md",), "README.md is no weights file"),
    (("--weights=docs",), "docs is a folder, expected a weights file; a run that has ended holds one: docs/weights.npz"),
    (("--weights=pretrained/birds_compact.npz",), "holds a 'unet', expected an 'instance_generator'"),
    (("--weights=README.md", "--num_samples=0"), "flag --num_samples=0"),
])
def test_what_cannot_be_sampled_from_is_refused_in_a_sentence(run_script, tmp_path, arguments, message):
    result = run_script("sample.py", *arguments, f"--out={tmp_path / 'out'}")
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["oranges", "oranges_ten", "limes", "limes_ten", "hazelnuts_ten", "ellipses"])
def test_a_pretrained_generator_has_the_figures_it_states(name):
    sampler, metadata = InstanceSampler.from_weights(ROOT / "pretrained" / f"{name}.npz", num_evaluated=256)
    figures, stated = sampler.metrics(), metadata["figures"]
    assert 0.1 < figures["area_mean"] < 0.3 and figures["single_piece_fraction"] >= 0.95  # the paper's Figure 8: one object each
    assert {"single_piece_fraction", "undecided_fraction", "diversity"} <= stated.keys() <= figures.keys()
    assert {key: figures[key] for key in stated} == pytest.approx(stated, abs=0.005)  # figures may be younger than weights


def test_figures_say_how_well_instances_fit_the_true_ones_of_labels():
    weights, labels = ROOT / "pretrained" / "nuclei.npz", str(ROOT / "data/samples/nuclei/07fb37aa_labels.png")
    plain, fitted = (InstanceSampler.from_weights(weights, num_evaluated=32, labels=given)[0].metrics() for given in (None, labels))
    assert plain.items() <= {**fitted, **{name: plain[name] for name in plain if name.startswith("whole")}}.items()
    assert fitted["best_shape_iou"] > 0.8 and fitted["area_std_of_shapes"] > 0.03 and "best_shape_iou" not in plain
    with pytest.raises(UserError, match="is not of a photograph whose window size it says"):
        InstanceSampler.from_weights(ROOT / "pretrained" / "ellipses.npz", num_evaluated=2, labels=labels)
