"""How data sets hand their batches over."""

import tensorflow as tf

from data import prefetching


def test_batches_keep_their_order_and_are_not_tuned():
    doubled = tf.data.Dataset.range(20).map(lambda number: 2 * number, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = prefetching.prefetched(doubled, 2)
    assert [int(number) for number in dataset] == list(range(0, 40, 2))
    assert dataset.options().autotune.enabled is False  # else an iterator that is given up waits up to a minute for the tuner
