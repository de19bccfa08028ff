"""train_fg.py as users start it: its run folder, resuming, stopping, refusals."""

import json
import re
import shutil
import signal
import time

import numpy as np
import pytest
from conftest import SMALL, script
from PIL import Image

from data import samples
from errors import UserError
from inference import networks
from models.unet import build_unet
from storage import checkpoint
from storage.weights import read_weights
from training import environment

UNSEEN = (*SMALL, "--panel_every=0", "--evaluate_every=0")  # where nobody looks at them
# What resuming has the most to keep of.
AVERAGED = (*UNSEEN, "--generator_average=0.9", "--discriminator_inputs=standardized")


@pytest.fixture(scope="module")
def few_samples(tmp_path_factory):
    """A folder of eight of the bundled pets with boxes and masks, so that loading takes no time."""
    folder = tmp_path_factory.mktemp("pets")
    with open(samples.PETS_BOXES, encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")][:8]
    (folder / "boxes.txt").write_text("".join(lines))
    for kind, source, suffix in (("images", samples.PETS_IMAGES, ".jpg"), ("masks", samples.PETS_MASKS, ".png")):
        (folder / kind).mkdir()
        for line in lines:
            name = line.rsplit(maxsplit=4)[0].rsplit(".", 1)[0] + suffix
            shutil.copy(f"{source}/{name}", folder / kind / name)
    return folder


def data_flags(folder):
    return (f"--images={folder / 'images'}", f"--boxes={folder / 'boxes.txt'}", f"--masks={folder / 'masks'}",
            f"--backgrounds={samples.BACKGROUNDS}")


def test_two_steps_on_the_bundled_pets_leave_a_whole_run_folder_that_evaluate_reads(run_script, tmp_path):
    result = run_script("train_fg.py", *SMALL, "--dataset=pets", f"--run_dir={tmp_path / 'run'}", "--num_steps=2", fresh=True)
    assert result.returncode == 0, result.stderr
    assert "599 photographs (pets)" in result.stdout and "step 2/2" in result.stdout
    assert "area constant 0.62" in result.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"flags.txt", "versions.json", "metrics.json", "checkpoints", "panels", "weights.npz"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["step"] == 2 and metrics["best"]["step"] == 2
    expected = {"discriminator/accuracy_real", "discriminator/accuracy_fake", "generator/area_penalty_weighted",
                "mask/area_std", "mask/undecided_fraction", "rate/images_per_second", "evaluation/mean_iou"}
    assert expected <= set(metrics["last"])
    with Image.open(tmp_path / "run" / "panels" / "step_000002.png") as panel:
        assert panel.width > 2 * 64 and panel.height > 5 * 64  # five rows, the reference masks among them
    evaluated = run_script("evaluate.py", "--dataset=pets", f"--run_dir={tmp_path / 'run'}", f"--out={tmp_path / 'out'}",
                           fresh=True)
    assert evaluated.returncode == 0, evaluated.stderr
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["num_images"] == 599 and set(report["trivial"]) == {"all_ones", "ellipse"}
    assert (tmp_path / "out" / "evaluation.png").exists()


def test_the_bundled_airplanes_are_the_default(run_script, tmp_path):
    result = run_script("train_fg.py", *SMALL, f"--run_dir={tmp_path / 'run'}", "--num_steps=1")
    assert result.returncode == 0, result.stderr
    assert "799 photographs (airplanes)" in result.stdout and "area constant 0.36" in result.stdout
    assert "--dataset=airplanes" in (tmp_path / "run" / "flags.txt").read_text().splitlines()


def test_an_area_constant_is_suggested_and_nothing_is_trained(run_script, tmp_path):
    result = run_script("train_fg.py", "--suggest", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 0 and re.search(r"^--area_constant=0\.\d\d$", result.stdout, re.MULTILINE)
    assert not (tmp_path / "run").exists()


def test_the_precision_that_the_machine_chose_is_kept_with_the_run(run_script, few_samples, tmp_path):
    arguments = (*UNSEEN, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}")
    chosen = environment.precision_given("auto")["mixed_precision"]
    other = "none" if chosen == "bfloat16" else "bfloat16"
    first = run_script("train_fg.py", *arguments, "--mixed_precision=auto", "--num_steps=1")
    assert first.returncode == 0, first.stderr
    assert f"mixed precision {chosen}, chosen for this machine" in first.stdout
    assert f"--mixed_precision={chosen}" in (tmp_path / "run" / "flags.txt").read_text().splitlines()
    for same in "auto", chosen:
        assert run_script("train_fg.py", *arguments, f"--mixed_precision={same}", "--num_steps=1").returncode == 0
    refused = run_script("train_fg.py", *arguments, f"--mixed_precision={other}", "--num_steps=2")
    assert refused.returncode == 1 and f"--mixed_precision={chosen}" in refused.stderr


@pytest.fixture(scope="module")
def whole_run(run_script, few_samples, tmp_path_factory):
    """A run of four steps without interruption."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = run_script("train_fg.py", *AVERAGED, *data_flags(few_samples), f"--run_dir={folder}", "--num_steps=4",
                        "--save_every=2")
    assert result.returncode == 0, result.stderr
    return folder


def assert_same_weights(one, two):
    (_, first), (_, second) = (read_weights(folder / "weights.npz") for folder in (one, two))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_two_steps_and_two_more_in_a_fresh_process_are_bit_equal_to_four(run_script, few_samples, whole_run, tmp_path):
    arguments = (*AVERAGED, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}", "--save_every=2")
    assert run_script("train_fg.py", *arguments, "--num_steps=2").returncode == 0
    resumed = run_script("train_fg.py", *arguments, "--num_steps=4")
    assert "continues at step 2" in resumed.stdout, resumed.stderr
    assert_same_weights(whole_run, tmp_path / "run")
    again = run_script("train_fg.py", *arguments, "--num_steps=4")
    assert again.returncode == 0 and "is complete: it has 4 steps" in again.stdout
    shorter = run_script("train_fg.py", *arguments, "--num_steps=3")
    assert shorter.returncode == 0 and "is complete: it has 4 steps" in shorter.stdout
    assert "--num_steps=4\n" in (tmp_path / "run" / "flags.txt").read_text()
    assert read_weights(tmp_path / "run" / "weights.npz")[0]["flags"]["num_steps"] == "--num_steps=4"


def test_a_process_that_has_trained_and_failed_goes_on_bit_equal(run_program, few_samples, whole_run, tmp_path):
    arguments = [*AVERAGED, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}", "--save_every=2"]
    result = run_program(f"""
import runpy, sys
ends = []  # as a notebook does, this keeps what the frames of a failed run refer to
for changes in (["--num_steps=2"], ["--backgrounds=nowhere"], ["--num_steps=4"]):
    sys.argv = ["train_fg.py", *{arguments}, *changes]
    try:
        runpy.run_path("train_fg.py", run_name="__main__")
    except SystemExit as end:
        ends.append(end)
print([end.code for end in ends])
""")
    assert "continues at step 2" in result.stdout and "[None, 1, None]" in result.stdout, result.stderr
    assert_same_weights(whole_run, tmp_path / "run")


def test_the_average_is_what_is_kept_and_loaded_from_the_folder(whole_run):
    _, kept = read_weights(whole_run / "weights.npz")
    loaded = networks.load_network(run_dir=str(whole_run)).network
    from_file = networks.load_network(weights=str(whole_run / "weights.npz")).network
    raw = build_unet(width=0.0625, size=64)
    checkpoint.restore_network(whole_run / "checkpoints", raw, name="generator")
    assert len(kept) == len(loaded.variables)
    for one, same, other in zip(loaded.variables, from_file.variables, raw.variables):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)


def test_a_run_whose_checkpoints_are_gone_is_not_begun_anew_over_its_weights(run_script, few_samples, whole_run, tmp_path):
    shutil.copytree(whole_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = (tmp_path / "run" / "weights.npz").read_bytes()
    result = run_script("train_fg.py", *AVERAGED, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}", "--num_steps=6")
    assert result.returncode == 1
    assert "holds a run's weights.npz but no checkpoint to go on from" in result.stderr
    assert (tmp_path / "run" / "weights.npz").read_bytes() == before


@pytest.mark.parametrize("line, wrong", [("--generator_width=0.0625", ""), ("--generator_width=0.0625", "--generator_width=x"),
                                         ("--crop=box", "")])
def test_a_run_folder_whose_flags_were_edited_is_refused_in_a_sentence(whole_run, tmp_path, line, wrong):
    text = (whole_run / "flags.txt").read_text()
    assert line in text
    (tmp_path / "flags.txt").write_text(text.replace(line, wrong))
    with pytest.raises(UserError, match="does not say how its network is used: in its flags.txt a flag is missing or wrong"):
        networks.load_network(run_dir=str(tmp_path))


def test_a_killed_run_continues_from_its_last_checkpoint_bit_equal(forks, run_script, few_samples, whole_run, tmp_path):
    arguments = (*AVERAGED, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}", "--save_every=2")
    process = forks.start(script("train_fg.py", *arguments, "--num_steps=100000")[1:])
    process.wait_for("step 3/")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    resumed = run_script("train_fg.py", *arguments, "--num_steps=4")
    assert resumed.returncode == 0, resumed.stderr
    if "continues at step 2" in resumed.stdout:  # a fast machine may have saved step 4 before the kill
        assert_same_weights(whole_run, tmp_path / "run")
    else:
        assert "is complete" in resumed.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_saves_first(forks, few_samples, tmp_path, number):
    process = forks.start(script("train_fg.py", *UNSEEN, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}",
                                 "--num_steps=100000", "--save_every=0")[1:])
    process.wait_for("step 2/")
    time.sleep(0.5)
    process.send_signal(number)
    result = process.wait(timeout=120)
    assert result.returncode == 128 + number, result.stderr
    assert f"stopped by signal {int(number)} after step" in result.stdout
    assert list((tmp_path / "run" / "checkpoints").glob("step-*.index"))


def test_a_folder_of_another_run_is_refused_with_both_values(run_script, few_samples, whole_run):
    before = (whole_run / "flags.txt").read_text()
    result = run_script("train_fg.py", *AVERAGED, *data_flags(few_samples), f"--run_dir={whole_run}", "--num_steps=4",
                        "--area_weight=7")
    assert result.returncode == 1
    assert "error:" in result.stderr and "Traceback" not in result.stderr
    assert "--area_weight=1000.0" in result.stderr and "--area_weight=7.0" in result.stderr
    assert (whole_run / "flags.txt").read_text() == before


def test_a_run_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(run_script, few_samples, tmp_path):
    result = run_script("train_fg.py", *UNSEEN, *data_flags(few_samples), f"--run_dir={tmp_path / 'run'}",
                        "--num_steps=40", "--save_every=1", "--generator_learning_rate=1e30")
    assert result.returncode == 1
    # The first step's losses are those of good weights, which its update ruins.
    assert "after step 1 the values of generator, unet" in result.stderr and "Traceback" not in result.stderr
    assert "training stopped; the last good checkpoint is missing" in result.stderr
    assert not (tmp_path / "run" / "weights.npz").exists()


@pytest.mark.parametrize("flag, area", [("--initial_mask_area=0.25", 0.25), ("--area_ramp_steps=100", 0.92)])
def test_masks_start_where_the_flags_say(run_script, few_samples, tmp_path, flag, area):
    result = run_script("train_fg.py", *UNSEEN, *data_flags(few_samples), "--num_steps=1", "--area_constant=0.4", flag,
                        f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["last"]
    assert metrics["mask/area_mean"] == pytest.approx(area, abs=0.08)
    assert metrics["mask/area_constant"] == pytest.approx(0.92 if "ramp" in flag else 0.4, abs=1e-6)


@pytest.mark.parametrize("flag, message", [
    ("--images=nowhere", "nowhere"),
    ("--dataset=birds", "needs --data_dir"),
    ("--backgrounds=nowhere", "nowhere"),
    ("--spectral_norm=none --spectral_norm_scale=2", "--spectral_norm_scale=2 needs --spectral_norm=sngan, not none"),
    ("--no_such_flag=1", "Unknown command line flag 'no_such_flag'"),
    ("photographs", "unexpected argument 'photographs'"),
])
def test_wrong_flags_get_one_sentence_and_a_status(run_script, tmp_path, flag, message):
    result = run_script("train_fg.py", *SMALL, f"--run_dir={tmp_path / 'run'}", "--num_steps=1", *flag.split())
    assert result.returncode != 0
    assert message in result.stderr and "Traceback" not in result.stderr


def test_a_broken_image_and_a_box_outside_its_image_are_named(run_script, few_samples, tmp_path):
    shutil.copytree(few_samples, tmp_path / "pets")
    victim = sorted((tmp_path / "pets" / "images").iterdir())[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:len(whole) // 2])
    arguments = (*SMALL, *data_flags(tmp_path / "pets"), "--num_steps=1")
    result = run_script("train_fg.py", *arguments, f"--run_dir={tmp_path / 'one'}")
    assert result.returncode == 1 and victim.name in result.stderr and "Traceback" not in result.stderr
    victim.write_bytes(whole)
    boxes = tmp_path / "pets" / "boxes.txt"
    boxes.write_text(boxes.read_text() + f"{victim.name} 5000 10 20 20\n")
    result = run_script("train_fg.py", *arguments, f"--run_dir={tmp_path / 'two'}")
    assert result.returncode == 1 and victim.name in result.stderr and "Traceback" not in result.stderr


def test_a_run_folder_may_be_called_nearly_anything(run_script, few_samples, tmp_path):
    run_dir = tmp_path / "50% of a {run}, #1 ü"
    for num_steps in (1, 2):
        result = run_script("train_fg.py", *UNSEEN, *data_flags(few_samples), f"--run_dir={run_dir}",
                            f"--num_steps={num_steps}")
        assert result.returncode == 0, result.stderr
    assert "step 2/2" in result.stdout and "step 1/2" not in result.stdout
    evaluated = run_script("evaluate.py", f"--run_dir={run_dir}", f"--out={tmp_path / 'out'}")
    assert evaluated.returncode == 0 and f"{run_dir} (step 2)" in evaluated.stdout, evaluated.stderr
    refused = run_script("train_fg.py", *UNSEEN, *data_flags(few_samples), f"--run_dir={tmp_path / 'run[1]'}")
    assert refused.returncode == 1 and "run[1], whose path holds [; rename the folder" in refused.stderr
    assert not (tmp_path / "run[1]").exists()


def test_another_format_of_boxes_gives_the_same_crops_and_is_inherited(run_script, few_samples, tmp_path):
    corners = []
    for line in (few_samples / "boxes.txt").read_text().splitlines():
        name, x, y, width, height = line.rsplit(maxsplit=4)
        corners.append(f"{name} {x} {y} {float(x) + float(width):g} {float(y) + float(height):g}\n")
    (tmp_path / "corners.txt").write_text("".join(corners) + "gone.jpg 1 1 9 9\n")
    others = ("--num_steps=1", f"--boxes={tmp_path / 'corners.txt'}", "--boxes_format=corners")
    for run, flags in (("xywh", ("--num_steps=1",)), ("corners", others)):
        result = run_script("train_fg.py", *UNSEEN, *data_flags(few_samples), *flags, f"--run_dir={tmp_path / run}")
        assert result.returncode == 0, result.stderr
    assert "1 of 9 boxes are passed over" in result.stderr
    assert (tmp_path / "xywh" / "data.txt").read_text() == (tmp_path / "corners" / "data.txt").read_text()
    evaluated = run_script("evaluate.py", f"--run_dir={tmp_path / 'corners'}", f"--out={tmp_path / 'out'}")
    assert evaluated.returncode == 0 and "8 labelled photographs of 8" in evaluated.stdout, evaluated.stderr
    student = run_script("distill.py", f"--teacher={tmp_path / 'corners'}", f"--run_dir={tmp_path / 'student'}",
                         "--student_width=0.0625", "--batch_size=2", "--num_steps=1", "--panel_every=0")
    assert student.returncode == 0, student.stderr
    assert "--boxes_format=corners" in (tmp_path / "student" / "flags.txt").read_text().splitlines()
    assert (tmp_path / "student" / "data.txt").read_text() == (tmp_path / "corners" / "data.txt").read_text()
    refused = run_script("train_fg.py", *UNSEEN, "--boxes_format=coco", f"--run_dir={tmp_path / 'other'}")
    assert refused.returncode == 1 and "--boxes_format does not go with --dataset=airplanes" in refused.stderr
