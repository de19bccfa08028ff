"""Schedules that the paper does not have: an area constant that falls (S12), rates that fall at the end (S15)."""

import tensorflow as tf


def scheduled_area(progress, *, start, end):
    """Defines S12's schedule: the area constant falls linearly from `start` to `end`.

    Args:
      progress: share of the ramp done, scalar tensor; clipped to [0, 1].
      start: area at the ramp's start, in [0, 1].
      end: `a` of Eq. (7), in [0, 1].

    Returns:
      Scalar float32 in [0, 1].
    """
    progress = tf.clip_by_value(tf.cast(progress, tf.float32), 0.0, 1.0)
    return start + (end - start) * progress


class FallingRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A constant learning rate that falls linearly to zero at a run's end (not in the paper, whose rates stay; S15).

    Where two players circle around each other, smaller and smaller steps end the circling.
    """

    def __init__(self, rate, *, num_updates, num_falling):
        """Makes the schedule.

        Args:
          rate: rate before the fall.
          num_updates: updates of this optimizer in the whole run.
          num_falling: how many of them, the last ones, fall; at least 1.
        """
        super().__init__()
        self.rate, self.num_updates, self.num_falling = rate, num_updates, num_falling

    def __call__(self, update):
        """Returns the rate of update number `update` (from 0), float32 in [0, rate]."""
        remaining = (self.num_updates - tf.cast(update, tf.float32)) / self.num_falling
        return self.rate * tf.clip_by_value(remaining, 0.0, 1.0)

    def get_config(self):
        """Returns the constructor's arguments, as Keras asks."""
        return {"rate": self.rate, "num_updates": self.num_updates, "num_falling": self.num_falling}
