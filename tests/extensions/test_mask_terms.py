"""Terms on the masks that Eq. (7) does not have, worked by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from extensions import mask_terms


def test_binarization_by_hand():
    assert float(mask_terms.binarization(tf.constant([0.0, 1.0, 0.5, 0.9]))) == pytest.approx((0.5 + 0.1) / 4)
    assert float(mask_terms.binarization(tf.fill([1, 2, 4, 4, 1], 0.5))) == pytest.approx(0.5)


def test_total_variation_of_a_binary_mask_is_the_length_of_its_boundary_in_sides():
    square, stripes = np.zeros([1, 1, 40, 40, 1], np.float32), np.zeros([1, 1, 40, 40, 1], np.float32)
    square[0, 0, 10:20, 15:25] = 1.0  # 40 sides of a pixel; one corner's two are one of sqrt(2)
    stripes[0, 0, :, ::2] = 1.0  # 39 edges of 39 pixels
    assert float(mask_terms.total_variation(square)) == pytest.approx((38 + math.sqrt(2)) / 40, rel=1e-2)
    assert float(mask_terms.total_variation(stripes)) == pytest.approx(39 * 39 / 40, rel=1e-2)
    both = tf.concat([square, stripes], axis=1)
    assert float(mask_terms.total_variation(both)) == pytest.approx((39.41 + 39 * 39) / 80, rel=1e-2)


def test_total_variation_of_a_disk_is_its_perimeter_and_that_of_a_grey_mask_nothing():
    y, x = np.mgrid[:128, :64] - np.array([64, 32])[:, None, None]  # a picture that is not square
    soft = 1 / (1 + np.exp(np.hypot(y, x) - 20.0))  # a soft edge is as long as a hard one
    assert float(mask_terms.total_variation(tf.constant(soft[None, None, ..., None], tf.float32))) == pytest.approx(
        2 * math.pi * 20 / math.sqrt(128 * 64), rel=0.03)
    grey = tf.Variable(tf.fill([1, 1, 8, 8, 1], 0.3))
    with tf.GradientTape() as tape:
        length = mask_terms.total_variation(grey)
    assert float(length) == 0.0
    assert np.abs(tape.gradient(length, grey)).max() == 0.0
