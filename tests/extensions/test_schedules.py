"""Schedules of weights and of the area constant."""

import pytest
import tensorflow as tf

from extensions import schedules


@pytest.mark.parametrize("step, expected", [(0, 0.92), (5, 0.64), (10, 0.36), (70, 0.36)])
def test_a_value_goes_linearly_and_then_stays(step, expected):
    schedule = schedules.Linear(0.92, 0.36, num_steps=10)
    assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(expected, abs=1e-6)
