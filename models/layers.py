"""Layers of Tables 1 and 2: spectrally normalised convolution, and convolution blocks with batch normalization.

This is the only module that imports tensorflow_addons (and only where its spectral normalization is asked for).
"""

import math
from typing import Any, Optional, Sequence, Union

import tensorflow as tf

from models import fast_convolution

LEAKY_SLOPE = 0.2  # S7: the paper says 'lReLU' without a slope; 0.2 is DCGAN's and SN-GAN implementations' usual one.
SPECTRAL_NORMS = ("sngan", "tfa", "none")
Initializer = Union[str, tf.keras.initializers.Initializer]


def leaky_relu(inputs: tf.Tensor) -> tf.Tensor:
    """The tables' lReLU: inputs, and `LEAKY_SLOPE` times those below zero (S7)."""
    return fast_convolution.leaky_relu(inputs, LEAKY_SLOPE)


def initial_mask_logit(initial_mask: float) -> float:
    """Returns the bias for untrained masks around a value in (0, 1) (S12); ValueError outside."""
    if not 0.0 < initial_mask < 1.0:
        raise ValueError(f"initial_mask is {initial_mask}, expected a value strictly between 0 and 1")
    return math.log(initial_mask / (1.0 - initial_mask))


class OnProcessor(tf.keras.initializers.Initializer):
    """Draws initial values on the processor, so that they are the same with and without a GPU.

    Orthogonal kernels are drawn by a QR decomposition, whose rounding (and on a GPU whose library) would differ.
    """

    def __init__(self, initializer: Initializer) -> None:
        """Takes a Keras initialiser, or the name of one."""
        self.initializer = tf.keras.initializers.get(initializer)

    def __call__(self, shape: Sequence[int], dtype: Optional[tf.DType] = None, **kwargs: Any) -> tf.Tensor:
        """Returns the initial values."""
        with tf.device("CPU:0"):
            return self.initializer(shape, dtype=dtype, **kwargs)


class SpectralNormConv2D(tf.keras.layers.Layer):
    """Convolution whose kernel is divided by its largest singular value (Miyato et al. 2018, Algorithm 1; S3).

    The kernel `W` [k, k, C_in, C_out] is read as a matrix [k * k * C_in, C_out]. Its largest singular value
    `sigma(W) = v^T W u` is estimated by power iteration; `u` and `v` are constants to the gradient and `W` is not, so
    that the gradient flows through sigma. One power iteration is made, and its `u` stored, in each call with
    `training=True` (a discriminator update); any other call leaves the layer's state as it is.

    Everything about sigma is float32, whatever the layer's compute dtype is.

    Attributes:
      kernel: `W`, float32 [k, k, C_in, C_out], trainable.
      bias: float32 [C_out], trainable.
      u: right singular vector's estimate, float32 [C_out], not trainable, of unit length.
    """

    def __init__(self, filters: int, kernel_size: int, *, strides: int = 1,
                 kernel_initializer: Initializer = "glorot_uniform", scale: float = 1.0, **kwargs: Any) -> None:
        """Makes the layer.

        Args:
          filters: number of output channels, C_out.
          kernel_size: side of the kernel in pixels.
          strides: stride in pixels; the padding is 'SAME'.
          kernel_initializer: Keras initialiser of `W`.
          scale: the normalised kernel is multiplied by it (1 in Miyato et al.; larger lets scores grow faster, S3).
          **kwargs: of `tf.keras.layers.Layer` (name, dtype).
        """
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.scale = filters, kernel_size, strides, scale
        self.kernel_initializer = OnProcessor(kernel_initializer)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes the variables for inputs of shape [B, H, W, C_in]."""
        shape = (self.kernel_size, self.kernel_size, int(input_shape[-1]), self.filters)
        float32 = {"dtype": tf.float32, "experimental_autocast": False}
        self.kernel = self.add_weight("kernel", shape, initializer=self.kernel_initializer, **float32)
        self.bias = self.add_weight("bias", (self.filters,), initializer="zeros", **float32)
        # Every replica computes the same u from the same W, so that any one of them may store it.
        self.u = self.add_weight("u", (self.filters,), trainable=False,
                                 initializer=tf.keras.initializers.RandomNormal(stddev=1.0),
                                 aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA, **float32)
        super().build(input_shape)

    def effective_kernel(self, *, update_u: bool = False) -> tf.Tensor:
        """Returns `scale * W / sigma(W)`, float32 [k, k, C_in, C_out]; stores the iterated `u` if `update_u`."""
        matrix = tf.reshape(self.kernel, [-1, self.filters])  # [k * k * C_in, C_out]
        v = tf.math.l2_normalize(tf.linalg.matvec(tf.stop_gradient(matrix), self.u))  # one power iteration
        product = tf.linalg.matvec(matrix, v, transpose_a=True)  # W^T v, differentiable in W alone
        u = tf.math.l2_normalize(tf.stop_gradient(product))
        if update_u:
            self.u.assign(u)
        sigma = tf.tensordot(product, u, axes=1)
        return self.scale / sigma * self.kernel

    def call(self, inputs: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Convolves [B, H, W, C_in] to [B, ceil(H / stride), ceil(W / stride), C_out]."""
        kernel = tf.cast(self.effective_kernel(update_u=bool(training)), inputs.dtype)
        outputs = fast_convolution.conv2d(inputs, kernel, strides=self.strides)
        return fast_convolution.bias_add(outputs, tf.cast(self.bias, inputs.dtype))


def discriminator_conv(filters: int, kernel_size: int, *, spectral_norm: str = "sngan",
                       kernel_initializer: Initializer = "glorot_uniform", scale: float = 1.0,
                       **options: Any) -> tf.keras.layers.Layer:
    """Makes one convolution of the discriminator with the spectral normalization asked for (S3).

    Args:
      filters: as for `SpectralNormConv2D`.
      kernel_size: as there.
      spectral_norm: 'sngan' is `SpectralNormConv2D`; 'tfa' is tensorflow-addons' wrapper, which overwrites the kernel
        with `W / sigma` in each training call and has no gradient through sigma; 'none' is a plain convolution.
      kernel_initializer: as there.
      scale: as there; only with 'sngan'.
      **options: `strides` and keyword arguments of `tf.keras.layers.Layer`.

    Returns:
      A layer, called with (inputs, training=...).

    Raises:
      ValueError: on an unknown `spectral_norm`, or a scale that it cannot apply.
    """
    if spectral_norm not in SPECTRAL_NORMS:
        raise ValueError(f"spectral_norm is {spectral_norm!r}, expected one of {', '.join(SPECTRAL_NORMS)}")
    if spectral_norm == "sngan":
        return SpectralNormConv2D(filters, kernel_size, kernel_initializer=kernel_initializer, scale=scale, **options)
    if scale != 1.0:
        raise ValueError(f"a spectral norm scale of {scale} needs spectral_norm='sngan', not {spectral_norm!r}")
    conv = tf.keras.layers.Conv2D(filters, kernel_size, padding="same",
                                  kernel_initializer=OnProcessor(kernel_initializer), **options)
    if spectral_norm == "none":
        return conv
    import tensorflow_addons as tfa  # here, since importing it takes a second and not every platform has it
    return tfa.layers.SpectralNormalization(conv, name=f"{conv.name}_sn")


class Conv2D(tf.keras.layers.Conv2D):
    """Keras' convolution with 'SAME' padding, computed in the way that `fast_convolution.use` has chosen."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
        """Convolves [B, H, W, C_in] with a kernel [k, k, C_in, C_out]."""
        return fast_convolution.conv2d(inputs, tf.convert_to_tensor(kernel), strides=self.strides[0])


class Conv2DTranspose(tf.keras.layers.Conv2DTranspose):
    """Keras' transposed convolution with 'SAME' padding and no bias, computed as `fast_convolution.use` has chosen."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps [B, H, W, C_in] to [B, H * stride, W * stride, C_out]."""
        return fast_convolution.conv2d_transpose(inputs, tf.convert_to_tensor(self.kernel), strides=self.strides[0])


class ConvBlock(tf.keras.layers.Layer):
    """Convolution, batch normalization, leaky ReLU: one row of Table 1's or Table 2's generators (S13).

    The convolution has no bias of its own, since batch normalization's shift takes its place.
    """

    convolution = Conv2D

    def __init__(self, filters: int, kernel_size: int, *, strides: int = 1,
                 kernel_initializer: Initializer = "glorot_uniform", batch_norm_momentum: float = 0.99,
                 **kwargs: Any) -> None:
        """Makes the block.

        Args:
          filters: number of output channels.
          kernel_size: side of the kernel in pixels.
          strides: stride in pixels; 'SAME' padding.
          kernel_initializer: Keras initialiser of the kernel.
          batch_norm_momentum: share of the old moving mean and variance kept at each update (S7).
          **kwargs: of `tf.keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.conv = self.convolution(filters, kernel_size, strides=strides, padding="same", use_bias=False,
                                     kernel_initializer=OnProcessor(kernel_initializer), name="conv")
        # Over several replicas statistics are the global batch's. (Alone, the unsynchronized layer has a fused kernel.)
        replicated = tf.distribute.get_strategy().num_replicas_in_sync > 1
        self.norm = tf.keras.layers.BatchNormalization(momentum=batch_norm_momentum, synchronized=replicated,
                                                       name="norm")

    def call(self, inputs: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Maps [B, H, W, C_in] to [B, H / stride, W / stride, filters] (a deconvolution: times the stride)."""
        return leaky_relu(self.norm(self.conv(inputs), training=training))


class DeconvBlock(ConvBlock):
    """Transposed convolution, batch normalization, leaky ReLU: a 'deconv.' row of Tables 1 and 2."""

    convolution = Conv2DTranspose
