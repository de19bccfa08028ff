"""Instances and the composition module (Eq. 5)."""

from typing import NamedTuple

import tensorflow as tf


class Instance(NamedTuple):
    """An RGBA picture of one thing: what providers make, the layout warps and the composition blends.

    Attributes:
      image: appearance `I`, float [..., H, W, 3] in [0, 1].
      mask: soft mask `m`, float [..., H, W, 1] in [0, 1].
    """

    image: tf.Tensor
    mask: tf.Tensor


def stack_layers(instances):
    """Stacks instances of shape [B, H, W, C], bottom to top, to one of shape [N, B, H, W, C]."""
    return Instance(image=tf.stack([instance.image for instance in instances]),
                    mask=tf.stack([instance.mask for instance in instances]))


def composite(layers):
    """Blends layers bottom to top. Defines Eq. (5): `x_i = I_i * m_i + x_{i-1} * (1 - m_i)`, x_0 black.

    Args:
      layers: `Instance` of N layers, image [N, B, H, W, 3] and mask [N, B, H, W, 1] in [0, 1], warped, bottom first;
        N is static and at least 1. A background is a layer whose mask is one.

    Returns:
      `x_N`, float [B, H, W, 3] in [0, 1].

    Raises:
      ValueError: if image and mask do not have the same layers, images and pixels.
    """
    if layers.image.shape[:-1] != layers.mask.shape[:-1]:
        raise ValueError(f"images {layers.image.shape} and masks {layers.mask.shape} differ in more than channels")
    x = tf.zeros_like(layers.image[0])
    for image, mask in zip(tf.unstack(layers.image), tf.unstack(layers.mask)):
        x = image * mask + x * (1.0 - mask)
    return x
