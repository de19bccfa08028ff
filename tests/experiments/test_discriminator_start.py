"""The discriminator alone against composites of fixed bad masks."""

import json

import numpy as np
import pytest

from conftest import ROOT
from data import hoc, synthetic
from experiments import discriminator_start


def test_pasted_disks_are_the_clusters_own_pixels_on_its_windows():
    cluster, _ = synthetic.drawn_cluster("ellipses", seed=0)
    batch = next(iter(hoc.hoc_batches(cluster=cluster, num_layers=1, latent_dim=1, disk_radius=0.0, batch_size=12,
                                      seed=0, num_steps=1)))
    reals, composites = (part.numpy() for part in discriminator_start.pasted_disks_of(batch))
    bottom = batch["background_inputs"].numpy()[:4] / 255.0
    assert reals.shape == composites.shape == (4, 64, 64, 3)
    np.testing.assert_allclose(reals, batch["reals"].numpy()[:4] / 255.0, atol=1e-6)
    changed = np.abs(composites - bottom).max(axis=-1) > 0.02
    assert np.all((changed.mean(axis=(1, 2)) > 0.03) & (changed.mean(axis=(1, 2)) < 0.7))
    assert composites.min() >= 0.0 and composites.max() <= cluster.max() / 255.0 + 1e-6


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
                                         (["--task=cluster", "--image=beans.jpg"], "needs --window_size")])
def test_what_is_missing_is_one_sentence(run_script, flags, words):
    result = run_script("experiments/discriminator_start.py", *flags)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr
