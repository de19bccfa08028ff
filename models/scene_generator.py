"""The scene generator of Figure 4: providers, layout, composition."""

from typing import NamedTuple

import tensorflow as tf

from extensions.shadow import MARGIN, without_margin
from models import composition
from models.composition import Instance


class Scene(NamedTuple):
    """All that losses and pictures need of generated scenes.

    Attributes:
      image: composites `x_N`, float [B, H, W, 3] in [0, 1].
      foregrounds: trainable instances before the warp (what the area penalty and recognition see), [N, B, H, W, C].
      warped: the same after the warp, [N, B, H, W, C].
      background: bottom layer, [B, H, W, C].
    """

    image: tf.Tensor
    foregrounds: Instance
    warped: Instance
    background: Instance


class SceneGenerator(tf.Module):
    """Composes scenes of N foreground instances on one background."""

    def __init__(self, *, foreground_provider, background_provider, layout, shadow=None, name="scene_generator"):
        """Wires the three modules.

        Args:
          foreground_provider: trainable provider; its instances are the scene's upper N layers.
          background_provider: provider of the bottom layer.
          layout: module with `sample` and `warp` (`models.layout`).
          shadow: `extensions.shadow.ContactShadow` that each instance casts on what is below it, or None (S26).
          name: module name.
        """
        super().__init__(name=name)
        self.foreground_provider, self.background_provider = foreground_provider, background_provider
        self.layout, self.shadow = layout, shadow

    def __call__(self, foreground_inputs, background_inputs, *, seed, training, place=(0, 1)):
        """Generates scenes. Uses Eq. (4) and (5).

        Args:
          foreground_inputs: what the foreground provider takes, with leading axes [N, B]: photographs
            [N, B, H, W, 3] or latents [N, B, Z]. All N * B are independent.
          background_inputs: what the background provider takes, with leading axis [B].
          seed: two integers; the layout's randomness.
          training: whether batch normalization uses the batch's statistics.
          place: (i, R): these are the i-th of R equal parts of a global batch, for all of which layouts are drawn, so
            that an image's layout does not depend on how the batch is divided.

        Returns:
          `Scene`.
        """
        foregrounds = self.foreground_provider(foreground_inputs, training=training)
        background = self.background_provider(background_inputs, training=training)
        num_layers, batch_size = foreground_inputs.shape[0], tf.shape(foreground_inputs)[1]
        index, count = place[0], place[1]
        shape, own = [num_layers, batch_size * count], slice(index * batch_size, (index + 1) * batch_size)
        delta_r = self.layout.sample(shape, seed=seed)[:, own]
        if self.shadow is None:
            warped = upper = self.layout.warp(foregrounds, delta_r)
        else:
            warped, upper = self._warp_with_shadows(foregrounds, delta_r, shape, own, seed=seed)
        layers = Instance(*(tf.concat([bottom[tf.newaxis], layer], axis=0)
                            for bottom, layer in zip(background, upper)))
        return Scene(image=composition.composite(layers), foregrounds=foregrounds, warped=warped,
                     background=background)

    def _warp_with_shadows(self, foregrounds, delta_r, shape, own, *, seed):
        """Warps and shades: (`Instance` of N layers, of 2N layers in which each one's shadow lies right below it)."""
        wide = self.layout.warp(foregrounds, delta_r, margin=MARGIN)
        opacities, shifts = self.shadow.sample(shape, seed=tf.random.experimental.stateless_fold_in(seed, 1))
        shadows = self.shadow.cast(wide.mask, opacities[:, own], shifts[:, own])
        warped = Instance(*(without_margin(channels) for channels in wide))
        return warped, Instance(*(
            tf.reshape(tf.stack(pair, axis=1), tf.concat([[2 * shape[0]], tf.shape(pair[1])[1:]], axis=0))
            for pair in zip(shadows, warped)))
