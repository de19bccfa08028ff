"""Convolutions as batched matrix products with fewer multiplications, for processors.

A tile of m outputs of a correlation with r taps needs m + r - 1 multiplications instead of m * r, if inputs and taps
are first evaluated at that many points (Winograd's minimal filtering after Toom and Cook; Lavin & Gray 2016); over both
axes the saving is squared. A stride of s is taken as s * s phases of the input, each with every s-th tap. Where little
is saved but maps are small, the input is unfolded into one phase for each tap and there is one point: one large matrix
product, which runs nearer to the processor's peak than a convolution of small maps. A transposed convolution is the
adjoint of a convolution, and takes the same matrices the other way round.

Every map here is a small constant matrix or one batched matrix product, so that gradients are such products too. The
results are the direct ones up to rounding: about 4e-6 of their standard deviation.

In bfloat16 the processor's convolutions are fast as they are, and three gradients are not. A kernel's, where maps are
small, is one matrix product over unfolded patches here, or a forward convolution whose kernel is the outputs' gradient:
images and channels change places. A bias' is kept apart from the kernel's, in float32 too. A leaky ReLU's is computed in
float32.
"""

from typing import Callable, Optional, Sequence

import numpy as np
import tensorflow as tf

from models import minimal_filtering
from models.minimal_filtering import Plan

KINDS = ("auto", "direct", "fast")
_MIN_CHANNELS = 64  # narrower layers spend their time in the transforms
_MIN_SAVING = 2.0  # of multiplications, below which the transforms cost more than they save
_MAX_GROWTH = 4.0  # of a kernel, where each image is but one tile, so that few products share the grown kernel
_MAX_UNFOLDED = 4  # side in outputs of maps that are unfolded
_MAX_UNFOLDED_BFLOAT16 = 4  # likewise in bfloat16, for the gradient of a strided kernel
_MAX_UNFOLDED_LARGE = 8  # likewise, of one with at least so many weights
_LARGE = 2**20
_MAX_SWAPPED = 8  # in bfloat16, of maps whose images and channels change places for the gradient of another kernel

_state = {"enabled": False}


def use(kind: str) -> None:
    """Chooses how the process' convolutions are computed; call it before networks are called.

    Args:
      kind: 'direct'; 'fast', as this module does where it pays; or 'auto', which is 'fast' where there is no GPU.

    Raises:
      ValueError: on any other kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")
    _state["enabled"] = kind == "fast" or (kind == "auto" and not tf.config.list_physical_devices("GPU"))


def conv2d(inputs: tf.Tensor, kernel: tf.Tensor, *, strides: int) -> tf.Tensor:
    """Convolves as `tf.nn.conv2d(..., padding='SAME')`.

    Args:
      inputs: floats [B, H, W, C]; float32 with static H and W for anything but the direct way.
      kernel: of the same type, [k, k, C, K].
      strides: stride in pixels.

    Returns:
      Of the same type, [B, ceil(H / strides), ceil(W / strides), K].
    """
    if _is_bfloat16(inputs):
        return _conv2d_bfloat16(inputs, kernel, strides=strides)
    plans = _plans(inputs, kernel, strides, 1)
    if plans is None:
        return tf.nn.conv2d(inputs, kernel, strides=strides, padding="SAME")
    rows, columns = plans
    products = tf.matmul(_evaluate(inputs, rows.inputs, columns.inputs), _evaluate_kernel(kernel, rows, columns))
    return _interpolate(products, rows.outputs, columns.outputs, num_images=tf.shape(inputs)[0])


def conv2d_transpose(inputs: tf.Tensor, kernel: tf.Tensor, *, strides: int) -> tf.Tensor:
    """Convolves as `tf.nn.conv2d_transpose(..., padding='SAME')` to `strides` times the size.

    Args:
      inputs: floats [B, H, W, C]; float32 with static H and W for anything but the direct way.
      kernel: of the same type, [k, k, K, C].
      strides: stride in pixels.

    Returns:
      Of the same type, [B, strides * H, strides * W, K].
    """
    plans = _plans(inputs, kernel, strides, strides)
    if plans is None:
        return _conv2d_transpose_direct(inputs, kernel, strides=strides)
    rows, columns = plans
    products = tf.matmul(_evaluate(inputs, rows.outputs, columns.outputs), _evaluate_kernel(kernel, rows, columns),
                         transpose_b=True)
    return _interpolate(products, rows.inputs, columns.inputs, num_images=tf.shape(inputs)[0])


def bias_add(inputs: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Adds a bias [C] to inputs [B, H, W, C] of the same type, as `tf.nn.bias_add`."""
    if not _state["enabled"] or inputs.dtype == tf.float16:
        return tf.nn.bias_add(inputs, bias)

    @tf.custom_gradient
    def add(inputs: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            flat = tf.reshape(upstream, [-1, upstream.shape[-1]])
            return upstream, tf.matmul(tf.ones_like(flat[:, :1]), flat, transpose_a=True)[0]

        return tf.nn.bias_add(inputs, bias), gradient

    return add(inputs, bias)


def leaky_relu(inputs: tf.Tensor, slope: float) -> tf.Tensor:
    """Returns inputs, and `slope` times those below zero, as `tf.nn.leaky_relu`."""
    if not _is_bfloat16(inputs):
        return tf.nn.leaky_relu(inputs, slope)

    @tf.custom_gradient
    def activate(inputs: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.cast(tf.raw_ops.LeakyReluGrad(gradients=tf.cast(upstream, tf.float32),
                                                    features=tf.cast(inputs, tf.float32), alpha=slope), inputs.dtype)

        return tf.nn.leaky_relu(inputs, slope), gradient

    return activate(inputs)


def _is_bfloat16(inputs: tf.Tensor) -> bool:
    """Says whether the ways of bfloat16 are taken."""
    return _state["enabled"] and inputs.dtype == tf.bfloat16


def _conv2d_bfloat16(inputs: tf.Tensor, kernel: tf.Tensor, *, strides: int) -> tf.Tensor:
    """Convolves as `conv2d`; the gradient of the kernel is computed otherwise where maps are small."""
    num_outputs = [size and -(-size // strides) for size in inputs.shape[1:3]]
    if not _has_own_gradient(num_outputs, kernel):
        return tf.nn.conv2d(inputs, kernel, strides=strides, padding="SAME")

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs), filter=kernel, out_backprop=upstream,
                strides=[1, strides, strides, 1], padding="SAME")
            return of_inputs, _kernel_gradient(inputs, upstream, kernel.shape, strides)

        return tf.nn.conv2d(inputs, kernel, strides=strides, padding="SAME"), gradient

    return convolve(inputs, kernel)


def _conv2d_transpose_direct(inputs: tf.Tensor, kernel: tf.Tensor, *, strides: int) -> tf.Tensor:
    """Convolves as `conv2d_transpose`; in bfloat16 the gradient of the kernel is as in `_conv2d_bfloat16`."""
    def transposed(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        shape = [batch, strides * height, strides * width, kernel.shape[2]]
        return tf.nn.conv2d_transpose(inputs, kernel, shape, strides=strides, padding="SAME")

    if not _is_bfloat16(inputs) or not _has_own_gradient(inputs.shape[1:3], kernel):
        return transposed(inputs, kernel)

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_inputs = tf.nn.conv2d(upstream, kernel, strides, "SAME")
            return of_inputs, _kernel_gradient(upstream, inputs, kernel.shape, strides)

        return transposed(inputs, kernel), gradient

    return convolve(inputs, kernel)


def _has_own_gradient(num_outputs: Sequence[Optional[int]], kernel: tf.Tensor) -> bool:
    """Says whether the gradient of a kernel in bfloat16 is computed here, for maps of so many outputs along each axis."""
    return None not in num_outputs and max(num_outputs) <= _MAX_SWAPPED and min(kernel.shape[2:]) >= _MIN_CHANNELS


def _unfolds_gradient(num_outputs: Sequence[int], shape: tf.TensorShape, strides: int) -> bool:
    """Says whether that gradient is one product over patches; else images and channels change places."""
    largest = _MAX_UNFOLDED_LARGE if shape.num_elements() >= _LARGE else _MAX_UNFOLDED_BFLOAT16
    return strides > 1 and max(num_outputs) <= largest


def _kernel_gradient(images: tf.Tensor, upstream: tf.Tensor, shape: tf.TensorShape, strides: int) -> tf.Tensor:
    """Returns the gradient of a kernel [k, k, C, K] that convolves images [B, H, W, C], of the outputs' [B, h, w, K]."""
    if _unfolds_gradient(upstream.shape[1:3], shape, strides):
        patches = tf.image.extract_patches(images, [1, *shape[:2], 1], [1, strides, strides, 1], [1, 1, 1, 1], "SAME")
        product = tf.matmul(tf.reshape(patches, [-1, patches.shape[-1]]), tf.reshape(upstream, [-1, upstream.shape[-1]]),
                            transpose_a=True)
        return tf.reshape(product, shape)
    zeros = [[0, 0]]
    for size in images.shape[1:3]:
        num_outputs, before = minimal_filtering.padding(size, shape[0], strides)
        zeros.append([before, max((num_outputs - 1) * strides + shape[0] - size - before, 0)])
    swapped = tf.nn.conv2d(tf.transpose(images, [3, 1, 2, 0]), tf.transpose(upstream, [1, 2, 0, 3]), 1, [*zeros, [0, 0]],
                           dilations=strides)
    return tf.transpose(swapped[:, :shape[0], :shape[1]], [1, 2, 0, 3])


def _plans(inputs: tf.Tensor, kernel: tf.Tensor, strides: int, factor: int) -> Optional[list[Plan]]:
    """Returns the `Plan`s of both axes of a convolution whose input's size is times `factor`; None: the direct way."""
    if not _state["enabled"] or inputs.dtype != tf.float32 or min(kernel.shape[2:]) < _MIN_CHANNELS:
        return None
    sizes = [size and size * factor for size in inputs.shape[1:3]]
    if None in sizes:
        return None
    plans = [minimal_filtering.plan(size, kernel.shape[0], strides) for size in sizes]
    if None not in plans:
        saving = growth = tiles = 1.0
        for one in plans:
            phases, count, points, _ = one.inputs.shape
            saving *= one.outputs.shape[-1] * kernel.shape[0] / (count * points * phases)
            growth *= points * phases / kernel.shape[0]
            tiles *= count
        if saving >= _MIN_SAVING and (tiles > 1 or growth <= _MAX_GROWTH):
            return plans
    if max(sizes) <= _MAX_UNFOLDED * strides:
        return [minimal_filtering.unfolding(size, kernel.shape[0], strides) for size in sizes]
    return None


def _evaluate(images: tf.Tensor, rows: np.ndarray, columns: np.ndarray) -> tf.Tensor:
    """Evaluates tiles. Maps [B, H, W, C] to [points, B * tiles, phases * C], of both axes each."""
    (phases, _, points, height), width, channels = rows.shape, columns.shape[-1], images.shape[-1]
    images = tf.matmul(rows.reshape(-1, height), tf.reshape(images, [-1, height, width * channels]))
    images = tf.matmul(columns.reshape(-1, width), tf.reshape(images, [-1, width, channels]))
    images = tf.reshape(images, [-1, *rows.shape[:3], *columns.shape[:3], channels])
    images = tf.transpose(images, [3, 6, 0, 2, 5, 1, 4, 7])
    return tf.reshape(images, [points * columns.shape[2], -1, phases * columns.shape[0] * channels])


def _interpolate(products: tf.Tensor, rows: np.ndarray, columns: np.ndarray, *, num_images: tf.Tensor) -> tf.Tensor:
    """Gives images back: the adjoint of `_evaluate`."""
    (phases, tiles, points, height), (other_phases, other_tiles, other_points, width) = rows.shape, columns.shape
    channels = products.shape[-1] // (phases * other_phases)
    products = tf.reshape(products, [points, other_points, num_images, tiles, other_tiles, phases, other_phases,
                                     channels])
    products = tf.transpose(products, [2, 5, 3, 0, 6, 4, 1, 7])
    products = tf.matmul(columns.reshape(-1, width), tf.reshape(products, [-1, columns[..., 0].size, channels]),
                         transpose_a=True)
    products = tf.matmul(rows.reshape(-1, height), tf.reshape(products, [-1, rows[..., 0].size, width * channels]),
                         transpose_a=True)
    return tf.reshape(products, [-1, height, width, channels])


def _evaluate_kernel(kernel: tf.Tensor, rows: Plan, columns: Plan) -> tf.Tensor:
    """Evaluates a kernel [k, k, C, K] to [points, phases * C, K], of both axes each."""
    both = np.einsum("apk,bql->abpqkl", rows.taps, columns.taps)
    if both.shape[:2] == (1, 1):
        return tf.reshape(kernel, [1, -1, kernel.shape[3]])  # unfolded taps are as they are
    points, phases = both.shape[0] * both.shape[1], both.shape[2] * both.shape[3]
    values = tf.matmul(both.reshape(points * phases, -1),
                       tf.reshape(kernel, [-1, kernel.shape[2] * kernel.shape[3]]))
    return tf.reshape(values, [points, phases * kernel.shape[2], kernel.shape[3]])
