"""Sums of gradients in a fixed order."""

import tensorflow as tf


def fan_out(tensor: tf.Tensor, count: int) -> tuple[tf.Tensor, ...]:
    """Returns a tensor `count` times, for as many uses, so that its gradient is the same bits in every process.

    TensorFlow adds the gradients of a tensor's uses in the order in which their buffers happen to be free. With
    three or more uses this changes the last bits. Here they are added in the order of the uses.

    Args:
      tensor: floats of any shape.
      count: at least 1.
    """

    @tf.custom_gradient
    def copies(value: tf.Tensor) -> tuple:
        return tuple(tf.identity(value) for _ in range(count)), lambda *gradients: tf.reduce_sum(
            tf.stack(gradients), axis=0)

    return copies(tensor)
