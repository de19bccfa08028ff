"""evaluate.py as users start it: weights files, own folders, refusals."""

import json

import numpy as np
import pytest
from PIL import Image

import fake_birds
from conftest import SMALL
from data import synthetic
from models.unet import build_unet
from storage.weights import save_weights


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of drawn photographs with masks, and a weights file of an untrained network."""
    folder = tmp_path_factory.mktemp("drawn")
    photographs, masks, _ = synthetic.drawn_photographs(num_images=5, size=64, seed=0)
    for kind, pictures in (("images", photographs), ("masks", masks[..., 0] * 255)):
        (folder / kind).mkdir()
        for index, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / kind / f"{index}.png")
    save_weights(folder / "w.npz", build_unet(width=1 / 16, size=64, initial_mask=0.9), metadata={
        "network": "unet", "width": 1 / 16, "image_size": 64, "crop": "box", "num_steps": 0})
    return folder, masks


def test_a_weights_file_is_measured_on_a_folder_of_images_and_masks(run_script, drawn, tmp_path):
    folder, masks = drawn
    result = run_script("evaluate.py", f"--weights={folder / 'w.npz'}", f"--images={folder / 'images'}",
                        f"--masks={folder / 'masks'}", f"--out={tmp_path}")
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["num_images"] == 5
    # An untrained network with masks near 0.9 marks every pixel, so its figures are the all-ones mask's.
    area = float(np.mean(masks))
    assert report["trivial"]["all_ones"]["foreground_iou"] == pytest.approx(area, abs=1e-4)
    assert report["per_image"]["foreground_iou"] == pytest.approx(area, abs=1e-4)
    assert report["per_image"]["background_iou"] == 0.0
    assert report["pooled"]["pixel_accuracy"] == pytest.approx(area, abs=1e-4)
    assert "all ones" in result.stdout and "ellipse" in result.stdout
    with Image.open(tmp_path / "evaluation.png") as panel:
        assert panel.width > 64


def test_a_picture_that_is_read_is_not_written_over(run_script, drawn, tmp_path):
    folder, _ = drawn
    first = sorted((folder / "images").iterdir())[0]
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        mask = first if kind == "images" else next((folder / "masks").glob(f"{first.stem}*"))
        (tmp_path / kind / "evaluation.png").write_bytes(mask.read_bytes())
        before = (tmp_path / kind / "evaluation.png").read_bytes()
    result = run_script("evaluate.py", f"--weights={folder / 'w.npz'}", f"--images={tmp_path / 'images'}",
                        f"--masks={tmp_path / 'masks'}", f"--out={tmp_path / 'masks'}")
    assert result.returncode == 1 and "would be overwritten; give another --out" in result.stderr
    assert (tmp_path / "masks" / "evaluation.png").read_bytes() == before


def test_cut_masks_are_measured_beside_boxes_that_are_cut_in_the_same_way(run_script, drawn, tmp_path):
    folder, _ = drawn
    names = sorted(path.name for path in (folder / "images").iterdir())
    (tmp_path / "boxes.txt").write_text("".join(f"{name} 4 4 56 56\n" for name in names))
    result = run_script("evaluate.py", f"--weights={folder / 'w.npz'}", f"--images={folder / 'images'}",
                        f"--masks={folder / 'masks'}", f"--boxes={tmp_path / 'boxes.txt'}", "--grabcut_iterations=2",
                        f"--out={tmp_path}")
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    boxes = report["trivial"]["the boxes alone, cut"]
    # The untrained network says 0.9 everywhere, which is what is known of a box, so both are cut alike.
    assert report["per_image"]["mean_iou"] == pytest.approx(boxes["mean_iou"], abs=0.02)
    assert boxes["mean_iou"] > report["trivial"]["all_ones"]["mean_iou"] + 0.2
    assert "the boxes alone, cut" in result.stdout


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """A folder laid out as CUB-200-2011, and its birds' masks by name."""
    folder = tmp_path_factory.mktemp("birds")
    return folder, fake_birds.make(folder)


def measured(run_script, drawn, birds, out, *arguments):
    """Returns the report of an untrained network, which marks all of each box, on the fake birds."""
    result = run_script("evaluate.py", f"--weights={drawn[0] / 'w.npz'}", "--dataset=birds", f"--data_dir={birds[0]}",
                        f"--out={out}", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads((out / "evaluation.json").read_text())


@pytest.mark.parametrize("protocol, num_images", [("box", 6), ("square", 6), ("whole", 6), ("redo", 3)])
def test_masks_are_measured_in_the_frame_of_each_protocol(run_script, drawn, birds, tmp_path, protocol, num_images):
    report = measured(run_script, drawn, birds, tmp_path, f"--protocol={protocol}")
    assert report["protocol"] == protocol and report["num_images"] == num_images  # ReDO's is of the test split
    assert set(report["per_image"]) == set(report["pooled"])
    if protocol == "box":
        assert "ellipse" in report["trivial"]
        return
    masks = [birds[1][image["name"]] for image in report["images"]]
    assert report["trivial"]["the boxes"]["foreground_iou"] == pytest.approx(report["per_image"]["foreground_iou"])
    assert report["per_image"]["foreground_iou"] == pytest.approx(
        measured(run_script, drawn, birds, tmp_path, *(["--split=test"] if protocol == "redo" else []))["per_image"][
            "foreground_iou"], abs=0.05)  # no foreground is outside of a box
    if protocol == "whole":
        assert report["reference_area_mean"] == pytest.approx(np.mean(masks))
        assert report["trivial"]["all_ones"]["pooled"]["foreground_iou"] == pytest.approx(np.mean(masks))


def test_another_test_split_may_be_given_and_goes_with_birds_alone(run_script, drawn, birds, tmp_path):
    (tmp_path / "split.txt").write_text("".join(f"{index} {2 * (index in (2, 3))}\n" for index in range(1, 8)))
    report = measured(run_script, drawn, birds, tmp_path, "--protocol=redo", f"--split_file={tmp_path / 'split.txt'}")
    assert [image["name"] for image in report["images"]] == ["001.Class_1/Bird_0002_9001.jpg",
                                                             "002.Class_2/Bird_0003_9002.jpg"]
    folder = drawn[0]
    refused = run_script("evaluate.py", f"--weights={folder / 'w.npz'}", f"--images={folder / 'images'}",
                         f"--masks={folder / 'masks'}", "--split_file=split.txt", f"--out={tmp_path}")
    assert refused.returncode == 1 and "--split_file does not go with --dataset=folder" in refused.stderr


@pytest.mark.parametrize("arguments, message", [
    ((), "give either --run_dir"),
    (("--weights=nowhere.npz",), "nowhere.npz does not exist"),
    (("--run_dir=nowhere",), "nowhere is no run folder"),
    (("--weights=README.md",), "README.md is no weights file"),
])
def test_what_cannot_be_measured_is_refused_in_a_sentence(run_script, tmp_path, arguments, message):
    result = run_script("evaluate.py", *arguments, f"--out={tmp_path}")
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr


def test_photographs_without_masks_and_masks_of_another_size_are_refused(run_script, drawn, tmp_path):
    folder, _ = drawn
    weights = f"--weights={folder / 'w.npz'}"
    result = run_script("evaluate.py", weights, f"--images={folder / 'images'}", f"--out={tmp_path}")
    assert result.returncode == 1 and "none of the 5 photographs has a reference mask" in result.stderr
    small = tmp_path / "masks"
    small.mkdir()
    Image.fromarray(np.zeros([10, 12], np.uint8)).save(small / "3.png")
    result = run_script("evaluate.py", weights, f"--images={folder / 'images'}", f"--masks={small}",
                        f"--out={tmp_path}")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "12" in result.stderr and "64" in result.stderr


def test_a_run_is_measured_on_its_own_photographs_where_no_others_are_given(run_script, drawn, tmp_path):
    folder, _ = drawn
    trained = run_script("train_fg.py", *SMALL, f"--images={folder / 'images'}", f"--masks={folder / 'masks'}",
                         "--backgrounds=data/samples/backgrounds", f"--run_dir={tmp_path / 'run'}", "--num_steps=1")
    assert trained.returncode == 0, trained.stderr
    for given in ("--run_dir=run", "--weights=run/weights.npz", "--weights=run"):
        result = run_script("evaluate.py", given, f"--out={tmp_path / 'out'}", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "photographs of the network's own run" in result.stdout
        assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["num_images"] == 5
    refused = run_script("evaluate.py", f"--weights={folder}", f"--out={tmp_path / 'out'}")
    assert refused.returncode == 1 and "has no flags.txt; give a folder that train_fg.py" in refused.stderr
