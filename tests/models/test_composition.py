"""Eq. (5)."""

import numpy as np
import pytest
import tensorflow as tf

from models.composition import Instance, composite, stack_layers


def flat(value, mask, *, size=2):
    return Instance(tf.fill([1, size, size, 3], float(value)), tf.fill([1, size, size, 1], float(mask)))


def test_composite_of_three_layers_by_hand():
    # x1 = 0.8 * 1; x2 = 0.4 * 0.5 + 0.8 * 0.5 = 0.6; x3 = 1.0 * 0.25 + 0.6 * 0.75 = 0.7
    image = composite(stack_layers([flat(0.8, 1), flat(0.4, 0.5), flat(1.0, 0.25)]))
    np.testing.assert_allclose(image, np.full([1, 2, 2, 3], 0.7), atol=1e-6)


def test_the_lowest_layer_lies_on_black():
    np.testing.assert_allclose(composite(stack_layers([flat(0.8, 0.5)])), np.full([1, 2, 2, 3], 0.4), atol=1e-6)


def test_composition_with_zero_mask_is_background():
    np.testing.assert_allclose(composite(stack_layers([flat(0.3, 1), flat(0.9, 0)])), np.full([1, 2, 2, 3], 0.3))


def test_composition_with_mask_of_ones_is_foreground():
    np.testing.assert_allclose(composite(stack_layers([flat(0.3, 1), flat(0.9, 1)])), np.full([1, 2, 2, 3], 0.9))


def test_order_matters_only_where_masks_overlap():
    rng = np.random.default_rng(0)
    left, right = np.zeros([1, 4, 4, 1], np.float32), np.zeros([1, 4, 4, 1], np.float32)
    left[:, :, :3], right[:, :, 2:] = 0.7, 0.6  # both cover column 2
    one = Instance(tf.constant(rng.random([1, 4, 4, 3], np.float32)), tf.constant(left))
    two = Instance(tf.constant(rng.random([1, 4, 4, 3], np.float32)), tf.constant(right))
    difference = np.abs(composite(stack_layers([one, two])) - composite(stack_layers([two, one])))
    differ = difference.max(axis=(0, 1, 3)) > 1e-6
    assert differ.tolist() == [False, False, True, False]


def test_images_and_masks_of_different_layers_are_refused():
    with pytest.raises(ValueError, match="differ in more than channels"):
        composite(Instance(tf.zeros([2, 1, 4, 4, 3]), tf.zeros([1, 1, 4, 4, 1])))
