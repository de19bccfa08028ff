"""A layer ramp (S33): scenes begin with one instance on a whole window, and end with N instances over the hole."""

from typing import Any, Sequence

import tensorflow as tf

from extensions import schedules
from models import layout
from models.composition import Instance


class LayerRamp:
    """Says how far a run's scenes have grown: 0 is one instance and no hole, 1 is N instances and the whole hole.

    Attributes:
      start: steps with one instance.
      end: the step from which on scenes are whole.
    """

    def __init__(self, *, start: int, num_steps: int) -> None:
        """Makes the ramp.

        Args:
          start: steps during which scenes have one instance, at least 0.
          num_steps: steps in which they grow after that, at least 1; ValueError below.
        """
        if start < 0 or num_steps < 1:
            raise ValueError(f"start is {start} and num_steps {num_steps}, expected at least 0 and 1")
        self.start, self.end = start, start + num_steps
        self._progress = schedules.Linear(0.0, 1.0, num_steps=num_steps)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the progress after `step` steps, float32 scalar in [0, 1]."""
        return self._progress(step - self.start)


class RampedLayout:
    """Wraps a layout: of a scene's N instances the first few are kept, the others are transparent."""

    def __init__(self, instances: Any, ramp: LayerRamp) -> None:
        """Takes the instances' layout, of `models.layout`, and the ramp."""
        self.layout, self.ramp = instances, ramp

    def sample(self, shape: Sequence[int], *, seed: layout.Seed) -> dict[str, Any]:
        """Draws the instances' warps, and how many are kept.

        Args:
          shape: (N, B).
          seed: a run's seed and the step, by which the ramp goes.

        Returns:
          `instances`, what the wrapped layout draws; `kept`, float32 [N, B], 1 for those that are kept, otherwise 0. On average
          1 + (N - 1) * progress are kept.
        """
        count = 1.0 + (shape[0] - 1) * self.ramp(seed[1])
        coins = tf.random.stateless_uniform([shape[1]], tf.random.experimental.stateless_fold_in(seed, 2))
        kept = tf.range(shape[0], dtype=tf.float32)[:, tf.newaxis] < tf.floor(count + coins)
        return {"instances": self.layout.sample(shape, seed=seed), "kept": tf.cast(kept, tf.float32)}

    def warp(self, instances: Instance, delta_r: dict[str, Any], **options: Any) -> Instance:
        """Warps N instances as the wrapped layout does, those that are not kept with masks of 0."""
        warped = self.layout.warp(instances, delta_r["instances"], **options)
        return Instance(warped.image, warped.mask * delta_r["kept"][..., tf.newaxis, tf.newaxis, tf.newaxis])
