"""The discriminator alone against composites of fixed bad masks."""

import json
from types import SimpleNamespace

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from conftest import ROOT
from data import hoc, synthetic
from errors import UserError
from experiments import discriminator_start


def test_pasted_disks_are_the_clusters_own_pixels_on_its_windows():
    cluster, _ = synthetic.drawn_cluster("ellipses", seed=0)
    batch = next(iter(hoc.SceneStream(cluster=cluster, num_layers=1, latent_dim=1, disk_radius=0.0).batches(
        batch_size=12, seed=0, num_steps=1)))
    reals, composites = (part.numpy() for part in discriminator_start.pasted_disks_of(batch))
    bottom = batch["background_inputs"].numpy()[:4] / 255.0
    assert reals.shape == composites.shape == (4, 64, 64, 3)
    np.testing.assert_allclose(reals, batch["reals"].numpy()[:4] / 255.0, atol=1e-6)
    changed = np.abs(composites - bottom).max(axis=-1) > 0.02
    assert np.all((changed.mean(axis=(1, 2)) > 0.03) & (changed.mean(axis=(1, 2)) < 0.7))
    assert composites.min() >= 0.0 and composites.max() <= cluster.max() / 255.0 + 1e-6


def test_disks_about_points_hold_what_is_there(tmp_path):
    cluster = np.zeros([100, 140, 3], np.uint8)
    cluster[42:54, 62:74] = 250  # a bright thing about x = 68, y = 48 in a picture that is dark elsewhere
    (tmp_path / "points.json").write_text(json.dumps([{"x": 34, "y": 24}, {"x": 2, "y": 24}]))  # half its pixels
    centred = discriminator_start.windows_about(tmp_path / "points.json", cluster, scale=2.0)
    assert centred.shape == (1, 64, 64, 3) and centred[0, 26:38, 26:38].min() == 250
    dark = tf.zeros([12, 64, 64, 3], tf.uint8)
    batch = {"reals": dark, "background_inputs": dark, "step": tf.constant(3, tf.int64)}
    _, anywhere = discriminator_start.pasted_disks_of(batch)
    _, composites = discriminator_start.pasted_disks_of(batch, centred=centred)
    assert anywhere.numpy().max() == 0.0 and composites.shape == (4, 64, 64, 3)
    assert np.all(composites.numpy().max(axis=(1, 2, 3)) > 0.9)


@pytest.mark.parametrize("content", ["[", "{}", "[{\"x\": 3}]", "[]", "[{\"x\": 3, \"y\": 3}]", None])
def test_points_of_another_kind_or_all_at_the_edge_are_refused(tmp_path, content):
    path = tmp_path / "points.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match="points.json"):
        discriminator_start.windows_about(path, np.zeros([64, 64, 3], np.uint8), scale=1.0)


@pytest.fixture(name="birds_folder")
def _birds_folder(tmp_path):
    """Four pictures of noise in CUB-200-2011's layout, each with a box in its left half."""
    root = tmp_path / "CUB_200_2011"
    (root / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(4):
        Image.fromarray(random.integers(0, 256, (80, 160, 3), np.uint8)).save(root / "images" / f"{index}.png")
    (root / "images.txt").write_text("".join(f"{index} {index}.png\n" for index in range(4)))
    (root / "bounding_boxes.txt").write_text("".join(f"{index} 4 4 64 64\n" for index in range(4)))
    (root / "train_test_split.txt").write_text("".join(f"{index} 1\n" for index in range(4)))
    return root


def test_composites_of_birds_are_carved_by_the_given_weights(birds_folder, monkeypatch):
    monkeypatch.setattr(discriminator_start, "NUM_HELD_OUT", 2)
    options = SimpleNamespace(data_dir=str(birds_folder), backgrounds="outside_boxes", batch_size=2, num_steps=1, seed=0,
                              weights=str(ROOT / "pretrained" / "birds_compact.npz"))
    (reals, carved), _, crops = discriminator_start.birds_pairs(options)
    options.weights = None
    (same_reals, ghosts), make_dataset, _ = discriminator_start.birds_pairs(options)
    assert reals.shape == carved.shape == (2, 128, 128, 3) and len(crops) == 2
    np.testing.assert_array_equal(reals, same_reals)
    assert np.abs(carved - ghosts).max() > 0.1
    assert len(list(make_dataset())) == 1


def test_a_composite_is_blended_by_the_networks_masks():
    batch = {name: tf.fill([1, 2, 2, 3], tf.constant(value, tf.uint8))
             for name, value in (("photographs", 255), ("backgrounds", 0), ("reals", 51))}
    mask = tf.constant([[0.0, 0.5], [0.75, 1.0]])[tf.newaxis, ..., tf.newaxis]
    reals, composites = discriminator_start.blended_of(batch, network=lambda photographs, training: mask)
    np.testing.assert_allclose(composites, tf.tile(mask, [1, 1, 1, 3]), atol=1e-6)
    np.testing.assert_allclose(reals, 0.2, atol=1e-6)
    np.testing.assert_allclose(discriminator_start.blended_of(batch)[1], 0.25, atol=1e-6)


def test_a_setting_is_trained_against_a_generator_and_measured(run_script, tmp_path):
    result = run_script("experiments/discriminator_start.py", "--task=cluster", "--num_steps=2", "--batch_size=2",
                        f"--weights={ROOT / 'pretrained' / 'ellipses.npz'}", "--only=standardized, lReLU",
                        f"--out={tmp_path / 'figures.json'}")
    assert result.returncode == 0, result.stderr
    (name, figures), = json.loads((tmp_path / "figures.json").read_text()).items()
    assert name == "inputs standardized, lReLU score"
    assert figures["before"]["loss"] == pytest.approx(1.386, abs=0.1)
    assert figures["after"]["loss"] != figures["before"]["loss"]


@pytest.mark.parametrize("flags,words", [(["--task=birds"], "--data_dir and --backgrounds"),
                                         (["--task=cluster", "--image=beans.jpg"], "needs --window_size"),
                                         (["--task=cluster", "--points=p.json"], "says where --image has")])
def test_what_is_missing_is_one_sentence(run_script, flags, words):
    result = run_script("experiments/discriminator_start.py", *flags)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr
