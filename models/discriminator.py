"""The discriminator of Tables 1 and 2."""

from typing import Any, Iterable, Optional, Sequence

import numpy as np
import tensorflow as tf

from data import images as image_ranges
from errors import UserError
from models import layers

TABLE_1_WIDTHS = (64, 128, 256, 512, 256)
TABLE_2_WIDTHS = (64, 128, 256, 512, 1024)
SCORE_ACTIVATIONS = ("lrelu", "linear")
INPUT_RANGES = ("symmetric", "unit", "standardized")


class Discriminator(tf.keras.Model):
    """Says of images whether they are real: the left column of Table 1 (128x128) or Table 2 (64x64).

    ```
    3x3 conv.   64  lReLU, stride 2, SN      [B, H/2,  W/2,   64]
    3x3 conv.  128  lReLU, stride 2, SN      [B, H/4,  W/4,  128]
    3x3 conv.  256  lReLU, stride 2, SN      [B, H/8,  W/8,  256]
    3x3 conv.  512  lReLU, stride 2, SN      [B, H/16, W/16, 512]
    3x3 conv.  256  lReLU, stride 1, SN      [B, H/16, W/16, 256]     (1024 in Table 2)
    1x1 conv.    1  lReLU + sigmoid, SN      [B, H/16, W/16,   1]
    ```

    The sigmoid is not applied here but inside the losses, which take logits (numerically stable). The last lReLU is
    S2, spectral normalization S3, the input range S6, the leaky slope S7.
    """

    def __init__(self, *, widths: Sequence[int] = TABLE_1_WIDTHS, spectral_norm: str = "sngan",
                 spectral_norm_scale: float = 1.0, kernel_initializer: layers.Initializer = "orthogonal",
                 score_activation: str = "lrelu", input_range: str = "symmetric",
                 input_statistics: Optional[tuple[Sequence[float], Sequence[float]]] = None,
                 input_scale: float = 1.0) -> None:
        """Makes the network.

        Args:
          widths: channels of the 3x3 convolutions; all have stride 2 but the last, which has stride 1.
          spectral_norm: 'sngan', 'tfa' or 'none'; see `layers.discriminator_conv`.
          spectral_norm_scale: factor on each normalised 3x3 kernel (S3).
          kernel_initializer: Keras initialiser of every kernel.
          score_activation: 'lrelu' takes Table 1's last row at its word, 'linear' leaves the score as it is (S2).
          input_range: 'symmetric' feeds images in [-1, 1] (S6), 'unit' in [0, 1], 'standardized' with each channel's
            mean at 0 and its standard deviation at 1.
          input_statistics: for 'standardized', the channels' (means, standard deviations) of real images in [0, 1], as
            `data.images.channel_statistics` finds them.
          input_scale: factor on images in that range. Normalised layers pass on no more than they get, so it bounds how
            steep the score is.

        Raises:
          ValueError: on an unknown `spectral_norm`, `score_activation` or `input_range`, or where 'standardized' is
            without statistics.
        """
        # Layers cast to half precision themselves, after the inputs are in their range.
        super().__init__(name="discriminator", autocast=False)
        if score_activation not in SCORE_ACTIVATIONS:
            raise ValueError(f"score_activation is {score_activation!r}, expected one of {SCORE_ACTIVATIONS}")
        if input_range not in INPUT_RANGES:
            raise ValueError(f"input_range is {input_range!r}, expected one of {INPUT_RANGES}")
        if input_range == "standardized" and input_statistics is None:
            raise ValueError("input_range is 'standardized', which needs input_statistics")
        self.score_activation, self.input_range, self.input_statistics = score_activation, input_range, input_statistics
        self.input_scale = input_scale
        options = {"spectral_norm": spectral_norm, "kernel_initializer": kernel_initializer}
        strides = [2] * (len(widths) - 1) + [1]
        self.convs = [
            layers.discriminator_conv(width, 3, strides=stride, scale=spectral_norm_scale, name=f"conv{i}", **options)
            for i, (width, stride) in enumerate(zip(widths, strides), start=1)]
        self.score = layers.discriminator_conv(1, 1, name="score", dtype="float32", **options)

    def features(self, images: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Returns the last 3x3 convolution's activations, [B, H/16, W/16, widths[-1]], of images in [0, 1]."""
        x = self._in_range(images)
        for conv in self.convs:
            x = layers.leaky_relu(conv(x, training=training))
        return x

    def _in_range(self, images: tf.Tensor) -> tf.Tensor:
        """Brings images from [0, 1] to the range and scale asked for."""
        if self.input_range == "symmetric":
            images = image_ranges.to_network_range(images)
        elif self.input_range == "standardized":
            means, deviations = self.input_statistics
            images = (images - tf.constant(means, images.dtype)) / tf.constant(deviations, images.dtype)
        return images if self.input_scale == 1.0 else images * self.input_scale

    def call(self, images: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        """Scores images.

        Args:
          images: float [B, H, W, 3] in [0, 1]; H and W multiples of 16.
          training: True in a discriminator update (spectral normalization makes one power iteration and stores it),
            False in a generator update (no state changes).

        Returns:
          Logits of 'real', float32 [B, H/16, W/16, 1], unbounded. Their sigmoid is the table's output.
        """
        features = self.features(images, training=training)
        logits = self.score(tf.cast(features, tf.float32), training=training)
        return layers.leaky_relu(logits) if self.score_activation == "lrelu" else logits


def discriminator_options(*, pictures: Iterable[np.ndarray], spectral_norm: str, spectral_norm_scale: float,
                          discriminator_initializer: str, score_activation: str, discriminator_inputs: str,
                          discriminator_input_scale: float = 1.0, augmentation: Sequence[str] = ()) -> dict[str, Any]:
    """Makes the keyword arguments of `Discriminator` from the flags of these names.

    Args:
      pictures: the training pictures, uint8 [H, W, 3] each, by whose statistics inputs are standardized.
      spectral_norm: as for `Discriminator`.
      spectral_norm_scale: as there; UserError if it is not 1 without 'sngan'.
      discriminator_initializer: its `kernel_initializer`.
      score_activation: as there.
      discriminator_inputs: its `input_range`.
      discriminator_input_scale: its `input_scale`.
      augmentation: not the network's, which sees changed images.
    """
    del augmentation
    if spectral_norm != "sngan" and spectral_norm_scale != 1.0:
        raise UserError(f"--spectral_norm_scale={spectral_norm_scale:g} needs --spectral_norm=sngan, not "
                        f"{spectral_norm}.")
    statistics = image_ranges.channel_statistics(pictures) if discriminator_inputs == "standardized" else None
    return {"spectral_norm": spectral_norm, "spectral_norm_scale": spectral_norm_scale,
            "kernel_initializer": discriminator_initializer, "score_activation": score_activation,
            "input_range": discriminator_inputs, "input_statistics": statistics,
            "input_scale": discriminator_input_scale}
