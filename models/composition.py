"""Instances and the composition module (Eq. 5)."""

from typing import NamedTuple, Sequence, Union

import numpy as np
import tensorflow as tf

Pixels = Union[tf.Tensor, np.ndarray, float]


class Instance(NamedTuple):
    """An RGBA picture of one thing: what providers make, the layout warps and the composition blends.

    Attributes:
      image: appearance `I`, float [..., H, W, 3] in [0, 1].
      mask: soft mask `m`, float [..., H, W, 1] in [0, 1].
    """

    image: tf.Tensor
    mask: tf.Tensor


def stack_layers(instances: Sequence[Instance]) -> Instance:
    """Stacks instances of shape [B, H, W, C], bottom to top, to one of shape [N, B, H, W, C]."""
    return Instance(*map(tf.stack, zip(*instances)))


def split_rgba(rgba: tf.Tensor) -> Instance:
    """Splits [..., H, W, 4] into an `Instance`."""
    return Instance(*tf.split(rgba, [3, 1], axis=-1))  # whose gradient is one concatenation


def composite(layers: Instance) -> tf.Tensor:
    """Blends layers bottom to top. Defines Eq. (5): `x_i = I_i * m_i + x_{i-1} * (1 - m_i)`, x_0 black.

    Args:
      layers: N warped layers, bottom first, [N, B, H, W, C]; N is static and at least 1. A background is a layer whose
        mask is one.

    Returns:
      `x_N`, float [B, H, W, 3] in [0, 1].

    Raises:
      ValueError: if image and mask do not have the same layers, images and pixels.
    """
    if layers.image.shape[:-1] != layers.mask.shape[:-1]:
        raise ValueError(f"images {layers.image.shape} and masks {layers.mask.shape} differ in more than channels")
    x = tf.zeros_like(layers.image[0])
    for image, mask in zip(tf.unstack(layers.image), tf.unstack(layers.mask)):
        x = over(image, mask, x)
    return x


def over(image: Pixels, mask: Pixels, ground: Pixels) -> Pixels:
    """Lays one layer on what is below it, one step of Eq. (5): `image * mask + ground * (1 - mask)`."""
    return image * mask + ground * (1.0 - mask)
