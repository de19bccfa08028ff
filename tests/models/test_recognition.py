"""The recognition networks: what they are made of, and that a shared one leaves the discriminator alone."""

import numpy as np
import pytest
import tensorflow as tf

from models import recognition
from models.discriminator import Discriminator

WIDTHS = (4, 8, 8, 8, 16)


def made(kind, *, latent_dim=5, widths=WIDTHS, **options):
    tf.keras.utils.set_random_seed(0)
    discriminator = Discriminator(widths=widths, **options)
    discriminator(tf.zeros([1, 64, 64, 3]))
    return recognition.make_recognition(kind, discriminator=discriminator, latent_dim=latent_dim), discriminator


def pictures(count=3):
    return tf.constant(np.random.default_rng(0).random((count, 64, 64, 3)), tf.float32)


def values(module):
    return [variable.numpy().copy() for variable in module.variables]


def test_the_head_is_a_linear_map_of_the_mean_over_the_picture():
    head = recognition.RecognitionHead(2)
    features = tf.constant([1.0, 2.0, 3.0, 6.0], shape=[1, 2, 2, 1])  # mean 3
    head(features)
    head.linear.kernel.assign([[2.0, -1.0]])
    head.linear.bias.assign([1.0, 0.5])
    np.testing.assert_allclose(head(features), [[7.0, -2.5]])


@pytest.mark.parametrize("kind", ["shared", "separate"])
@pytest.mark.parametrize("latent_dim", [1, 5])
def test_estimates_are_one_number_for_each_latent_of_each_picture(kind, latent_dim):
    recognizer, _ = made(kind, latent_dim=latent_dim)
    estimates = recognizer(pictures())
    assert estimates.shape == (3, latent_dim) and estimates.dtype == tf.float32
    assert float(tf.reduce_max(tf.abs(estimates[0] - estimates[1]))) > 0


@pytest.mark.parametrize("normalization", ["sngan", "tfa", "none"])
def test_a_shared_recognitions_own_variables_are_its_heads_alone(normalization):
    recognizer, discriminator = made("shared", spectral_norm=normalization)
    head = {variable.ref() for variable in recognizer.head.variables}
    assert {variable.ref() for variable in recognizer.variables} == head
    assert {variable.ref() for variable in recognizer.trainable_variables} == head
    assert not head & {variable.ref() for variable in discriminator.variables}
    assert sorted(tuple(variable.shape) for variable in recognizer.trainable_variables) == [(5,), (16, 5)]


@pytest.mark.parametrize("normalization", ["sngan", "tfa", "none"])
def test_a_shared_call_leaves_the_discriminators_state_as_it_is(normalization):
    recognizer, discriminator = made("shared", spectral_norm=normalization)
    before = values(discriminator)
    recognizer(pictures())
    for old, variable in zip(before, discriminator.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy(), err_msg=variable.name)


def test_a_shared_recognition_stands_on_the_discriminators_last_3x3_convolution():
    recognizer, discriminator = made("shared")
    features = discriminator.features(pictures(), training=False)
    expected = tf.reduce_mean(features, axis=[1, 2]) @ recognizer.head.linear.kernel + recognizer.head.linear.bias
    np.testing.assert_allclose(recognizer(pictures()), expected, rtol=1e-4, atol=1e-6)
    before = recognizer(pictures()).numpy()
    discriminator.convs[-1].bias.assign_add(tf.ones([16]))
    assert np.abs(recognizer(pictures()) - before).max() > 0.01


def test_a_separate_recognition_has_the_layers_of_table_2_for_itself():
    recognizer, discriminator = made("separate", latent_dim=6)
    kernels = [tuple(conv.kernel.shape) for conv in recognizer.convs]
    assert kernels == [(3, 3, 3, 64), (3, 3, 64, 128), (3, 3, 128, 256), (3, 3, 256, 512), (3, 3, 512, 1024)]
    assert [conv.strides[0] for conv in recognizer.convs] == [2, 2, 2, 2, 1]
    assert tuple(recognizer.head.linear.kernel.shape) == (1024, 6)
    assert len(recognizer.trainable_variables) == 12
    before = recognizer(pictures()).numpy()
    for variable in discriminator.variables:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(recognizer(pictures()), before)


@pytest.mark.parametrize("kind", ["shared", "separate"])
def test_gradients_reach_the_pictures_and_every_own_variable(kind):
    recognizer, _ = made(kind)
    images = pictures()
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_mean(tf.square(recognizer(images) - 1.0))
    for gradient in tape.gradient(loss, [images, *recognizer.trainable_variables]):
        assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0


def test_no_recognition_is_none_and_an_unknown_one_is_refused():
    assert made("none")[0] is None
    with pytest.raises(ValueError, match="kind of recognition is 'both', expected one of shared, separate, none"):
        made("both")
