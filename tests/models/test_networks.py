"""UNet and discriminator against Tables 1 and 2."""

import numpy as np
import pytest
import tensorflow as tf

from models.discriminator import TABLE_2_WIDTHS, Discriminator
from models.unet import UNet

# Parameters of each layer by hand: k * k * C_in * C_out of the convolution, and gamma and beta of batch norm.
UNET_TABLE = {
    "conv1": 4 * 4 * 3 * 64 + 2 * 64,
    "conv2": 4 * 4 * 64 * 128 + 2 * 128,
    "conv3": 4 * 4 * 128 * 256 + 2 * 256,
    "conv4": 4 * 4 * 256 * 512 + 2 * 512,
    "conv5": 4 * 4 * 512 * 512 + 2 * 512,
    "conv6": 2 * 2 * 512 * 512 + 2 * 512,
    "deconv1": 2 * 2 * 512 * 512 + 2 * 512,
    "deconv2": 4 * 4 * (512 + 512) * 512 + 2 * 512,
    "deconv3": 4 * 4 * (512 + 512) * 256 + 2 * 256,
    "deconv4": 4 * 4 * (256 + 256) * 128 + 2 * 128,
    "deconv5": 4 * 4 * (128 + 128) * 64 + 2 * 64,
    "mask_logits": 4 * 4 * (64 + 64) * 1 + 1,
}


def discriminator_table(last):
    return {
        "conv1": 3 * 3 * 3 * 64 + 64, "conv2": 3 * 3 * 64 * 128 + 128, "conv3": 3 * 3 * 128 * 256 + 256,
        "conv4": 3 * 3 * 256 * 512 + 512, "conv5": 3 * 3 * 512 * last + last, "score": 1 * 1 * last * 1 + 1}


def trainable_parameters(layer):
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)


def test_each_layer_of_the_unet_has_the_parameters_of_table_1():
    network = UNet()
    network(tf.zeros([1, 128, 128, 3]))
    assert {layer.name: trainable_parameters(layer) for layer in network.layers} == UNET_TABLE


@pytest.mark.parametrize("options, size, last", [({}, 128, 256), ({"widths": TABLE_2_WIDTHS}, 64, 1024)])
@pytest.mark.parametrize("normalization", ["sngan", "tfa", "none"])
def test_each_layer_of_the_discriminator_has_the_parameters_of_its_table(options, size, last, normalization):
    network = Discriminator(spectral_norm=normalization, **options)
    scores = network(tf.zeros([2, size, size, 3]), training=False)
    assert scores.shape == (2, size // 16, size // 16, 1)
    counts = {layer.name.removesuffix("_sn"): trainable_parameters(layer) for layer in network.layers}
    assert counts == discriminator_table(last)


def test_unet_makes_masks_in_the_unit_range():
    masks = UNet(width=1 / 16)(tf.random.uniform([2, 128, 64, 3]), training=True)
    assert masks.shape == (2, 128, 64, 1) and masks.dtype == tf.float32
    assert 0.0 <= float(tf.reduce_min(masks)) < float(tf.reduce_max(masks)) <= 1.0


def test_initial_mask_sets_where_untrained_masks_lie():
    masks = UNet(width=1 / 16, initial_mask=0.92)(tf.random.uniform([4, 64, 64, 3]), training=True)
    assert float(tf.reduce_mean(masks)) == pytest.approx(0.9, abs=0.06)


def test_every_parameter_of_the_unet_gets_a_gradient():
    network, images = UNet(width=1 / 16), tf.random.uniform([4, 64, 64, 3])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(images, training=True) - images[..., :1]))
    for variable, gradient in zip(network.trainable_variables, tape.gradient(loss, network.trainable_variables)):
        assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0, variable.name


def test_a_skip_connection_joins_each_decoder_level_to_its_encoder_level():
    """Without the deepest levels' contribution, fine detail still reaches the mask: silence conv6's block."""
    network, images = UNet(width=1 / 16), tf.random.uniform([1, 64, 64, 3])
    network(images)
    network.encoder[-1].norm.gamma.assign(tf.zeros_like(network.encoder[-1].norm.gamma))
    first, second = network(images), network(tf.reverse(images, axis=[2]))
    assert float(tf.reduce_max(tf.abs(first - second))) > 1e-4


def test_score_activation_is_taken_at_its_word_or_left_out():
    images = tf.random.uniform([4, 128, 128, 3])
    scores = {}
    for activation in ("lrelu", "linear"):
        tf.keras.utils.set_random_seed(3)
        network = Discriminator(score_activation=activation, widths=(8, 8, 8, 8, 8))
        network(images)
        network.score.bias.assign([-1.0])
        scores[activation] = network(images).numpy()
    assert scores["linear"].max() < 0
    np.testing.assert_allclose(scores["lrelu"], 0.2 * scores["linear"], rtol=1e-5)


def test_inputs_are_brought_to_the_asked_range():
    grey = tf.fill([1, 64, 64, 3], 0.5)  # 0 in [-1, 1]: only the biases, which start at zero, remain
    assert float(tf.reduce_max(tf.abs(Discriminator(widths=(8, 8, 8, 8, 8))(grey)))) == 0.0
    assert float(tf.reduce_max(tf.abs(Discriminator(widths=(8, 8, 8, 8, 8), input_range="unit")(grey)))) > 0.0


def test_wrong_options_and_sizes_are_refused():
    with pytest.raises(ValueError, match="images are 100x128 pixels, expected multiples of 64"):
        UNet(width=1 / 16)(tf.zeros([1, 100, 128, 3]))
    with pytest.raises(ValueError, match="width 0.001 leaves a layer without channels"):
        UNet(width=0.001)
    with pytest.raises(ValueError, match="initial_mask is 1.0"):
        UNet(initial_mask=1.0)
    with pytest.raises(ValueError, match="score_activation is 'tanh'"):
        Discriminator(score_activation="tanh")
    with pytest.raises(ValueError, match="input_range is 'bytes'"):
        Discriminator(input_range="bytes")
