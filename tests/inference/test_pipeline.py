"""`inference.pipeline`: masks of any number of images in batches, and what is refused."""

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from data import folder, images as images_module
from errors import UserError
from inference import pipeline


def red_channel(images, training):
    """A network of one line: the mask is the red channel."""
    assert training is False
    return images[..., :1]


def random_images(num_images, size=8):
    return np.random.default_rng(num_images).integers(0, 256, (num_images, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_predicted_masks_are_those_of_each_image_whatever_the_batch_size(batch_size):
    images = random_images(7)
    masks = pipeline.predict_masks(red_channel, images, batch_size=batch_size)
    assert masks.dtype == np.float32
    np.testing.assert_allclose(masks, images[..., :1] / 255.0, atol=1e-6)


def test_crops_that_are_decoded_batch_by_batch_have_the_masks_of_an_array(monkeypatch, tmp_path):
    for index, pixels in enumerate(random_images(7)):
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    photographs = folder.list_photographs(str(tmp_path))
    decoded, load = [], images_module.load_crops
    monkeypatch.setattr(images_module, "load_crops", lambda part, **options: decoded.append(len(part)) or load(part, **options))
    crops = images_module.Crops(photographs, size=8, crop_mode="box")
    masks = pipeline.predict_masks(red_channel, crops, batch_size=3)
    assert decoded == [3, 3, 1]
    np.testing.assert_array_equal(masks, pipeline.predict_masks(red_channel, random_images(7), batch_size=3))


def test_an_incomplete_last_batch_does_not_retrace_a_tf_function():
    num_traces = 0

    @tf.function
    def network(images, training):
        nonlocal num_traces
        num_traces += 1
        return red_channel(images, training)

    assert pipeline.predict_masks(network, random_images(7), batch_size=3).shape == (7, 8, 8, 1)
    assert num_traces == 1


def test_a_keras_model_is_a_network():
    model = tf.keras.Sequential([tf.keras.layers.Conv2D(1, 1, activation="sigmoid", input_shape=(8, 8, 3))])
    masks = pipeline.predict_masks(model, random_images(2))
    assert masks.shape == (2, 8, 8, 1) and 0 <= masks.min() <= masks.max() <= 1


def test_prediction_refuses_no_images():
    with pytest.raises(UserError, match="no images"):
        pipeline.predict_masks(red_channel, np.zeros((0, 8, 8, 3), np.uint8))


def test_prediction_refuses_float_images_and_networks_that_return_images():
    with pytest.raises(ValueError, match=r"uint8 \[n, S, S, 3\], but are float32"):
        pipeline.predict_masks(red_channel, np.zeros((1, 8, 8, 3), np.float32))
    with pytest.raises(ValueError, match=r"\[2, 8, 8, 1\], but returned \[2, 8, 8, 3\]"):
        pipeline.predict_masks(lambda images, training: images, random_images(2))
