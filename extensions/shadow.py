"""Shadows that instances cast on what lies below them (S26): black layers of their own, composed by Eq. (5)."""

from typing import Any, Sequence

import numpy as np
import tensorflow as tf

from models import layout
from models.composition import Instance

SOFTNESS = 3.0  # pixels: standard deviation of the Gaussian that softens a mask into its shadow
LARGEST_SHIFT = 4  # pixels by which a shadow lies beside its instance, per axis
REACH = int(3 * SOFTNESS)  # pixels from its middle at which the Gaussian ends
MARGIN = REACH + LARGEST_SHIFT  # pixels about a window from which shadows fall into it


class ContactShadow:
    """Makes an instance's shadow: its mask, softened, shifted a little and thinned, in black.

    Objects of a cluster touch, and it is dark where they do. An instance that is pasted on a window hides a part of
    that dark; without a shadow of its own, only the instance's inside can have it.
    """

    def __init__(self, *, strength: float) -> None:
        """Makes the shadow.

        Args:
          strength: largest opacity, in (0, 1]; ValueError outside.
        """
        if not 0.0 < strength <= 1.0:
            raise ValueError(f"strength is {strength}, expected a value above 0 and at most 1")
        self.strength = strength
        self._shifts = layout.TranslationLayout(padding=LARGEST_SHIFT)

    def sample(self, shape: Sequence[int], *, seed: layout.Seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws shadows.

        Args:
          shape: leading axes of the instances, for instance (N, B).
          seed: two integers; the same seed draws the same shadows.

        Returns:
          (opacities, shifts): float32 [*shape], uniform on [0, strength]; int32 [*shape, 2], pixels down and to the
          right, uniform on [-4, 4].
        """
        seeds = tf.random.experimental.stateless_split(seed, 2)
        return (tf.random.stateless_uniform(shape, seeds[0], 0.0, self.strength),
                self._shifts.sample(shape, seed=seeds[1]))

    def cast(self, masks: tf.Tensor, opacities: tf.Tensor, shifts: tf.Tensor) -> Instance:
        """Makes the shadows of masks.

        Args:
          masks: soft masks after the warp and what lies within `MARGIN` pixels of their windows, float
            [..., H + 26, W + 26, 1] in [0, 1].
          opacities: float [...], in [0, 1].
          shifts: int32 [..., 2], within [-4, 4].

        Returns:
          Black pictures [..., H, W, 3] and masks [..., H, W, 1] in [0, 1].
        """
        flat = tf.reshape(masks, [-1, *masks.shape[-3:]])
        softened = layout.translate(_softened(flat), tf.reshape(shifts, [-1, 2]), padding=LARGEST_SHIFT)
        softened = without_margin(tf.reshape(softened, tf.shape(masks)))
        shadows = softened * opacities[..., tf.newaxis, tf.newaxis, tf.newaxis]
        return Instance(image=tf.zeros_like(tf.repeat(shadows, 3, axis=-1)), mask=shadows)


class WithShadow:
    """Wraps a layout: each instance casts a shadow on what lies below it."""

    def __init__(self, instances: Any, shadow: ContactShadow) -> None:
        """Takes the instances' layout, of `models.layout`, and their shadow."""
        self.layout, self.shadow = instances, shadow

    def sample(self, shape: Sequence[int], *, seed: layout.Seed) -> dict[str, tf.Tensor]:
        """Draws the instances' warps and their shadows: `instances`, `opacities` and `shifts`, [*shape, ...]."""
        opacities, shifts = self.shadow.sample(shape, seed=tf.random.experimental.stateless_fold_in(seed, 1))
        return {"instances": self.layout.sample(shape, seed=seed), "opacities": opacities, "shifts": shifts}

    def warp(self, instances: Instance, delta_r: dict[str, tf.Tensor]) -> Instance:
        """Warps and shades N instances. Returns 2N layers: each one's shadow lies right below it."""
        wide = self.layout.warp(instances, delta_r["instances"], margin=MARGIN)
        shadows = self.shadow.cast(wide.mask, delta_r["opacities"], delta_r["shifts"])
        warped, count = Instance(*(without_margin(channels) for channels in wide)), instances.mask.shape[0]
        return Instance(*(tf.reshape(tf.stack(pair, axis=1), tf.concat([[2 * count], tf.shape(pair[1])[1:]], axis=0))
                          for pair in zip(shadows, warped)))


def without_margin(pictures: tf.Tensor) -> tf.Tensor:
    """Cuts windows out of what lies about them as well: [..., H + 26, W + 26, C] becomes [..., H, W, C]."""
    return pictures[..., MARGIN:-MARGIN, MARGIN:-MARGIN, :]


def _softened(masks: tf.Tensor) -> tf.Tensor:
    """Filters masks [M, H, W, 1] with a Gaussian, which leaves them in [0, 1]; what is outside is 0."""
    taps = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SOFTNESS) ** 2)
    taps = tf.constant(taps / taps.sum(), tf.float32)
    for kernel in (taps[:, tf.newaxis], taps[tf.newaxis, :]):
        masks = tf.nn.conv2d(masks, kernel[:, :, tf.newaxis, tf.newaxis], strides=1, padding="SAME")
    return masks
