"""The paper's optimizer."""

import tensorflow as tf


def make_adam(learning_rate, variables, *, beta_1=0.5, beta_2=0.999, mixed_precision="none"):
    """Makes Adam with its slots for the variables, so that a checkpoint can be restored strictly.

    Keras' legacy Adam is used since it updates each variable in one fused operation; Keras 2.15's new one makes about
    ten passes over memory per variable. Epsilon is 1e-8, the default of the TensorFlow of the paper's time.

    Args:
      learning_rate: constant rate (the paper: 2e-4 for discriminators, 4e-4 for generators).
      variables: what it will update.
      beta_1: decay of the first moment (0.5).
      beta_2: decay of the second moment (0.999).
      mixed_precision: 'none', 'bfloat16' or 'float16'; with 'float16' the loss is scaled dynamically.

    Returns:
      An optimizer, wrapped in `LossScaleOptimizer` for 'float16'.
    """
    adam = tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
    adam._create_all_weights(variables)  # pylint: disable=protected-access  there is no public way in Keras 2.15
    return tf.keras.mixed_precision.LossScaleOptimizer(adam) if mixed_precision == "float16" else adam
