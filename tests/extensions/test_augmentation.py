"""Tests of what the discriminator is shown instead of the pictures themselves."""

import numpy as np
import pytest
import tensorflow as tf

import flags
from extensions import augmentation


def test_the_flag_knows_every_kind():
    assert flags.AUGMENTATIONS == augmentation.KINDS
    assert flags.STUDENT_AUGMENTATIONS == augmentation.STUDENT_KINDS


def pictures(count=4, side=16):
    return tf.random.stateless_uniform([count, side, side, 3], [1, 2])


@pytest.mark.parametrize("kind", augmentation.KINDS)
def test_each_kind_changes_each_picture_in_its_own_way_and_repeats_with_the_seed(kind):
    same = tf.repeat(pictures(1), 4, axis=0)
    changed = augmentation.augment(same, kinds=[kind], seed=[0, 1]).numpy()
    assert changed.shape == same.shape and all(np.abs(one - changed[0]).max() > 1e-3 for one in changed[1:])
    np.testing.assert_array_equal(changed, augmentation.augment(same, kinds=[kind], seed=[0, 1]))
    assert np.abs(changed - augmentation.augment(same, kinds=[kind], seed=[0, 2]).numpy()).max() > 1e-3


def test_nothing_is_changed_without_kinds_and_an_unknown_one_is_refused():
    images = pictures()
    np.testing.assert_array_equal(augmentation.augment(images, kinds=[], seed=[0, 1]), images)
    with pytest.raises(ValueError, match="'noise'.*color, hue, translation"):
        augmentation.augment(images, kinds=["noise"], seed=[0, 1])


def test_hue_turns_colours_about_the_grey_axis():
    """Greys stay, and every colour keeps its mean over channels and its distance from grey."""
    images = pictures()
    turned = augmentation.augment(images, kinds=["hue"], seed=[0, 1]).numpy()
    grey, new_grey = (np.mean(one, axis=-1, keepdims=True) for one in (images, turned))
    np.testing.assert_allclose(new_grey, grey, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(turned - grey, axis=-1), np.linalg.norm(images - grey, axis=-1),
                               atol=1e-5)
    flat = tf.fill([2, 16, 16, 3], 0.3)
    np.testing.assert_allclose(augmentation.augment(flat, kinds=["hue"], seed=[0, 1]), flat, atol=1e-6)


def test_translation_moves_by_whole_pixels_up_to_an_eighth_and_brings_black_in():
    picture = np.zeros((64, 16, 16, 3), np.float32)
    picture[:, 8, 8] = 1.0  # one white pixel in each
    moved = augmentation.augment(tf.constant(picture), kinds=["translation"], seed=[0, 1]).numpy()[..., 0]
    places = np.argwhere(moved)[:, 1:]
    assert len(places) == 64 and np.all(moved[moved > 0] == 1.0)
    assert set(np.unique(places)) == {6, 7, 8, 9, 10}


def test_gradients_reach_the_pictures_through_every_kind():
    images = tf.Variable(pictures())
    with tf.GradientTape() as tape:
        seen = augmentation.augment(images, kinds=augmentation.KINDS, seed=[0, 1])
        loss = tf.reduce_sum(seen * tf.random.stateless_uniform(seen.shape, [3, 4]))
    gradient = tape.gradient(loss, images).numpy()
    assert np.all(np.abs(gradient).sum(axis=(1, 2, 3)) > 0.0)
