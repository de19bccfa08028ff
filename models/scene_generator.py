"""The scene generator of Figure 4: providers, layout, composition."""

from typing import Any, NamedTuple

import tensorflow as tf

from models import composition
from models.composition import Instance


class Scene(NamedTuple):
    """All that losses and pictures need of generated scenes.

    Attributes:
      image: composites `x_N`, float [B, H, W, 3] in [0, 1].
      foregrounds: trainable instances before the warp (what the area penalty and recognition see), [N, B, H, W, C].
      warped: the same after the warp, [N, B, H, W, C]; a layout that adds layers of its own has more than N.
      background: bottom layer, [B, H, W, C].
    """

    image: tf.Tensor
    foregrounds: Instance
    warped: Instance
    background: Instance


class SceneGenerator(tf.Module):
    """Composes scenes of N foreground instances on one background."""

    def __init__(self, *, foreground_provider: tf.Module, background_provider: tf.Module, layout: Any) -> None:
        """Wires the three modules.

        Args:
          foreground_provider: trainable provider; its instances are the scene's upper N layers.
          background_provider: provider of the bottom layer.
          layout: of `models.layout`.
        """
        super().__init__()
        self.foreground_provider, self.background_provider = foreground_provider, background_provider
        self.layout = layout

    def __call__(self, foreground_inputs: tf.Tensor, background_inputs: tf.Tensor, delta_r: Any = None, *,
                 training: bool) -> Scene:
        """Generates scenes. Uses Eq. (4) and (5).

        Args:
          foreground_inputs: what the foreground provider takes, with leading axes [N, B]: photographs
            [N, B, H, W, 3] or latents [N, B, Z]. All N * B are independent.
          background_inputs: what the background provider takes, with leading axis [B].
          delta_r: what the layout's `sample` draws for shape [N, B]; None where it takes nothing.
          training: whether batch normalization uses the batch's statistics.
        """
        foregrounds = self.foreground_provider(foreground_inputs, training=training)
        background = self.background_provider(background_inputs, training=training)
        warped = self.layout.warp(foregrounds, delta_r)  # Eq. (4)
        layers = Instance(*(tf.concat([bottom[tf.newaxis], upper], axis=0)
                            for bottom, upper in zip(background, warped)))
        return Scene(image=composition.composite(layers), foregrounds=foregrounds, warped=warped,  # Eq. (5)
                     background=background)
