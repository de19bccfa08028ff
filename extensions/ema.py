"""Exponential moving average of a trained network (Yazici et al. 2019), which panels, metrics and weights use (S17)."""

import tensorflow as tf


class MovingAverage(tf.Module):
    """Keeps one network's variables at the exponential moving average of another's.

    Batch normalization's moving statistics are averaged as the weights are. The decay is (1 + t) / (10 + t) as long as
    that is less, so that the random start is soon forgotten. With 0.999 these are 8,990 steps, in which the average is
    over about the last ninth of the steps made.
    """

    def __init__(self, network: tf.keras.Model, averaged: tf.keras.Model, *, decay: float,
                 name: str = "generator_average") -> None:
        """Sets the averaged network to the network's present values.

        Args:
          network: built network that is trained.
          averaged: built network of the same kind, which is written here alone.
          decay: share of the old average kept at each step, in (0, 1).
          name: the averaged network's in checkpoints.

        Raises:
          ValueError: the decay is not strictly between 0 and 1, or the networks differ.
        """
        super().__init__(name="moving_average")
        if not 0.0 < decay < 1.0:
            raise ValueError(f"decay is {decay}, expected a value strictly between 0 and 1")
        if [variable.shape for variable in network.variables] != [variable.shape for variable in averaged.variables]:
            raise ValueError("the networks have different variables")
        self.averaged, self._key = averaged, name
        self._pairs, self._decay = list(zip(averaged.variables, network.variables)), decay
        for mine, other in self._pairs:
            mine.assign(other)

    def objects(self) -> dict[str, tf.keras.Model]:
        """Returns what a checkpoint holds: the averaged network."""
        return {self._key: self.averaged}

    @tf.function(autograph=False)
    def __call__(self, num_steps: tf.Tensor) -> None:
        """Moves the average towards the network. `num_steps`: integer scalar, steps made with the present one."""
        steps = tf.cast(num_steps, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + steps) / (10.0 + steps))
        for mine, other in self._pairs:
            mine.assign(decay * mine + (1.0 - decay) * other)
