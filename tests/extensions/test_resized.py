"""A segmentation network on pictures of another size than its own."""

import numpy as np
import tensorflow as tf

from extensions.resized import Resized


class Red(tf.Module):
    """Takes the red channel for the mask, and notes the sizes it was shown."""

    def __init__(self):
        super().__init__()
        self.factor, self.sizes = tf.Variable(1.0), []

    def __call__(self, images, training=False):
        self.sizes.append((images.shape[1], training))
        return self.factor * images[..., :1]


def ramp(size):
    """A picture whose red falls from left to right by its place, whatever its size: [1, size, size, 3]."""
    row = 1.0 - (np.arange(size) + 0.5) / size
    return tf.constant(np.tile(row[None, None, :, None], (1, size, 1, 3)), tf.float32)


def test_the_network_sees_its_own_size_and_masks_come_back_in_the_pictures():
    for size in (32, 128):
        network = Red()
        masks = Resized(network, size=64)(ramp(size), training=True)
        assert network.sizes == [(64, True)] and masks.shape == (1, size, size, 1)
        np.testing.assert_allclose(masks[:, :, 4:-4], ramp(size)[:, :, 4:-4, :1], atol=1e-4)


def test_stripes_too_fine_for_the_network_become_grey_rather_than_one_of_their_colours():
    stripes = tf.tile(tf.constant([1.0, 0.0])[None, None, :, None], [1, 128, 64, 3])
    masks = Resized(Red(), size=64)(stripes)
    np.testing.assert_allclose(masks[:, 8:-8, 8:-8], 0.5, atol=0.01)


def test_it_has_the_networks_variables():
    assert len(Resized(Red(), size=64).trainable_variables) == 1
