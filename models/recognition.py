"""The recognition networks of the second application's information term (S8): a carved instance to its latents.

Both average their features over the picture before a linear layer, so that estimates depend on what an instance looks
like and not on where in its picture it lies: the layout decides places (Eq. 4).
"""

from typing import Optional

import tensorflow as tf

from data import images as image_ranges
from models import layers
from models.discriminator import TABLE_2_WIDTHS, Discriminator

KINDS = ("shared", "separate", "none")


class RecognitionHead(tf.keras.layers.Layer):
    """Mean over the picture, then a linear layer: features to latents."""

    def __init__(self, latent_dim: int) -> None:
        """Makes the head for `latent_dim` latents, Z."""
        super().__init__(name="recognition_head", dtype="float32")
        self.linear = tf.keras.layers.Dense(latent_dim, dtype="float32", name="linear")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps features [B, h, w, C] to estimated latents, float32 [B, Z]."""
        return self.linear(tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2]))


class SharedRecognition(tf.Module):
    """A head on the discriminator's last 3x3 convolution, as in InfoGAN. Its own variables are the head's alone."""

    def __init__(self, discriminator: Discriminator, latent_dim: int) -> None:
        """Takes the discriminator, whose layers are used as they are (no state changes), and makes the head."""
        super().__init__()
        self.head = RecognitionHead(latent_dim)
        self._features = discriminator.features  # a bound method: tf.Module does not count what is behind it as its own

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Estimates latents [B, Z] of carved instances on black, float [B, H, W, 3] in [0, 1]."""
        return self.head(self._features(images, training=False))


class SeparateRecognition(tf.Module):
    """A network of its own, with the discriminator's shape (Table 2) but no spectral normalization."""

    def __init__(self, latent_dim: int) -> None:
        """Makes the network; all convolutions have stride 2 but the last."""
        super().__init__()
        strides = [2] * (len(TABLE_2_WIDTHS) - 1) + [1]
        self.convs = [tf.keras.layers.Conv2D(width, 3, strides=stride, padding="same", kernel_initializer="he_normal",
                                             name=f"recognition_conv{i}")
                      for i, (width, stride) in enumerate(zip(TABLE_2_WIDTHS, strides), start=1)]
        self.head = RecognitionHead(latent_dim)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Estimates latents [B, Z] of carved instances on black, float [B, H, W, 3] in [0, 1]."""
        x = image_ranges.to_network_range(images)
        for conv in self.convs:
            x = layers.leaky_relu(conv(x))
        return self.head(x)


def make_recognition(kind: str, *, discriminator: Discriminator, latent_dim: int) -> Optional[tf.Module]:
    """Makes the recognition network asked for (S8), and its variables.

    Args:
      kind: 'shared', 'separate' or 'none'.
      discriminator: built discriminator, whose layers 'shared' uses.
      latent_dim: Z.

    Returns:
      Callable: images [B, 64, 64, 3] in [0, 1] to [B, Z]; None for 'none'.

    Raises:
      ValueError: on an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind of recognition is {kind!r}, expected one of {', '.join(KINDS)}")
    if kind == "none":
        return None
    made = SharedRecognition(discriminator, latent_dim) if kind == "shared" else SeparateRecognition(latent_dim)
    made(tf.zeros([1, 64, 64, 3]))
    return made
