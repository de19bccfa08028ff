"""The instance generator of Table 2: a latent vector to an RGBA instance."""

import math
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from models import layers

START_SIZE = 8  # side of the first feature map in pixels; two deconvolutions and the last make 64 of it
CONVS, DECONVS = (256, 256), (128, 64)  # channels
RGBA = 4
DISK_LOGIT = 3.0  # of the masks that start as disks, in the middle
FAR_LOGIT = -6.0  # and far outside, where masks can still grow


class InstanceGenerator(tf.keras.Model):
    """Makes instances from latents: the right column of Table 2.

    ```
    z                                             [B, 1,  1,  Z]
    1x1 conv.   8*8*256  stride 1, lReLU, BN      [B, 8,  8,  256]  (its 16,384 channels, reshaped)
    4x4 conv.   256      stride 1, lReLU, BN      [B, 8,  8,  256]
    4x4 conv.   256      stride 1, lReLU, BN      [B, 8,  8,  256]
    4x4 deconv. 128      stride 2, lReLU, BN      [B, 16, 16, 128]
    4x4 deconv. 64       stride 2, lReLU, BN      [B, 32, 32, 64]
    4x4 deconv. 4        stride 2, sigmoid        [B, 64, 64, 4]
    ```

    Departures: batch norm's momentum and the initialiser are free (S7), batch norm is between the convolution and the
    leaky ReLU (S13), and the last bias of the mask's channel may differ from zero (S12).
    """

    def __init__(self, *, width: float = 1.0, kernel_initializer: layers.Initializer = "glorot_uniform",
                 batch_norm_momentum: float = 0.99, initial_mask: float = 0.5,
                 disk_area: Optional[float] = None, disk_elongation: Optional[float] = None,
                 disk_logit: Optional[float] = None) -> None:
        """Makes the network.

        Args:
          width: factor on every channel count but the last; 1 is the paper's, at least 1/64.
          kernel_initializer: Keras initialiser of every kernel.
          batch_norm_momentum: share of the old moving statistics kept at each update (S7).
          initial_mask: value in (0, 1) around which the untrained network's masks lie; it sets the last bias (S12).
          disk_area: share of the picture in (0, 1): a fixed disk of that area is added to the mask's logits, so that
            untrained masks are soft disks in the middle; None, as in the paper: no disk (S19).
          disk_elongation: how many times wider than high the disk is, at least 1; None: round.
          disk_logit: of the mask in the disk's middle, above 0; the larger, the sharper the disk's edge. None: 3.

        Raises:
          ValueError: if `width` leaves a layer without channels, or a value is out of its range.
        """
        super().__init__(name="instance_generator")
        if round(DECONVS[-1] * width) < 1:
            raise ValueError(f"width {width} leaves a layer without channels, expected at least 1/64")
        if disk_area is not None and not 0.0 < disk_area < 1.0:
            raise ValueError(f"disk_area is {disk_area}, expected a value strictly between 0 and 1")
        if disk_elongation is not None and (disk_area is None or disk_elongation < 1.0):
            raise ValueError(f"disk_elongation is {disk_elongation}, expected at least 1, and a disk_area")
        if disk_logit is not None and (disk_area is None or disk_logit <= 0.0):
            raise ValueError(f"disk_logit is {disk_logit}, expected a value above 0, and a disk_area")
        options = {"kernel_initializer": kernel_initializer, "batch_norm_momentum": batch_norm_momentum}
        self.start_channels = round(CONVS[0] * width)
        self.start = layers.ConvBlock(START_SIZE**2 * self.start_channels, 1, name="conv1", **options)
        self.convs = [layers.ConvBlock(round(channels * width), 4, name=f"conv{i}", **options)
                      for i, channels in enumerate(CONVS, start=2)]
        self.deconvs = [layers.DeconvBlock(round(channels * width), 4, strides=2, name=f"deconv{i}", **options)
                        for i, channels in enumerate(DECONVS, start=1)]
        self.disk = None if disk_area is None else disk_logits(
            8 * START_SIZE, area=disk_area, elongation=1.0 if disk_elongation is None else disk_elongation,
            middle=DISK_LOGIT if disk_logit is None else disk_logit)
        logit = layers.initial_mask_logit(initial_mask)
        self.rgba_logits = tf.keras.layers.Conv2DTranspose(
            RGBA, 4, strides=2, padding="same", dtype="float32",
            kernel_initializer=layers.OnProcessor(kernel_initializer),
            bias_initializer=lambda shape, dtype=None: tf.constant([0.0, 0.0, 0.0, logit], dtype), name="rgba_logits")

    def call(self, latents: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Makes instances.

        Args:
          latents: float [B, Z], uniform on [-1, 1] (S8).
          training: whether batch normalization uses the batch's statistics.

        Returns:
          float32 [B, 64, 64, 4] in [0, 1]: appearance in the first three channels, soft mask in the last.
        """
        x = self.start(latents[:, tf.newaxis, tf.newaxis, :], training=training)
        x = tf.reshape(x, [-1, START_SIZE, START_SIZE, self.start_channels])
        for block in self.convs + self.deconvs:
            x = block(x, training=training)
        logits = self.rgba_logits(x)
        return tf.sigmoid(logits if self.disk is None else logits + self.disk)


def build_generator(*, latent_dim: int, **options: Any) -> InstanceGenerator:
    """Makes an instance generator with its variables, for Z latents; options as for `InstanceGenerator`."""
    network = InstanceGenerator(**options)
    network(tf.zeros([1, latent_dim]))
    return network


def disk_logits(size: int, *, area: float, elongation: float = 1.0, middle: float = DISK_LOGIT) -> np.ndarray:
    """Returns what makes a mask a soft disk: logits that fall with the square of the distance from the middle.

    Args:
      size: side of the picture in pixels.
      area: share of the picture in (0, 1) within the disk.
      elongation: how many times wider than high the disk is, at least 1; its area stays.
      middle: the logit in the middle, above 0.

    Returns:
      float32 [size, size, RGBA]: in the mask's channel `middle` in the middle, 0 on the disk's edge, -6 far outside; 0 in
      the others.
    """
    offsets = np.arange(size) + 0.5 - size / 2
    squares = (elongation * offsets[:, np.newaxis] ** 2 + offsets**2 / elongation) / (area * size**2 / math.pi)
    logits = np.zeros((size, size, RGBA), np.float32)
    logits[..., -1] = np.maximum(middle * (1.0 - squares), FAR_LOGIT)
    return logits
