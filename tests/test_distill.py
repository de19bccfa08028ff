"""distill.py as users start it: a student of a finished run, resumed and measured."""

import json

import numpy as np
import pytest
from conftest import ROOT, SMALL

from storage.weights import read_weights

# Everything that is random, or done to labels, beside the network itself, so that resuming has the most to keep.
STUDENT = ("--student_width=0.0625", "--student_average=0.9", "--augmentation=color,hue", "--average_flips",
           "--refine_iterations=1", "--sharpen_temperature=0.5", "--label_area=0.4",
           *(flag for flag in SMALL if "generator_width" not in flag and "image_size" not in flag))


@pytest.fixture(scope="module")
def teacher(run_script, tmp_path_factory):
    """A finished foreground run of two steps on the bundled sample."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    start = "--initial_mask_area=0.92"  # where masks of noise are smooth enough to be compared at two sizes
    assert run_script("train_fg.py", *SMALL, "--dataset=pets", start, f"--run_dir={folder}",
                      "--num_steps=2").returncode == 0
    return folder


def twice(teacher):
    """Returns the flags that make a run folder and its weights file one teacher: two networks, here equal ones."""
    return f"--teacher={teacher}", f"--teacher={teacher / 'weights.npz'}"


@pytest.fixture(scope="module")
def whole_run(run_script, teacher, tmp_path_factory):
    """A distillation of four steps without interruption."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = run_script("distill.py", *STUDENT, *twice(teacher), f"--run_dir={folder}", "--num_steps=4", fresh=True)
    assert result.returncode == 0, result.stderr
    return folder


def test_a_run_folder_holds_the_student_and_both_figures_and_is_evaluated(run_script, whole_run, tmp_path):
    names = {path.name for path in whole_run.iterdir()}
    assert {"flags.txt", "metrics.json", "checkpoints", "panels", "teacher_masks.npy", "weights.npz"} <= names
    last = json.loads((whole_run / "metrics.json").read_text())["last"]
    assert {"evaluation/mean_iou", "evaluation_teacher/mean_iou", "student/distillation_loss"} <= set(last)
    assert "--image_size=64" in (whole_run / "flags.txt").read_text()  # the teacher's, which was not given again
    metadata = read_weights(whole_run / "weights.npz")[0]
    assert metadata["task"] == "distillation" and metadata["num_steps"] == 4
    assert metadata["figures"]["mean_iou"] == pytest.approx(last["evaluation/mean_iou"])
    evaluated = run_script("evaluate.py", f"--run_dir={whole_run}", f"--out={tmp_path}")
    assert evaluated.returncode == 0, evaluated.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["num_images"] == 599
    from_weights = run_script("evaluate.py", f"--weights={whole_run / 'weights.npz'}", f"--out={tmp_path}")
    assert from_weights.returncode == 0, from_weights.stderr
    assert json.loads((tmp_path / "evaluation.json").read_text()) == report  # both are of the averaged student


def test_two_steps_and_two_more_in_a_fresh_process_are_bit_equal_to_four(run_script, teacher, whole_run, tmp_path):
    arguments = ("distill.py", *STUDENT, *twice(teacher), f"--run_dir={tmp_path / 'run'}")
    assert run_script(*arguments, "--num_steps=2").returncode == 0
    resumed = run_script(*arguments, "--num_steps=4")
    assert "continues at step 2" in resumed.stdout, resumed.stderr
    (_, first), (_, second) = (read_weights(folder / "weights.npz") for folder in (whole_run, tmp_path / "run"))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize("arguments, message", [
    ((), "--teacher"),
    (("--teacher=nowhere",), "nowhere does not exist"),
    (("--teacher=boxes",), "give --grabcut_iterations"),
    (("--teacher=boxes", "--grabcut_iterations=1", "--label_area=0.4"), "--label_area"),
    (("--teacher=boxes", "--grabcut_iterations=1", "--mask_threshold=0.4"), "--mask_threshold"),
    (("--teacher=nowhere", "--label_area=0.4", "--mask_threshold=0.4"), "give one or the other"),
    (("--teacher=boxes", "--teacher=nowhere", "--grabcut_iterations=1"), "goes with no other"),
    ((f"--teacher={ROOT / 'tests'}",), "is no run folder"),
])
def test_a_missing_or_foreign_teacher_is_refused_in_a_sentence(run_script, tmp_path, arguments, message):
    result = run_script("distill.py", *arguments, f"--run_dir={tmp_path / 'run'}")
    assert result.returncode != 0 and message in result.stderr and "Traceback" not in result.stderr


def test_a_student_is_taught_by_cut_boxes_alone(run_script, tmp_path):
    pictures, boxes = ROOT / "data/samples/pets/images", tmp_path / "boxes.txt"
    lines = (ROOT / "data/samples/pets/boxes_unseen.txt").read_text().splitlines()
    boxes.write_text("\n".join(lines[:8]))
    result = run_script(
        "distill.py", "--teacher=boxes", "--grabcut_iterations=1", f"--images={pictures}", f"--boxes={boxes}",
        f"--backgrounds={ROOT / 'data/samples/backgrounds'}", "--image_size=64", "--student_width=0.0625",
        "--batch_size=2", "--num_steps=2", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 0, result.stderr
    labels = np.load(tmp_path / "run/cut_labels.npy")
    raw = np.load(tmp_path / "run/teacher_masks.npy")
    assert labels.shape == raw.shape and len(np.unique(raw)) == 1  # the boxes know nothing of what is in them
    areas = labels.mean(axis=(1, 2, 3)) / 255
    assert areas.std() > 0.02 and (areas > 0.05).all() and areas.mean() < 0.95
    assert read_weights(tmp_path / "run/weights.npz")[0]["teacher"] == "of boxes alone"


def test_a_teacher_of_smaller_crops_is_shown_them_at_its_own_size(run_script, teacher, tmp_path):
    arguments = [f"--teacher={teacher}", "--student_width=0.0625", "--batch_size=2", "--num_steps=1", "--panel_every=0",
                 "--num_evaluation_images=2"]
    for size in (64, 128):
        result = run_script("distill.py", *arguments, f"--image_size={size}", f"--run_dir={tmp_path / str(size)}")
        assert result.returncode == 0, result.stderr
    assert "on crops of 64 pixels" in result.stdout
    small, large = (np.load(tmp_path / size / "teacher_masks.npy")[..., 0].astype(float) for size in ("64", "128"))
    assert large.shape == (599, 128, 128)
    assert np.abs(large.reshape(599, 64, 2, 64, 2).mean(axis=(2, 4)) - small).mean() < 2.0  # of 255
    metadata = read_weights(tmp_path / "128" / "weights.npz")[0]
    assert metadata["image_size"] == 128 and metadata["teacher"].endswith("on crops of 64 pixels")
