"""Terms on the masks that Eq. 7 does not have: binary masks (S18), little total variation (S23)."""

import tensorflow as tf


def binarization(masks: tf.Tensor) -> tf.Tensor:
    """Returns the mean of `min(m, 1 - m)` over all pixels: 0 for masks of zeros and ones, 0.5 for uniform halves (S18).

    Source: Bielski & Favaro 2019, *Emergence of Object Segmentation in Perturbed Generative Models*.

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar in [0, 0.5].
    """
    return tf.reduce_mean(tf.minimum(masks, 1.0 - masks))


def total_variation(masks: tf.Tensor) -> tf.Tensor:
    """Returns the mean over masks of their total variation: of a binary mask, the length of its boundary (S23).

    Isotropic (Rudin et al. 1992): the sum of `|grad m|` of forward differences, smoothed below 1e-3 so that it can be
    differentiated where a mask is uniform. Unlike `tf.image.total_variation`, which adds up both directions' changes,
    it does not prefer boundaries along rows and columns.

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar at least 0, in sides of the picture (`sqrt(H * W)` pixels): about `2 sqrt(pi a)` for a disk of area a. The
      picture's own border has no length.
    """
    height, width, smoothing = masks.shape[-3], masks.shape[-2], 1e-3
    down, right = [[-1.0, 0.0], [1.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0]]
    # One convolution, so that gradients add up in one order.
    kernel = tf.transpose(tf.constant([[down, right]]), [2, 3, 0, 1])
    changes = tf.nn.conv2d(tf.reshape(masks, [-1, height, width, 1]), kernel, strides=1, padding="VALID")
    length = tf.sqrt(tf.reduce_sum(tf.square(changes), axis=-1) + smoothing**2) - smoothing
    return tf.reduce_mean(tf.reduce_sum(length, axis=[1, 2])) / (height * width) ** 0.5
