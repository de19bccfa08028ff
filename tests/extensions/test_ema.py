"""The generator's exponential moving average."""

import pytest
import tensorflow as tf

from extensions import ema


def dense(value):
    network = tf.keras.layers.Dense(1, kernel_initializer=tf.constant_initializer(value), use_bias=False)
    network.build([1, 1])
    return network


def test_the_average_moves_by_the_decay_and_faster_at_the_start():
    network, averaged = dense(1.0), dense(5.0)
    average = ema.MovingAverage(network, averaged, decay=0.75)
    assert float(averaged.kernel) == 1.0  # the network's own start
    network.kernel.assign([[2.0]])
    average(0)
    assert float(averaged.kernel) == pytest.approx(0.1 * 1.0 + 0.9 * 2.0)
    average(1000)
    assert float(averaged.kernel) == pytest.approx(0.75 * 1.9 + 0.25 * 2.0)
    assert float(network.kernel) == 2.0


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5])
def test_a_decay_outside_zero_and_one_is_refused(decay):
    with pytest.raises(ValueError, match="between 0 and 1"):
        ema.MovingAverage(dense(1.0), dense(1.0), decay=decay)


def test_networks_that_differ_are_refused():
    other = tf.keras.layers.Dense(2)
    other.build([1, 1])
    with pytest.raises(ValueError, match="different variables"):
        ema.MovingAverage(dense(1.0), other, decay=0.5)
