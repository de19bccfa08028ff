"""Schedules that the paper does not have: an area constant that falls (S12), rates that fall at the end (S15)."""

from typing import Any

import tensorflow as tf


class Linear:
    """A value that goes linearly from `start` to `end` in `num_steps` steps, and then stays (S12, S18)."""

    def __init__(self, start: float, end: float, *, num_steps: int) -> None:
        """Makes the schedule; `num_steps` is at least 1."""
        self.start, self.end, self.num_steps = start, end, num_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the value after `step` steps, float32 scalar."""
        progress = tf.clip_by_value(tf.cast(step, tf.float32) / self.num_steps, 0.0, 1.0)
        return self.start + (self.end - self.start) * progress


class FallingRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A constant learning rate that falls linearly to zero at a run's end (S15); the paper's rates stay.

    Where two players circle around each other, smaller and smaller steps end the circling.
    """

    def __init__(self, rate: float, *, num_updates: int, num_falling: int) -> None:
        """Makes the schedule.

        Args:
          rate: rate before the fall.
          num_updates: updates of this optimizer in the whole run.
          num_falling: how many of them, the last ones, fall; at least 1.
        """
        super().__init__()
        self.rate, self.num_updates, self.num_falling = rate, num_updates, num_falling

    def __call__(self, update: tf.Tensor) -> tf.Tensor:
        """Returns the rate of update number `update` (from 0), float32 in [0, rate]."""
        remaining = (self.num_updates - tf.cast(update, tf.float32)) / self.num_falling
        return self.rate * tf.clip_by_value(remaining, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, as Keras asks."""
        return {"rate": self.rate, "num_updates": self.num_updates, "num_falling": self.num_falling}
