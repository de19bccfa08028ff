"""Terms on the masks that Eq. 7 does not have: decided masks (S18), short outlines (S23)."""

import tensorflow as tf


def indecision(masks):
    """Returns the mean of `min(m, 1 - m)` over all pixels: 0 for masks of zeros and ones, 0.5 for uniform halves (S18).

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar in [0, 0.5].
    """
    return tf.reduce_mean(tf.minimum(masks, 1.0 - masks))


def total_variation(masks):
    """Returns the mean over masks of their total variation, the length of their outlines (S23).

    Isotropic (Rudin et al. 1992): the sum of `|grad m|` of forward differences, smoothed below 1e-3 so that it can be
    differentiated where a mask is uniform. Unlike `tf.image.total_variation`, which adds up both directions' changes, it
    does not prefer outlines along rows and columns.

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar at least 0, in sides of the picture (`sqrt(H * W)` pixels): about `2 sqrt(pi a)` for a disk of area a; an
      outline that is the picture's own border has no length.
    """
    height, width, smoothing = masks.shape[-3], masks.shape[-2], 1e-3
    down, right = [[-1.0, 0.0], [1.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0]]
    kernel = tf.transpose(tf.constant([[down, right]]), [2, 3, 0, 1])  # one convolution, so that gradients add up one way
    changes = tf.nn.conv2d(tf.reshape(masks, [-1, height, width, 1]), kernel, strides=1, padding="VALID")
    length = tf.sqrt(tf.reduce_sum(tf.square(changes), axis=-1) + smoothing**2) - smoothing
    return tf.reduce_mean(tf.reduce_sum(length, axis=[1, 2])) / (height * width) ** 0.5
