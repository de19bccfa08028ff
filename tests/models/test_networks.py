"""UNet, discriminator and instance generator against Tables 1 and 2."""

import numpy as np
import pytest
import tensorflow as tf

from data import images as image_ranges
from models import layers
from models.discriminator import Discriminator, TABLE_2_WIDTHS
from models.instance_generator import InstanceGenerator
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

INSTANCE_GENERATOR_TABLE = {  # for a z of 6
    "conv1": 1 * 1 * 6 * (8 * 8 * 256) + 2 * (8 * 8 * 256),
    "conv2": 4 * 4 * 256 * 256 + 2 * 256,
    "conv3": 4 * 4 * 256 * 256 + 2 * 256,
    "deconv1": 4 * 4 * 256 * 128 + 2 * 128,
    "deconv2": 4 * 4 * 128 * 64 + 2 * 64,
    "rgba_logits": 4 * 4 * 64 * 4 + 4,
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


def test_standardized_inputs_have_a_mean_of_0_and_a_deviation_of_1():
    pictures = np.random.default_rng(0).integers(100, 140, [2, 64, 64, 3], np.uint8)
    pictures[..., 2] //= 4
    statistics = image_ranges.channel_statistics(pictures)
    standardized, symmetric = (Discriminator(widths=(8, 8, 8, 8, 8), **options) for options in
                               ({"input_range": "standardized", "input_statistics": statistics}, {}))
    images = pictures.astype(np.float32) / 255.0
    expected = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    standardized(images)
    symmetric(images)
    symmetric.set_weights(standardized.get_weights())
    np.testing.assert_allclose(standardized(images), symmetric((expected + 1.0) / 2.0), rtol=2e-3, atol=2e-4)
    with pytest.raises(ValueError, match="needs input_statistics"):
        Discriminator(input_range="standardized")


def test_the_scale_of_inputs_is_that_of_scores_while_biases_are_zero():
    images = tf.random.stateless_uniform([2, 64, 64, 3], [0, 1])
    plain, scaled = (Discriminator(widths=(8, 8, 8, 8, 8), input_scale=scale, score_activation="linear")
                     for scale in (1.0, 8.0))
    plain(images)
    scaled(images)
    scaled.set_weights(plain.get_weights())
    np.testing.assert_allclose(scaled(images), 8.0 * plain(images), rtol=1e-4, atol=1e-5)


def test_half_precision_begins_after_the_inputs_are_in_their_range():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network = Discriminator(widths=(8, 8, 8, 8, 8), input_range="standardized",
                                input_statistics=([0.8] * 3, [0.001] * 3))
        levels = tf.reshape(tf.constant([0.800, 0.801, 0.802, 0.803]), [4, 1, 1, 1])  # all alike in bfloat16
        scores = network(tf.tile(levels, [1, 64, 64, 3])).numpy()[:, 0, 0, 0]
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert scores.dtype == np.float32 and len(set(scores)) == 4


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


def latents(num_instances=4, latent_dim=6):
    return tf.constant(np.random.default_rng(0).uniform(-1.0, 1.0, (num_instances, latent_dim)), tf.float32)


def test_each_layer_of_the_instance_generator_has_the_parameters_of_table_2():
    network = InstanceGenerator()
    assert network(latents()).shape == (4, 64, 64, 4)
    assert {layer.name: trainable_parameters(layer) for layer in network.layers} == INSTANCE_GENERATOR_TABLE


def test_the_instance_generator_makes_instances_in_the_unit_range_that_differ_with_their_latents():
    rgba = InstanceGenerator(width=1 / 32)(latents(), training=True)
    assert rgba.shape == (4, 64, 64, 4) and rgba.dtype == tf.float32
    assert 0.0 <= float(tf.reduce_min(rgba)) < float(tf.reduce_max(rgba)) <= 1.0
    assert float(tf.reduce_max(tf.abs(rgba[0] - rgba[1]))) > 0.01
    pixels = tf.math.reduce_std(rgba, axis=[1, 2])
    assert float(tf.reduce_min(pixels)) > 0.001  # every channel of every instance is a picture, not a flat colour


def test_initial_mask_sets_the_instance_generators_mask_and_not_its_appearance():
    half, most = (InstanceGenerator(width=1 / 32, initial_mask=value) for value in (0.5, 0.9))
    half(latents()), most(latents())
    for variable, other in zip(half.variables, most.variables, strict=True):
        if not other.name.endswith("rgba_logits/bias:0"):
            other.assign(variable)
    half, most = (network(latents()).numpy() for network in (half, most))
    np.testing.assert_array_equal(half[..., :3], most[..., :3])
    logits = [np.log(rgba[..., 3] / (1.0 - rgba[..., 3])) for rgba in (half, most)]
    np.testing.assert_allclose(logits[1] - logits[0], np.log(0.9 / 0.1), rtol=1e-3)
    assert np.median(half[..., 3]) == pytest.approx(0.5, abs=0.05)


def test_masks_that_start_as_disks_have_their_area_in_the_middle_and_the_same_parameters():
    plain, disk = InstanceGenerator(width=1 / 32), InstanceGenerator(width=1 / 32, disk_area=0.2)
    plain(latents()), disk(latents())
    for variable, other in zip(plain.variables, disk.variables, strict=True):
        other.assign(variable)
    plain, disk = (network(latents()).numpy() for network in (plain, disk))
    np.testing.assert_array_equal(plain[..., :3], disk[..., :3])
    masks = disk[..., 3]
    assert masks.mean() == pytest.approx(0.2, abs=0.03)
    assert masks[:, 32, 32].min() > 0.8 and masks[:, [0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.05
    radius = 64 * np.sqrt(0.2 / np.pi)
    edge = round(32 + radius - 0.5)
    assert masks[:, 32, edge] == pytest.approx(np.full(4, 0.5), abs=0.2)
    with pytest.raises(ValueError, match="disk_area is 1.0"):
        InstanceGenerator(disk_area=1.0)


def test_masks_that_start_as_long_disks_are_wider_than_high_and_have_the_same_area():
    long, disk = (InstanceGenerator(width=1 / 32, disk_area=0.2, disk_elongation=ratio) for ratio in (2.0, None))
    long(latents()), disk(latents())
    for variable, other in zip(long.variables, disk.variables, strict=True):
        other.assign(variable)
    masks, round_masks = (network(latents()).numpy()[..., 3] for network in (long, disk))
    assert masks.mean() == pytest.approx(round_masks.mean(), rel=0.05)
    width, height = masks.max(axis=1) > 0.5, masks.max(axis=2) > 0.5
    np.testing.assert_allclose(width.sum(axis=1) / height.sum(axis=1), 2.0, atol=0.3)
    with pytest.raises(ValueError, match="disk_elongation is 0.5"):
        InstanceGenerator(disk_area=0.2, disk_elongation=0.5)
    with pytest.raises(ValueError, match="disk_elongation is 2.0, expected at least 1, and a disk_area"):
        InstanceGenerator(disk_elongation=2.0)


def test_the_larger_its_logit_the_sharper_is_the_edge_of_the_disk_that_masks_start_as():
    soft, sharp = (InstanceGenerator(width=1 / 32, disk_area=0.2, disk_logit=logit) for logit in (None, 8.0))
    soft(latents()), sharp(latents())
    for variable, other in zip(soft.variables, sharp.variables, strict=True):
        other.assign(variable)
    masks, sharp_masks = (network(latents()).numpy()[..., 3] for network in (soft, sharp))
    undecided, sharp_undecided = (np.mean((values > 0.1) & (values < 0.9)) for values in (masks, sharp_masks))
    assert 0.05 < sharp_undecided < 0.5 * undecided
    assert (sharp_masks > 0.5).mean() == pytest.approx((masks > 0.5).mean(), rel=0.1)  # the area stays
    assert sharp_masks.min() > 0.0005  # far outside it can still grow
    with pytest.raises(ValueError, match="disk_logit is 8.0, expected a value above 0, and a disk_area"):
        InstanceGenerator(disk_logit=8.0)


def test_initial_values_are_those_of_the_initialiser():
    expected = tf.keras.initializers.Orthogonal(seed=3)((3, 3, 4, 8))
    drawn = layers.OnProcessor(tf.keras.initializers.Orthogonal(seed=3))((3, 3, 4, 8), dtype=tf.float32)
    np.testing.assert_array_equal(drawn, expected)
    assert drawn.device.endswith("CPU:0")


def test_every_parameter_of_the_instance_generator_gets_a_gradient():
    network = InstanceGenerator(width=1 / 32)
    network(latents())
    target = tf.random.uniform([4, 64, 64, 4])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(latents(), training=True) - target))
    for variable, gradient in zip(network.trainable_variables, tape.gradient(loss, network.trainable_variables)):
        assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0, variable.name


def test_wrong_options_of_the_instance_generator_are_refused():
    assert InstanceGenerator(width=1 / 64)(latents()).shape == (4, 64, 64, 4)
    with pytest.raises(ValueError, match="width 0.0078125 leaves a layer without channels, expected at least 1/64"):
        InstanceGenerator(width=1 / 128)
    with pytest.raises(ValueError, match="initial_mask is 0.0, expected a value strictly between 0 and 1"):
        InstanceGenerator(initial_mask=0.0)
