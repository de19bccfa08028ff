"""Adam as the paper sets it, and rates that fall."""

import numpy as np
import pytest
import tensorflow as tf

from extensions import schedules
from training import optimizers


def test_rates_stay_constant_unless_asked_to_fall():
    variables = [tf.Variable([1.0])]
    one, two = optimizers.make_pair(variables, variables, generator_learning_rate=0.5, discriminator_learning_rate=0.25,
                                    num_steps=10)
    assert float(one.learning_rate) == 0.5 and float(two.learning_rate) == 0.25


def test_a_rate_falls_linearly_to_zero_over_the_last_steps():
    rate = schedules.FallingRate(2.0, num_updates=10, num_falling=4)
    assert [float(rate(update)) for update in (0, 5, 6, 7, 8, 9, 10, 11)] == [2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0, 0.0]


def test_several_discriminator_updates_per_step_fall_with_the_steps():
    variables = [tf.Variable([1.0])]
    one, two = optimizers.make_pair(variables, variables, generator_learning_rate=1.0, discriminator_learning_rate=1.0,
                                    num_steps=8, learning_rate_fall_steps=4, num_discriminator_updates=3)
    for step in range(9):
        assert float(one.learning_rate(step)) == pytest.approx(float(two.learning_rate(3 * step)))


def test_a_falling_adam_moves_by_its_rate():
    variable = tf.Variable([1.0, 1.0])
    adam = optimizers.make_adam(schedules.FallingRate(0.1, num_updates=4, num_falling=2), [variable])
    before, moves = variable.numpy(), []
    for _ in range(5):
        adam.apply_gradients([(tf.constant([1.0, -2.0]), variable)])
        moves.append(np.abs(variable.numpy() - before))
        before = variable.numpy()
    np.testing.assert_allclose(moves, [[0.1, 0.1]] * 3 + [[0.05, 0.05], [0.0, 0.0]], atol=1e-6)
