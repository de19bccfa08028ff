"""The recognition networks of the second application's information term (S8): an instance to its latents."""

import functools
import math
from typing import Callable, Optional, Sequence

import tensorflow as tf

from data import images as image_ranges
from models import layers
from models.composition import split_rgba
from models.discriminator import TABLE_2_WIDTHS, Discriminator

KINDS = ("shared", "separate", "none")
HEADS = ("pooled", "flattened")
INPUTS = ("black", "mean", "rgba")
HIDDEN_UNITS = 128  # of InfoGAN's recognition network

Carve = Callable[[tf.Tensor], tf.Tensor]
"""From instances, RGBA [B, H, W, 4] in [0, 1], to what a network sees of them, [B, H, W, C] in [0, 1]."""


def carve(instances: tf.Tensor, *, inputs: str = "black", means: Sequence[float] = (0.0, 0.0, 0.0)) -> tf.Tensor:
    """Carves instances for a recognition network.

    Args:
      instances: RGBA, float [B, H, W, 4] in [0, 1].
      inputs: what is around an instance: 'black', or 'mean', the colour `means`. 'rgba' is black with the mask as a fourth
        channel.
      means: of the training pictures' channels, in [0, 1]. A discriminator with standardized inputs sees them as 0.

    Returns:
      float [B, H, W, 3] in [0, 1], or [B, H, W, 4] with 'rgba'.

    Raises:
      ValueError: on unknown inputs.
    """
    if inputs not in INPUTS:
        raise ValueError(f"inputs are {inputs!r}, expected one of {', '.join(INPUTS)}")
    image, mask = split_rgba(instances)
    carved = image * mask
    if inputs == "mean":
        return carved + tf.constant(means, carved.dtype) * (1.0 - mask)
    return tf.concat([carved, mask], axis=-1) if inputs == "rgba" else carved


class RecognitionHead(tf.keras.layers.Layer):
    """Features to latents.

    The 'pooled' head is a linear layer on the mean over the picture, so that estimates do not depend on where in its
    picture something lies. The 'flattened' one keeps positions, as InfoGAN's does (Chen et al. 2016, appendix C.1): a
    layer of 128 on all features, lReLU, a linear layer.
    """

    def __init__(self, latent_dim: int, *, kind: str = "pooled") -> None:
        """Makes the head for `latent_dim` latents, Z; ValueError on an unknown kind."""
        super().__init__(name="recognition_head", dtype="float32")
        if kind not in HEADS:
            raise ValueError(f"kind of head is {kind!r}, expected one of {', '.join(HEADS)}")
        self.hidden = tf.keras.layers.Dense(HIDDEN_UNITS, dtype="float32", name="hidden") if kind == "flattened" else None
        self.linear = tf.keras.layers.Dense(latent_dim, dtype="float32", name="linear")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Maps features [B, h, w, C] to estimated latents, float32 [B, Z]."""
        features = tf.cast(features, tf.float32)
        if self.hidden is None:
            return self.linear(tf.reduce_mean(features, axis=[1, 2]))
        hidden = self.hidden(tf.reshape(features, [-1, math.prod(features.shape[1:])]))
        return self.linear(tf.nn.leaky_relu(hidden, layers.LEAKY_SLOPE))


class SharedRecognition(tf.Module):
    """A head on the discriminator's last 3x3 convolution, as in InfoGAN. Its own variables are the head's alone."""

    def __init__(self, discriminator: Discriminator, *, head: RecognitionHead, carving: Carve = carve) -> None:
        """Takes the discriminator, whose layers are used as they are (no state changes), the head, and how to carve."""
        super().__init__()
        self.head, self._carve = head, carving
        self._features = discriminator.features  # a bound method: tf.Module does not count what is behind it as its own

    def __call__(self, instances: tf.Tensor) -> tf.Tensor:
        """Estimates latents [B, Z] of instances, RGBA, float [B, H, W, 4] in [0, 1]."""
        return self.head(self._features(self._carve(instances), training=False))


class SeparateRecognition(tf.Module):
    """A network of its own, with the discriminator's shape (Table 2) but no spectral normalization."""

    def __init__(self, *, head: RecognitionHead, carving: Carve = carve) -> None:
        """Makes the network; all convolutions have stride 2 but the last."""
        super().__init__()
        strides = [2] * (len(TABLE_2_WIDTHS) - 1) + [1]
        self.convs = [tf.keras.layers.Conv2D(width, 3, strides=stride, padding="same", kernel_initializer="he_normal",
                                             name=f"recognition_conv{i}")
                      for i, (width, stride) in enumerate(zip(TABLE_2_WIDTHS, strides), start=1)]
        self.head, self._carve = head, carving

    def __call__(self, instances: tf.Tensor) -> tf.Tensor:
        """Estimates latents [B, Z] of instances, RGBA, float [B, H, W, 4] in [0, 1]."""
        x = image_ranges.to_network_range(self._carve(instances))
        for conv in self.convs:
            x = layers.leaky_relu(conv(x))
        return self.head(x)


def make_recognition(kind: str, *, discriminator: Discriminator, latent_dim: int, head: str = "pooled",
                     inputs: str = "black", means: Sequence[float] = (0.0, 0.0, 0.0)) -> Optional[tf.Module]:
    """Makes the recognition network asked for (S8), and its variables.

    Args:
      kind: 'shared', 'separate' or 'none'.
      discriminator: built discriminator, whose layers 'shared' uses.
      latent_dim: Z.
      head: kind of `RecognitionHead`.
      inputs: as for `carve`; 'rgba' is not for 'shared', as the discriminator takes three channels.
      means: as for `carve`.

    Returns:
      Callable: instances, RGBA [B, 64, 64, 4] in [0, 1], to [B, Z]; None for 'none'.

    Raises:
      ValueError: on an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind of recognition is {kind!r}, expected one of {', '.join(KINDS)}")
    if kind == "none":
        return None
    parts = {"head": RecognitionHead(latent_dim, kind=head),
             "carving": functools.partial(carve, inputs=inputs, means=means)}
    made = SharedRecognition(discriminator, **parts) if kind == "shared" else SeparateRecognition(**parts)
    made(tf.zeros([1, 64, 64, 4]))
    return made
