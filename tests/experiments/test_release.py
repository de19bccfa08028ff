"""Weights files written again for release."""

import numpy as np
import pytest

from inference.sampler import InstanceSampler
from models.instance_generator import build_generator
from models.unet import build_unet
from storage.weights import read_weights, save_weights, to_bytes

FLAGS = {"run_dir": "--run_dir=/home/me/run", "data_dir": "--data_dir=/home/me/birds", "seed": "--seed=3"}


def released(run_script, tmp_path, made, **metadata):
    save_weights(tmp_path / "w.npz", made, metadata={**metadata, "flags": FLAGS})
    result = run_script("experiments/release.py", f"--weights={tmp_path / 'w.npz'}", f"--out={tmp_path / 'out.npz'}")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out.npz").stat().st_size < 0.6 * (tmp_path / "w.npz").stat().st_size
    return read_weights(tmp_path / "out.npz")[0]


def test_a_student_keeps_what_it_says_of_itself_but_for_its_folders(run_script, tmp_path):
    found = released(run_script, tmp_path, build_unet(width=1 / 8, size=64), network="unet", width=1 / 8,
                     image_size=64, crop="box", teacher="/home/me/teacher (step 5)", figures={"mean_iou": 0.5})
    assert found["flags"] == {"seed": "--seed=3"} and found["teacher"] == "teacher (step 5)"
    assert found["figures"] == {"mean_iou": 0.5}
    assert "/home" not in str(found)


def test_a_generator_states_the_figures_of_the_weights_as_released(run_script, tmp_path):
    found = released(run_script, tmp_path, build_generator(latent_dim=2, width=1 / 8), network="instance_generator",
                     width=1 / 8, latent_dim=2, disk_area=0.25, figures={"area_mean": -1.0})
    sampler, _ = InstanceSampler.from_weights(tmp_path / "out.npz", num_evaluated=256)
    assert found["figures"] == pytest.approx(sampler.metrics(), abs=1e-5)


def test_a_student_of_count_is_released_too(run_script, tmp_path):
    metadata = {"network": "stardist_student", "window_size": 46, "thresholds": {"prob": 0.5, "nms": 0.4}}
    (tmp_path / "s.npz").write_bytes(to_bytes({"000": np.ones((3, 400), np.float32)}, metadata=metadata))
    result = run_script("experiments/release.py", f"--weights={tmp_path / 's.npz'}", f"--out={tmp_path / 'out.npz'}")
    assert result.returncode == 0, result.stderr
    found, arrays = read_weights(tmp_path / "out.npz")
    assert found == {**metadata, "format": found["format"]} and arrays["000"].shape == (3, 400) and (arrays["000"] == 1).all()


def test_weights_are_not_replaced_by_their_release(run_script, tmp_path):
    (tmp_path / "w.npz").write_bytes(b"precious")
    result = run_script("experiments/release.py", f"--weights={tmp_path / 'w.npz'}", f"--out={tmp_path / '.' / 'w.npz'}")
    assert result.returncode == 1 and "is the file of --weights, which it would replace" in result.stderr
    assert (tmp_path / "w.npz").read_bytes() == b"precious"
