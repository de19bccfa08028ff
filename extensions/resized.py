"""A segmentation network on pictures of another size than its own."""

from typing import Callable

import tensorflow as tf


class Resized(tf.Module):
    """Resizes pictures to the size that a network was trained on, and its masks back to the pictures' size (S20).

    A network trained on crops of 64 pixels has learnt how large objects are there; at 128 it would look for parts of
    half the size. It is called as its network is, and has all its variables.
    """

    def __init__(self, network: Callable[..., tf.Tensor], *, size: int) -> None:
        """Takes a built network, images [B, s, s, 3] in [0, 1] to soft masks [B, s, s, 1], with its crops' `size` s."""
        super().__init__()
        self.network, self.size = network, size

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns soft masks [B, S, S, 1] of float images [B, S, S, 3] in [0, 1]: bilinear, antialiased downwards."""
        resized = tf.image.resize(images, [self.size, self.size], antialias=True)
        return tf.image.resize(self.network(resized, training=training), images.shape[1:3], antialias=True)
