"""Tests of sums of gradients."""

import numpy as np
import tensorflow as tf

from models import gradients


def test_copies_are_the_tensor_and_their_gradients_add_up_used_or_not():
    value = tf.Variable([1.0, -2.0])
    with tf.GradientTape() as tape:
        one, two, three, unused = gradients.fan_out(value, 4)
        loss = tf.reduce_sum(3.0 * one + tf.square(two) + two * three)
    del unused
    np.testing.assert_array_equal(one, value)
    np.testing.assert_allclose(tape.gradient(loss, value), 3.0 + 2.0 * value + 2.0 * value)
