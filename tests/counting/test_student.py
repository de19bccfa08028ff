"""The student: it learns from any labelled pictures, equal seeds make equal students, and one file holds it."""

import sys

import numpy as np
import pytest

from counting import student, tiling
from counting.augmenter import Augmenter
from errors import UserError
from storage import weights
from training import environment


def pictures(count=4, size=64):
    """Bright disks on black, with their labels."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((count, size, size, 3), np.uint8), np.zeros((count, size, size), np.int32)
    rows, columns = np.mgrid[:size, :size]
    for image, label in zip(images, labels):
        for number in range(1, 4):
            y, x = rng.uniform(10, size - 10, 2)
            inside = (np.hypot(rows - y, columns - x) < rng.uniform(6, 9)) & (label == 0)
            label[inside], image[inside] = number, rng.integers(120, 255)
    return images, labels


@pytest.fixture(scope="module", name="trained")
def trained_fixture():
    """A student of a few steps, and what it was taught on."""
    pytest.importorskip("stardist", reason="needs StarDist; `make count-install` installs it")
    environment.set_up(seed=0, deterministic=True, mixed_precision="none")
    images, labels = pictures()
    return student.train(images, labels, seed=0, num_steps=12, batch_size=2, width=4, metadata={
        "window_size": 52, "learnt": {"diameter": 15.0, "min_scale": 0.6, "max_scale": 1.7}}), images, labels


def test_equal_seeds_make_equal_students(trained):
    first, images, labels = trained
    again = student.train(images, labels, seed=0, num_steps=12, batch_size=2, width=4, metadata=first.metadata)
    assert again.to_bytes() == first.to_bytes()
    for one, two in zip(first.find(images[0]), again.find(images[0])):
        np.testing.assert_array_equal(one, two)


def test_a_file_holds_all_that_is_needed(trained, tmp_path):
    made, images, _ = trained
    (tmp_path / "student.npz").write_bytes(made.to_bytes())
    loaded = student.load(tmp_path / "student.npz")
    assert loaded.metadata["window_size"] == 52 and loaded.thresholds == made.thresholds
    found = made.find(images[0])
    assert found.outlines.shape == (len(found.scores), student.NUM_RAYS, 2) and len(found.scores)
    for one, two in zip(found, loaded.find(images[0])):
        np.testing.assert_array_equal(one, two)


@pytest.fixture(scope="module", name="large")
def large_fixture():
    """A picture of odd sides, for which tiles of 256 pixels are forty."""
    images, _ = pictures(count=1, size=704)
    return images[0][:501, :691]


def test_the_network_says_the_same_in_tiles(trained, large, monkeypatch):
    monkeypatch.setattr(tiling, "BLOCK", 1)
    made, seen = trained[0], []
    channels = made.metadata["channels"]
    for tile in (1024, 256):
        monkeypatch.setattr(tiling, "TILE", tile)
        places = tiling.candidates(made._network.keras_model, large, threshold=-1.0, grid=student.GRID,
                                   prepare=lambda pixels: student._standardized(pixels / np.float32(255.0), channels))
        order = np.lexsort(places.points.T)
        seen.append([array[order] for array in places])
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    assert len(seen[0][0]) > 0.95 * large.shape[0] * large.shape[1] / student.GRID**2  # all but the border
    np.testing.assert_allclose(seen[1][1], seen[0][1], atol=1e-5)
    np.testing.assert_allclose(seen[1][2], seen[0][2], atol=1e-3)


def test_without_blocks_it_finds_what_stardist_finds(trained, large, monkeypatch):
    monkeypatch.setattr(tiling, "BLOCK", 1)
    made = trained[0]
    found = made.find(large)
    prepared = student._standardized(student._to_unit(large), made.metadata["channels"])
    expected = made._network.predict_instances(prepared, return_labels=False)[1]
    np.testing.assert_allclose(found.outlines, np.moveaxis(expected["coord"], 1, 2)[..., ::-1] + 0.5, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected["prob"], atol=1e-5)


def test_what_is_no_student_is_refused(trained, tmp_path):
    made = trained[0]
    path = tmp_path / "student.npz"
    (tmp_path / "weights.npz").write_bytes(weights.to_bytes({}, metadata={"network": "unet"}))
    with pytest.raises(UserError, match="holds a 'unet', expected a 'stardist_student', as count.py writes it"):
        student.load(tmp_path / "weights.npz")
    path.write_bytes(made.to_bytes())
    metadata, arrays = weights.read_weights(path)
    for broken in ({"width": 8}, {"thresholds": {}}, {"learnt": None}, {"channels": {"mean": [1]}}):
        path.write_bytes(weights.to_bytes(arrays, metadata={**metadata, **broken}))
        with pytest.raises(UserError, match="is broken: its network cannot be built"):
            student.load(path)


def test_without_stardist_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "stardist", None)
    with pytest.raises(UserError, match="`make count-install`"):
        student.check_installed()


def test_one_picture_or_pictures_without_labels_teach_nothing():
    images, labels = pictures(count=2)
    for pair in ((images[:1], labels[:1]), (images, labels[:1])):
        with pytest.raises(ValueError, match="at least 2"):
            student.train(*pair, seed=0, num_steps=1)


def test_labels_follow_their_picture_when_it_is_changed():
    images, labels = pictures()
    change = Augmenter(0)
    for _ in range(8):
        picture, changed = change(images[0] / np.float32(255.0), labels[0])
        assert picture.dtype == np.float32 and 0.0 <= picture.min() <= picture.max() <= 1.0
        assert picture.shape == images[0].shape and np.bincount(changed.ravel()).tolist() == np.bincount(labels[0].ravel()).tolist()
        assert picture[changed > 0].mean() > picture[changed == 0].mean() + 0.2
    upright = Augmenter(0, upright=True)
    rows = np.arange(16)[:, np.newaxis].repeat(16, axis=1)
    assert all((upright(images[0][:16, :16] / np.float32(255.0), rows)[1] == rows).all() for _ in range(8))
    for one, two in zip(Augmenter(5)(images[0] / 255.0, labels[0]), Augmenter(5)(images[0] / 255.0, labels[0])):
        np.testing.assert_array_equal(one, two)
