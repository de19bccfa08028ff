"""The layout module (Eq. 4): a geometric warp shared by an instance's appearance and mask.

A layout has `warp(instances, delta_r)` and, unless it takes no parameters, `sample(shape, seed=...)`, which draws them.
What a warp brings in from outside the picture has alpha 0. With `margin`, pixels, the window of the warped instances is
wider by so much on each side: what lies just outside of it casts shadows into it.
"""

from typing import Sequence, Union

import tensorflow as tf

from models import gradients
from models.composition import Instance, split_rgba

Seed = Union[tf.Tensor, Sequence[int]]


class IdentityLayout:
    """Leaves instances where they are: the foreground task's layout, which takes no parameters."""

    def warp(self, instances: Instance, delta_r: None) -> Instance:
        """Returns the instances as they are. Defines Eq. (4) for `delta_r = 0`."""
        del delta_r
        return instances


class TranslationLayout:
    """Pads by `padding` pixels of alpha 0, then crops a window of the original size at random: the HOC layout.

    That is a translation by whole pixels, uniform on [-padding, padding] per axis and independent per instance.
    """

    def __init__(self, *, padding: int) -> None:
        """Makes the layout.

        Args:
          padding: `p`, pixels added on each side (30 crowd, 32 fruit, 26 seed); ValueError below 0.
        """
        if padding < 0:
            raise ValueError(f"padding is {padding} pixels, expected at least 0")
        self.padding = padding

    def sample(self, shape: Sequence[int], *, seed: Seed) -> tf.Tensor:
        """Draws translations.

        Args:
          shape: leading axes of the instances, for instance (N, B).
          seed: two integers; the same seed draws the same translations.

        Returns:
          int32 [*shape, 2]: pixels by which the content moves down and to the right, uniform on [-p, p].
        """
        return tf.random.stateless_uniform([*shape, 2], seed, -self.padding, self.padding + 1, tf.int32)

    def warp(self, instances: Instance, delta_r: tf.Tensor, *, margin: int = 0) -> Instance:
        """Moves each instance. Defines Eq. (4) for translations, in one operation for all instances.

        Args:
          instances: [..., H, W, C].
          delta_r: int32 [..., 2], pixels down and to the right, each within [-padding, padding].
          margin: pixels by which the window is wider on each side, m.

        Returns:
          [..., H + 2m, W + 2m, C]; what came from outside is black with mask 0.
        """
        rgba = tf.concat(instances, axis=-1)
        rgba = tf.pad(rgba, [[0, 0]] * (rgba.shape.rank - 3) + [[margin, margin]] * 2 + [[0, 0]])
        flat = tf.reshape(rgba, [-1, *rgba.shape[-3:]])
        moved = translate(flat, tf.reshape(delta_r, [-1, 2]), padding=self.padding)
        return split_rgba(tf.reshape(moved, tf.shape(rgba)))


def translate(pictures: tf.Tensor, shifts: tf.Tensor, *, padding: int) -> tf.Tensor:
    """Moves each picture by whole pixels, all in one operation; what comes from outside is 0.

    Args:
      pictures: float [M, H, W, C].
      shifts: int32 [M, 2], pixels down and to the right, each within [-padding, padding].
      padding: pixels.

    Returns:
      Float [M, H, W, C].
    """
    height, width, p = pictures.shape[1], pictures.shape[2], padding
    padded = tf.pad(pictures, [[0, 0], [p, p], [p, p], [0, 0]])
    origin = p - shifts  # the window's corner in the padded picture
    rows = origin[:, 0, tf.newaxis] + tf.range(height)
    columns = origin[:, 1, tf.newaxis] + tf.range(width)
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)  # [M, H, W + 2p, C]
    return tf.gather(padded, columns, axis=2, batch_dims=1)


class AffineLayout:
    """Bilinear affine warp, the general `ST` of Eq. (4) (Jaderberg et al. 2015): rotation, scale, translation."""

    def __init__(self, *, max_translation: float = 0.0, max_rotation: float = 0.0,
                 scale_range: tuple[float, float] = (1.0, 1.0)) -> None:
        """Makes the layout.

        Args:
          max_translation: share of the picture's side, at least 0; uniform on [-max, max] per axis.
          max_rotation: radians, at least 0; uniform on [-max, max].
          scale_range: (low, high) of the content's magnification, uniform; low above 0.

        Raises:
          ValueError: on a negative bound or an empty or non-positive range.
        """
        low, high = scale_range
        if max_translation < 0 or max_rotation < 0 or not 0 < low <= high:
            raise ValueError(f"translation {max_translation} and rotation {max_rotation} must be at least 0 and the "
                             f"scale range {scale_range} positive and ascending")
        self.max_translation, self.max_rotation, self.scale_range = max_translation, max_rotation, scale_range

    def sample(self, shape: Sequence[int], *, seed: Seed) -> tf.Tensor:
        """Draws warps.

        Args:
          shape: leading axes of the instances.
          seed: two integers; the same seed draws the same warps.

        Returns:
          float32 [*shape, 2, 3]: the matrix that takes an output pixel's (x, y, 1), coordinates in [-1, 1] across the
          picture, to the input position it shows.
        """
        uniform = tf.random.stateless_uniform([*shape, 4], seed)
        angle = (2.0 * uniform[..., 0] - 1.0) * self.max_rotation
        scale = self.scale_range[0] + uniform[..., 1] * (self.scale_range[1] - self.scale_range[0])
        shift = (2.0 * uniform[..., 2:] - 1.0) * 2.0 * self.max_translation
        cos, sin = tf.cos(angle) / scale, tf.sin(angle) / scale
        x_row = tf.stack([cos, sin, -(cos * shift[..., 0] + sin * shift[..., 1])], axis=-1)
        y_row = tf.stack([-sin, cos, sin * shift[..., 0] - cos * shift[..., 1]], axis=-1)
        return tf.stack([x_row, y_row], axis=-2)

    def warp(self, instances: Instance, delta_r: tf.Tensor, *, margin: int = 0) -> Instance:
        """Resamples each instance bilinearly. Defines Eq. (4) for affine warps; differentiable in both arguments.

        Args:
          instances: [..., H, W, C].
          delta_r: float32 [..., 2, 3], as `sample` gives it.
          margin: pixels by which the window is wider on each side, m.

        Returns:
          [..., H + 2m, W + 2m, C]; outside the input all four channels are 0.
        """
        rgba = tf.concat(instances, axis=-1)
        leading, height, width = tf.shape(rgba)[:-3], rgba.shape[-3], rgba.shape[-2]
        flat = tf.reshape(rgba, [-1, height, width, 4])
        grid_y, grid_x = tf.meshgrid(_pixel_centres(height, margin), _pixel_centres(width, margin), indexing="ij")
        grid = tf.stack([grid_x, grid_y, tf.ones_like(grid_x)], axis=-1)  # [H, W, 3]
        source = tf.einsum("mij,hwj->mhwi", tf.reshape(delta_r, [-1, 2, 3]), grid)
        x = (source[..., 0] + 1.0) * width / 2.0 - 0.5  # in pixels
        y = (source[..., 1] + 1.0) * height / 2.0 - 0.5
        sampled = _sample_bilinear(flat, x, y)
        return split_rgba(tf.reshape(sampled, tf.concat([leading, sampled.shape[1:]], axis=0)))


def _pixel_centres(count: int, margin: int) -> tf.Tensor:
    """Returns the pixel centres of a side, which is [-1, 1], and of a margin beyond: float32 [count + 2 margin]."""
    return (2.0 * tf.range(-margin, count + margin, dtype=tf.float32) + 1.0) / count - 1.0


def _sample_bilinear(pictures: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Reads pictures [M, H, W, C] at pixel positions x, y [M, H', W']; zero outside. Returns [M, H', W', C]."""
    height, width = pictures.shape[1], pictures.shape[2]
    left, top = tf.floor(x), tf.floor(y)
    corners, copies = [], list(gradients.fan_out(pictures, 4))  # one for each corner: gradients add up in one order
    for column in (left, left + 1.0):
        for row in (top, top + 1.0):
            weight = (1.0 - tf.abs(x - column)) * (1.0 - tf.abs(y - row))
            inside = (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
            index = tf.stack([tf.clip_by_value(tf.cast(row, tf.int32), 0, height - 1),
                              tf.clip_by_value(tf.cast(column, tf.int32), 0, width - 1)], axis=-1)
            values = tf.gather_nd(copies.pop(), index, batch_dims=1)
            corners.append(values * (weight * tf.cast(inside, weight.dtype))[..., tf.newaxis])
    return tf.reduce_sum(tf.stack(corners), axis=0)  # a chain of + becomes an AddN, whose order is not fixed
