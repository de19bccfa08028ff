"""The paper's optimizer."""

from typing import Any, Sequence

import tensorflow as tf

from extensions import schedules


def make_adam(learning_rate: float, variables: Sequence[tf.Variable], *, adam_beta_1: float = 0.5,
              adam_beta_2: float = 0.999, mixed_precision: str = "none") -> tf.keras.optimizers.Optimizer:
    """Makes Adam with its slots for the variables, so that a checkpoint can be restored strictly.

    Keras' legacy Adam is used since it updates each variable in one fused operation; Keras 2.15's new one makes about
    ten passes over memory per variable. Epsilon is 1e-8, the default of the TensorFlow of the paper's time.

    Args:
      learning_rate: constant rate (the paper: 2e-4 for discriminators, 4e-4 for generators), or a schedule.
      variables: what it will update.
      adam_beta_1: decay of the first moment (0.5).
      adam_beta_2: decay of the second moment (0.999).
      mixed_precision: 'none', 'bfloat16' or 'float16'; with 'float16' the loss is scaled dynamically.

    Returns:
      An optimizer, wrapped in `LossScaleOptimizer` for 'float16'.
    """
    adam = tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=adam_beta_1, beta_2=adam_beta_2, epsilon=1e-8)
    adam._create_all_weights(variables)  # pylint: disable=protected-access  there is no public way in Keras 2.15
    return tf.keras.mixed_precision.LossScaleOptimizer(adam) if mixed_precision == "float16" else adam


def make_pair(generator_variables: Sequence[tf.Variable], discriminator_variables: Sequence[tf.Variable], *,
              generator_learning_rate: float, discriminator_learning_rate: float, num_steps: int,
              learning_rate_fall_steps: int = 0, num_discriminator_updates: int = 1, **adam: Any) -> tuple[Any, Any]:
    """Makes both players' optimizers.

    Args:
      generator_variables: what generator updates change.
      discriminator_variables: what discriminator updates change.
      generator_learning_rate: the generator's rate.
      discriminator_learning_rate: the discriminator's rate.
      num_steps: steps of the whole run.
      learning_rate_fall_steps: its last steps in which both rates fall linearly to zero; 0 keeps them constant, as the paper does.
      num_discriminator_updates: discriminator updates per step.
      **adam: of `make_adam`.

    Returns:
      (generator_optimizer, discriminator_optimizer).
    """

    options = {"num_steps": num_steps, "learning_rate_fall_steps": learning_rate_fall_steps, **adam}
    return (make_optimizer(generator_variables, learning_rate=generator_learning_rate, **options),
            make_optimizer(discriminator_variables, learning_rate=discriminator_learning_rate,
                           updates_per_step=num_discriminator_updates, **options))


def make_optimizer(variables: Sequence[tf.Variable], *, learning_rate: float, num_steps: int,
                   learning_rate_fall_steps: int = 0, updates_per_step: int = 1,
                   **adam: Any) -> tf.keras.optimizers.Optimizer:
    """Makes one network's optimizer, whose rate may fall at the run's end.

    Args:
      variables: what it will update.
      learning_rate: rate before the fall.
      num_steps: steps of the whole run.
      learning_rate_fall_steps: as for `make_pair`.
      updates_per_step: updates per step.
      **adam: of `make_adam`.

    Returns:
      An optimizer.
    """
    if learning_rate_fall_steps:
        learning_rate = schedules.FallingRate(learning_rate, num_updates=num_steps * updates_per_step,
                                              num_falling=learning_rate_fall_steps * updates_per_step)
    return make_adam(learning_rate, variables, **adam)
