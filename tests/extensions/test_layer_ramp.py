"""The layer ramp: one instance at first, all in the end, and a hole that grows with them."""

import numpy as np
import pytest
import tensorflow as tf

from data import hoc
from extensions.layer_ramp import LayerRamp, RampedLayout
from models.composition import Instance
from models.layout import TranslationLayout

RAMP = LayerRamp(start=10, num_steps=20)


@pytest.mark.parametrize("step, expected", [(0, 0.0), (10, 0.0), (15, 0.25), (30, 1.0), (99, 1.0)])
def test_progress_begins_after_the_start_and_ends_at_one(step, expected):
    assert float(RAMP(tf.constant(step, tf.int64))) == pytest.approx(expected)


@pytest.mark.parametrize("step, expected", [(0, 1.0), (20, 3.5), (30, 6.0)])
def test_as_many_instances_are_kept_as_the_ramp_says_on_average_and_the_first_ones(step, expected):
    layout = RampedLayout(TranslationLayout(padding=3), RAMP)
    kept = layout.sample([6, 500], seed=tf.constant([0, step], tf.int64))["kept"].numpy()
    assert kept.shape == (6, 500) and kept.sum(axis=0).mean() == pytest.approx(expected, abs=0.1)
    assert (np.diff(kept, axis=0) <= 0).all() and kept.sum(axis=0).max() - kept.sum(axis=0).min() <= 1


def test_what_is_not_kept_is_transparent_and_the_others_are_warped_as_before():
    instances = Instance(tf.random.uniform([6, 2, 8, 8, 3]), tf.random.uniform([6, 2, 8, 8, 1], 0.5))
    plain, seed = TranslationLayout(padding=1), tf.constant([3, 0], tf.int64)
    layout = RampedLayout(plain, RAMP)
    delta_r = layout.sample([6, 2], seed=seed)
    warped, expected = layout.warp(instances, delta_r), plain.warp(instances, plain.sample([6, 2], seed=seed))
    np.testing.assert_array_equal(warped.mask[:1], expected.mask[:1])
    assert not np.any(warped.mask[1:])
    np.testing.assert_array_equal(warped.image, expected.image)


def test_the_hole_grows_with_the_ramp():
    stream = hoc.SceneStream(cluster=np.full((80, 80, 3), 200, np.uint8), num_layers=3, latent_dim=2, hole_share=RAMP)
    areas = [int(np.sum(batch["background_inputs"][0, ..., 0] == 0))
             for batch in stream.batches(batch_size=1, seed=0, num_steps=40)]
    whole = hoc.SceneStream(cluster=np.full((80, 80, 3), 200, np.uint8), num_layers=3, latent_dim=2)
    expected = next(iter(whole.batches(batch_size=1, seed=0, num_steps=1)))["background_inputs"]
    assert set(areas[:11]) == {0} and areas == sorted(areas)
    assert areas[20] == pytest.approx(np.pi * 10**2, rel=0.05) and areas[30] == int(np.sum(expected[0, ..., 0] == 0))


@pytest.mark.parametrize("start, num_steps", [(-1, 5), (0, 0)])
def test_a_ramp_of_no_steps_is_refused(start, num_steps):
    with pytest.raises(ValueError, match="expected at least 0 and 1"):
        LayerRamp(start=start, num_steps=num_steps)
