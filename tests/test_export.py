"""export.py, and its SavedModel without this project."""

import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT
from errors import UserError
from inference.segmenter import Segmenter
from models.unet import build_unet
from storage.weights import save_weights

USE = """
import sys
import numpy as np
import tensorflow as tf
crops = np.load("crops.npy")
infer = tf.saved_model.load("model").signatures["serving_default"]
assert infer.structured_input_signature[1] == {"images": tf.TensorSpec([None, 64, 64, 3], tf.uint8, name="images")}
assert infer(images=tf.constant(crops[:0]))["masks"].shape == (0, 64, 64, 1)
masks = [infer(images=tf.constant(part))["masks"].numpy() for part in (crops[:1], crops[1:])]
np.save("masks.npy", np.concatenate(masks))
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
assert not [file for file in files if file.startswith(sys.argv[1]) and "site-packages" not in file]
"""


@pytest.fixture(name="weights", scope="module")
def _weights(tmp_path_factory):
    network = build_unet(width=1 / 16, size=64)
    network.mask_logits.kernel.assign(network.mask_logits.kernel * 10.0)
    path = tmp_path_factory.mktemp("weights") / "w.npz"
    save_weights(path, network, metadata={"task": "foreground", "network": "unet", "width": 1 / 16, "image_size": 64,
                                          "crop": "square", "flags": {}})
    return path


def test_the_saved_model_gives_the_same_masks_without_the_project(run_script, weights, tmp_path):
    (tmp_path / "model").mkdir()  # an empty folder is as good as none
    result = run_script("export.py", f"--weights={weights}", f"--out={tmp_path / 'model'}")
    assert result.returncode == 0, result.stderr
    assert "images uint8 [B, 64, 64, 3] to masks float32 [B, 64, 64, 1]" in result.stdout
    crops = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), np.uint8)
    np.save(tmp_path / "crops.npy", crops)
    used = subprocess.run([sys.executable, "-I", "-c", USE, f"{ROOT}/"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=300, check=False)
    assert used.returncode == 0, used.stderr
    masks = np.load(tmp_path / "masks.npy")
    assert masks.dtype == np.float32 and masks.shape == (6, 64, 64, 1) and masks.std() > 0.02
    np.testing.assert_allclose(masks, Segmenter.from_weights(weights).masks(crops), atol=1e-5)


def test_versions_for_tensorflow_serving_lie_beside_each_other_in_numbered_folders(run_script, weights, tmp_path):
    for version in (1, 2):
        result = run_script("export.py", f"--weights={weights}", f"--out={tmp_path / 'served'}",
                            f"--serving_version={version}")
        assert result.returncode == 0 and f"wrote {tmp_path / 'served'}/{version}:" in result.stdout, result.stderr
    assert sorted(path.name for path in (tmp_path / "served").iterdir()) == ["1", "2"]
    for version in ("1", "2"):
        assert (tmp_path / "served" / version / "saved_model.pb").is_file()
    again = run_script("export.py", f"--weights={weights}", f"--out={tmp_path / 'served'}", "--serving_version=2")
    assert again.returncode == 1 and "served/2 is there and is no empty folder" in again.stderr


def test_a_folder_that_holds_something_and_a_file_are_left_as_they_are(weights, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    segmenter = Segmenter.from_weights(weights)
    for taken in (tmp_path / "full", tmp_path / "full" / "mine.txt"):
        with pytest.raises(UserError, match="is there and is no empty folder; give a new one"):
            segmenter.save_model(taken)
    with pytest.raises(UserError, match="the SavedModel .*mine.txt/model cannot be written"):
        segmenter.save_model(tmp_path / "full" / "mine.txt" / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["model[1]", "latin\udce9"])
def test_a_folder_that_tensorflow_could_not_load_is_refused(weights, tmp_path, name):
    with pytest.raises(UserError, match="TensorFlow can neither write nor read files in"):
        Segmenter.from_weights(weights).save_model(tmp_path / name)
    assert not list(tmp_path.iterdir())
