"""A segmentation network on pictures of another size than its own."""

import tensorflow as tf


class Resized(tf.Module):
    """Shows a network pictures at the size it was trained on, and gives masks at the size they came in (S20).

    A network taught on crops of 64 pixels has learnt how large things are there; at 128 it would look for parts of half
    the size. It is called as its network is, and has all its variables.
    """

    def __init__(self, network, *, size, name="resized"):
        """Takes the network.

        Args:
          network: built network, images [B, s, s, 3] in [0, 1] to soft masks [B, s, s, 1].
          size: s, side in pixels of the crops that it was trained on.
          name: module name.
        """
        super().__init__(name=name)
        self.network, self.size = network, size

    def __call__(self, images, training=False):
        """Returns soft masks [B, S, S, 1] of float images [B, S, S, 3] in [0, 1]: bilinear, antialiased on the way down."""
        resized = tf.image.resize(images, [self.size, self.size], antialias=True)
        return tf.image.resize(self.network(resized, training=training), images.shape[1:3], antialias=True)
