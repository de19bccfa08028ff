"""The segmentation network of Table 1."""

from typing import Any, Optional

import tensorflow as tf

from data import images as image_ranges
from models import layers

ENCODER = ((64, 4), (128, 4), (256, 4), (512, 4), (512, 4), (512, 2))  # (channels, kernel side), all stride 2
DECODER = ((512, 2), (512, 4), (256, 4), (128, 4), (64, 4))
SIZE_MULTIPLE = 64  # six halvings


class UNet(tf.keras.Model):
    """Infers a foreground mask from an image: the right column of Table 1, skips as in Ronneberger et al. 2015.

    ```
    4x4 conv.    64  stride 2, BN, lReLU     [B, H/2,  W/2,   64]  e1
    4x4 conv.   128  stride 2, BN, lReLU     [B, H/4,  W/4,  128]  e2
    4x4 conv.   256  stride 2, BN, lReLU     [B, H/8,  W/8,  256]  e3
    4x4 conv.   512  stride 2, BN, lReLU     [B, H/16, W/16, 512]  e4
    4x4 conv.   512  stride 2, BN, lReLU     [B, H/32, W/32, 512]  e5
    2x2 conv.   512  stride 2, BN, lReLU     [B, H/64, W/64, 512]
    2x2 deconv. 512  stride 2, BN, lReLU     [B, H/32, W/32, 512]  concatenated with e5: 1024 channels
    4x4 deconv. 512  stride 2, BN, lReLU     [B, H/16, W/16, 512]  with e4: 1024
    4x4 deconv. 256  stride 2, BN, lReLU     [B, H/8,  W/8,  256]  with e3: 512
    4x4 deconv. 128  stride 2, BN, lReLU     [B, H/4,  W/4,  128]  with e2: 256
    4x4 deconv.  64  stride 2, BN, lReLU     [B, H/2,  W/2,   64]  with e1: 128
    4x4 deconv.   1  stride 2, sigmoid       [B, H,    W,      1]
    ```

    Departures: batch norm's momentum and the initialiser are free (S7), batch norm is between the convolution and the
    leaky ReLU (S13), and the last bias may start above zero so that masks start at nearly one (S12).
    """

    def __init__(self, *, width: float = 1.0, kernel_initializer: layers.Initializer = "glorot_uniform",
                 batch_norm_momentum: float = 0.99, initial_mask: float = 0.5) -> None:
        """Makes the network.

        Args:
          width: factor on every channel count but the last; 1 is the paper's, at least 1/64.
          kernel_initializer: Keras initialiser of every kernel.
          batch_norm_momentum: share of the old moving statistics kept at each update (S7).
          initial_mask: value in (0, 1) around which the untrained network's masks lie; it sets the last bias (S12).

        Raises:
          ValueError: if `width` leaves a layer without channels or `initial_mask` is not strictly inside (0, 1).
        """
        super().__init__(name="unet")
        if round(ENCODER[0][0] * width) < 1:
            raise ValueError(f"width {width} leaves a layer without channels, expected at least 1/64")
        options = {"strides": 2, "kernel_initializer": kernel_initializer, "batch_norm_momentum": batch_norm_momentum}
        self.encoder = [layers.ConvBlock(round(channels * width), side, name=f"conv{i}", **options)
                        for i, (channels, side) in enumerate(ENCODER, start=1)]
        self.decoder = [layers.DeconvBlock(round(channels * width), side, name=f"deconv{i}", **options)
                        for i, (channels, side) in enumerate(DECODER, start=1)]
        bias = tf.keras.initializers.Constant(layers.initial_mask_logit(initial_mask))
        self.mask_logits = tf.keras.layers.Conv2DTranspose(
            1, 4, strides=2, padding="same", kernel_initializer=layers.OnProcessor(kernel_initializer),
            bias_initializer=bias, dtype="float32", name="mask_logits")

    def call(self, images: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Infers masks.

        Args:
          images: float [B, H, W, 3] in [0, 1]; H and W multiples of 64.
          training: whether batch normalization uses the batch's statistics.

        Returns:
          Soft masks, float32 [B, H, W, 1] in [0, 1].

        Raises:
          ValueError: if a side of the images is not a multiple of 64.
        """
        height, width = images.shape[1:3]
        if (height or 0) % SIZE_MULTIPLE or (width or 0) % SIZE_MULTIPLE:
            raise ValueError(f"images are {height}x{width} pixels, expected multiples of {SIZE_MULTIPLE}")
        x = image_ranges.to_network_range(images)
        skips = []
        for block in self.encoder:
            x = block(x, training=training)
            skips.append(x)
        skips.pop()  # the bottleneck itself
        for block in self.decoder:
            x = tf.concat([block(x, training=training), skips.pop()], axis=-1)
        return tf.sigmoid(self.mask_logits(x))


def build_unet(*, width: float = 1.0, size: int = 128, **options: Any) -> UNet:
    """Makes a UNet with its variables, for crops of `size` pixels; options as for `UNet`."""
    network = UNet(width=width, **options)
    network(tf.zeros([1, size, size, 3]))
    return network
