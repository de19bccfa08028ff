"""How data sets hand their batches over."""

import tensorflow as tf


def prefetched(dataset: tf.data.Dataset, num_batches: int) -> tf.data.Dataset:
    """Keeps so many batches ready, and turns TensorFlow's tuning of the data set off.

    Steps are as fast without it. The tuner's thread sleeps up to a minute at a time, and an iterator that is given up waits for it,
    so that a run would end a minute late.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(num_batches)
