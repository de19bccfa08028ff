"""Tracing without AutoGraph, whose conversion of functions takes most of a short run's time and which hardly any need.

Import it before modules of the project, whose functions are decorated as they are imported.
"""

import functools
import importlib

import tensorflow as tf

# Functions that do need it: they use Python's own words, such as `len`, on tensors of a graph.
NEED_AUTOGRAPH = (("data.batches", "_permuted"),)

without = tf.autograph.experimental.do_not_convert
if not isinstance(tf.function, functools.partial):
    tf.function = functools.partial(tf.function, autograph=False)


def convert_what_needs_it():
    """Puts converted functions in the place of those that need AutoGraph, so that all others can do without."""
    for module, name in NEED_AUTOGRAPH:
        owner = importlib.import_module(module)
        setattr(owner, name, tf.autograph.to_graph(getattr(owner, name)))
