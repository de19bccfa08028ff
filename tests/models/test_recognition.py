"""The recognition networks: what they are made of, and that a shared one leaves the discriminator alone."""

import numpy as np
import pytest
import tensorflow as tf

from models import recognition
from models.discriminator import Discriminator

WIDTHS = (4, 8, 8, 8, 16)


def made(kind, *, latent_dim=5, recognition_options={}, **options):
    tf.keras.utils.set_random_seed(0)
    discriminator = Discriminator(widths=WIDTHS, **options)
    discriminator(tf.zeros([1, 64, 64, 3]))
    return recognition.make_recognition(kind, discriminator=discriminator, latent_dim=latent_dim,
                                        **recognition_options), discriminator


def instances(count=3):
    return tf.constant(np.random.default_rng(0).random((count, 64, 64, 4)), tf.float32)


def values(module):
    return [variable.numpy().copy() for variable in module.variables]


def test_the_head_is_a_linear_map_of_the_mean_over_the_picture():
    head = recognition.RecognitionHead(2)
    features = tf.constant([1.0, 2.0, 3.0, 6.0], shape=[1, 2, 2, 1])  # mean 3
    head(features)
    head.linear.kernel.assign([[2.0, -1.0]])
    head.linear.bias.assign([1.0, 0.5])
    np.testing.assert_allclose(head(features), [[7.0, -2.5]])


def test_a_flattened_head_tells_places_and_a_pooled_one_does_not():
    features = tf.constant(np.random.default_rng(0).random((1, 4, 4, 8)), tf.float32)
    moved = tf.roll(features, shift=[1, 2], axis=[1, 2])
    for kind, tells in (("pooled", False), ("flattened", True)):
        tf.keras.utils.set_random_seed(0)
        head = recognition.RecognitionHead(2, kind=kind)
        assert (np.abs(head(features) - head(moved)).max() > 1e-3) == tells
    assert tuple(head.hidden.kernel.shape) == (4 * 4 * 8, 128) and tuple(head.linear.kernel.shape) == (128, 2)
    hidden = tf.reshape(features, [1, 128]) @ head.hidden.kernel
    expected = tf.where(hidden > 0, hidden, 0.2 * hidden) @ head.linear.kernel
    np.testing.assert_allclose(head(features), expected, rtol=1e-4, atol=1e-5)


def test_instances_are_carved_on_black_or_a_colour_or_with_their_mask():
    rgba = instances(2)
    image, mask = rgba[..., :3].numpy(), rgba[..., 3:].numpy()
    np.testing.assert_array_equal(recognition.carve(rgba), image * mask)
    np.testing.assert_array_equal(recognition.carve(rgba, inputs="rgba"), np.concatenate([image * mask, mask], axis=-1))
    means = np.array([0.2, 0.5, 0.7], np.float32)
    np.testing.assert_allclose(recognition.carve(rgba, inputs="mean", means=means), image * mask + means * (1 - mask),
                               rtol=1e-5)
    with pytest.raises(ValueError, match="inputs are 'grey', expected one of black, mean, rgba"):
        recognition.carve(rgba, inputs="grey")


def test_standardized_inputs_are_0_around_an_instance_that_is_carved_on_the_mean():
    means = (0.2, 0.5, 0.7)
    recognizer, discriminator = made("shared", input_range="standardized", input_statistics=(means, (0.1, 0.1, 0.1)),
                                     recognition_options={"inputs": "mean", "means": means})
    unseen = tf.concat([tf.random.stateless_uniform([1, 64, 64, 3], [0, 1]), tf.zeros([1, 64, 64, 1])], axis=-1)
    seen = tf.broadcast_to(tf.constant(means), [1, 64, 64, 3])
    np.testing.assert_allclose(discriminator.features(recognizer._carve(unseen)), discriminator.features(seen), atol=1e-5)
    np.testing.assert_allclose(recognizer(unseen), recognizer.head.linear.bias[tf.newaxis], atol=1e-5)  # no bias either


@pytest.mark.parametrize("kind, inputs", [("shared", "black"), ("shared", "mean"), ("separate", "black"), ("separate", "rgba")])
@pytest.mark.parametrize("latent_dim, head", [(1, "pooled"), (5, "pooled"), (5, "flattened")])
def test_estimates_are_one_number_for_each_latent_of_each_picture(kind, inputs, latent_dim, head):
    recognizer, _ = made(kind, latent_dim=latent_dim, recognition_options={"inputs": inputs, "head": head})
    estimates = recognizer(instances())
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
    recognizer(instances())
    for old, variable in zip(before, discriminator.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy(), err_msg=variable.name)


def test_a_shared_recognition_stands_on_the_discriminators_last_3x3_convolution():
    recognizer, discriminator = made("shared")
    features = discriminator.features(recognition.carve(instances()), training=False)
    expected = tf.reduce_mean(features, axis=[1, 2]) @ recognizer.head.linear.kernel + recognizer.head.linear.bias
    np.testing.assert_allclose(recognizer(instances()), expected, rtol=1e-4, atol=1e-6)
    before = recognizer(instances()).numpy()
    discriminator.convs[-1].bias.assign_add(tf.ones([16]))
    assert np.abs(recognizer(instances()) - before).max() > 0.01


def test_a_separate_recognition_has_the_layers_of_table_2_for_itself():
    recognizer, discriminator = made("separate", latent_dim=6)
    kernels = [tuple(conv.kernel.shape) for conv in recognizer.convs]
    assert kernels == [(3, 3, 3, 64), (3, 3, 64, 128), (3, 3, 128, 256), (3, 3, 256, 512), (3, 3, 512, 1024)]
    assert [conv.strides[0] for conv in recognizer.convs] == [2, 2, 2, 2, 1]
    assert tuple(recognizer.head.linear.kernel.shape) == (1024, 6)
    assert len(recognizer.trainable_variables) == 12
    before = recognizer(instances()).numpy()
    for variable in discriminator.variables:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(recognizer(instances()), before)


@pytest.mark.parametrize("kind, inputs", [("shared", "black"), ("shared", "mean"), ("separate", "black"), ("separate", "rgba")])
@pytest.mark.parametrize("head", ["pooled", "flattened"])
def test_gradients_reach_appearances_masks_and_every_own_variable(kind, inputs, head):
    recognizer, _ = made(kind, recognition_options={"inputs": inputs, "head": head})
    images = instances()
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_mean(tf.square(recognizer(images) - 1.0))
    of_instances, *of_variables = tape.gradient(loss, [images, *recognizer.trainable_variables])
    for gradient in (of_instances[..., :3], of_instances[..., 3:], *of_variables):
        assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0


def test_no_recognition_is_none_and_an_unknown_one_is_refused():
    assert made("none")[0] is None
    with pytest.raises(ValueError, match="kind of recognition is 'both', expected one of shared, separate, none"):
        made("both")
    with pytest.raises(ValueError, match="kind of head is 'deep', expected one of pooled, flattened"):
        recognition.RecognitionHead(2, kind="deep")
