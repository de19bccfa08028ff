"""Spectral normalization (Miyato et al. 2018; S3) and convolution blocks."""

import numpy as np
import pytest
import tensorflow as tf

from models import layers


def made(kind="sngan", *, filters=6, kernel_size=3, channels=4, **options):
    layer = layers.discriminator_conv(filters, kernel_size, spectral_norm=kind, kernel_initializer="he_normal",
                                      **options)
    layer(tf.zeros([1, 8, 8, channels]), training=False)
    return layer


def largest_singular_value(kernel):
    return np.linalg.svd(np.reshape(kernel, [-1, kernel.shape[-1]]), compute_uv=False)[0]


def test_largest_singular_value_of_the_effective_kernel_is_near_one_after_some_updates():
    tf.keras.utils.set_random_seed(0)
    layer = made(filters=32, channels=16)
    before = largest_singular_value(layer.effective_kernel())
    for _ in range(100):
        layer(tf.zeros([1, 8, 8, 16]), training=True)
    assert before > 1.02  # the random start underestimates sigma
    assert largest_singular_value(layer.effective_kernel()) == pytest.approx(1.0, abs=0.01)
    assert largest_singular_value(layer.kernel) > 1.5


def test_scale_multiplies_the_normalised_kernel():
    tf.keras.utils.set_random_seed(1)
    layer = made(scale=1.5)
    for _ in range(30):
        layer(tf.zeros([1, 8, 8, 4]), training=True)
    assert largest_singular_value(layer.effective_kernel()) == pytest.approx(1.5, abs=0.02)


def test_tensorflow_addons_kernel_has_largest_singular_value_near_one_too():
    tf.keras.utils.set_random_seed(0)
    layer = made("tfa", filters=32, channels=16)
    for _ in range(30):
        layer(tf.zeros([1, 8, 8, 16]), training=True)
    assert largest_singular_value(layer.layer.kernel) == pytest.approx(1.0, abs=0.02)


def test_gradient_through_sigma_agrees_with_a_finite_difference():
    tf.keras.utils.set_random_seed(2)
    layer = made(filters=3, kernel_size=2, channels=2)
    for _ in range(200):  # converged, so that u and v are the singular vectors, of which sigma's gradient is made
        layer.effective_kernel(update_u=True)
    inputs, weights = tf.random.normal([2, 4, 4, 2]), tf.random.normal([2, 4, 4, 3])

    def objective():
        return tf.reduce_sum(weights * layer(inputs, training=False))

    with tf.GradientTape() as tape:
        value = objective()
    gradient = tape.gradient(value, layer.kernel).numpy()
    start, step = layer.kernel.numpy(), 1e-2
    for place in [(0, 0, 0, 0), (1, 0, 1, 2), (0, 1, 1, 1)]:
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            layer.kernel.assign(moved)
            values.append(float(objective()))
        layer.kernel.assign(start)
        assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * step), rel=0.05, abs=0.02)
    # The output does not change with the kernel's scale, so the gradient is orthogonal to the kernel.
    assert np.sum(gradient * start) == pytest.approx(0.0, abs=1e-3 * np.linalg.norm(gradient) * np.linalg.norm(start))


def test_only_training_calls_store_the_power_iteration():
    layer = made()
    before = layer.u.numpy()
    layer(tf.ones([1, 8, 8, 4]), training=False)
    np.testing.assert_array_equal(layer.u.numpy(), before)
    layer(tf.ones([1, 8, 8, 4]), training=True)
    assert np.abs(layer.u.numpy() - before).max() > 0


def test_without_normalization_it_is_a_plain_convolution():
    layer, inputs = made("none"), tf.random.normal([1, 8, 8, 4])
    np.testing.assert_allclose(layer(inputs), tf.nn.conv2d(inputs, layer.kernel, 1, "SAME"), atol=1e-5)


def test_unknown_normalization_and_a_scale_that_cannot_apply_are_refused():
    with pytest.raises(ValueError, match="spectral_norm is 'sn', expected one of sngan, tfa, none"):
        layers.discriminator_conv(4, 3, spectral_norm="sn")
    with pytest.raises(ValueError, match="scale of 2.0 needs spectral_norm='sngan'"):
        layers.discriminator_conv(4, 3, spectral_norm="tfa", scale=2.0)


def test_blocks_halve_and_double_the_picture_without_a_bias():
    inputs = tf.random.normal([2, 8, 8, 3])
    down, up = layers.ConvBlock(5, 4, strides=2), layers.DeconvBlock(5, 4, strides=2)
    assert down(inputs, training=True).shape == (2, 4, 4, 5)
    assert up(inputs, training=True).shape == (2, 16, 16, 5)
    assert down.conv.bias is None and up.conv.bias is None


def test_block_normalises_before_its_leaky_relu():
    block = layers.ConvBlock(7, 3)
    outputs = block(tf.random.normal([8, 8, 8, 3], mean=5.0), training=True).numpy()
    undone = np.where(outputs < 0, outputs / layers.LEAKY_SLOPE, outputs)
    np.testing.assert_allclose(undone.mean(axis=(0, 1, 2)), 0.0, atol=1e-3)
