"""The scene generator of Figure 4: providers, layout, composition."""

from typing import NamedTuple

import tensorflow as tf

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

    def __init__(self, *, foreground_provider, background_provider, layout, name="scene_generator"):
        """Wires the three modules.

        Args:
          foreground_provider: trainable provider; its instances are the scene's upper N layers.
          background_provider: provider of the bottom layer.
          layout: module with `sample` and `warp` (`models.layout`).
          name: module name.
        """
        super().__init__(name=name)
        self.foreground_provider, self.background_provider = foreground_provider, background_provider
        self.layout = layout

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
        drawn = self.layout.sample([num_layers, batch_size * count], seed=seed)
        warped = self.layout.warp(foregrounds, drawn[:, index * batch_size:(index + 1) * batch_size])
        layers = Instance(*(tf.concat([bottom[tf.newaxis], upper], axis=0)
                            for bottom, upper in zip(background, warped)))
        return Scene(image=composition.composite(layers), foregrounds=foregrounds, warped=warped,
                     background=background)
