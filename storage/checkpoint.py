"""Checkpoints of a run."""

import os
import pathlib
import tempfile
from typing import Any, Optional, Union

import tensorflow as tf

from errors import UserError, first_line

LARGEST_VALUE = 1e15  # float32's products of two larger ones soon overflow; no trained variable comes near
# What TensorFlow raises for other shapes, missing objects, missing files, and truncated files.
_RESTORE_ERRORS = (ValueError, AssertionError, tf.errors.OpError, IndexError, RuntimeError)


class Checkpoints:
    """The checkpoints of one run: networks, optimizers, and the number of steps done.

    Attributes:
      step: int64 variable, steps done.
    """

    def __init__(self, directory: Union[str, os.PathLike], *, is_chief: bool = True, num_kept: int = 2,
                 **objects: Any) -> None:
        """Looks at a folder; objects must have been built, so that every variable exists.

        Args:
          directory: folder of the checkpoints.
          is_chief: whether this process's checkpoints stay. Of several workers all must save, since some variables are
            put together from all of them, but what others than the chief write is deleted.
          num_kept: how many of the latest checkpoints stay.
          **objects: what is saved, by name (`generator`, `discriminator`, and their optimizers).
        """
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self._checkpoint = tf.train.Checkpoint(step=self.step, **objects)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(directory), max_to_keep=num_kept,
                                                   checkpoint_name="step")
        self._is_chief, self._objects = is_chief, objects

    @property
    def latest(self) -> Optional[str]:
        """Path of the last whole checkpoint, or None."""
        return self._manager.latest_checkpoint or latest_checkpoint(self._manager.directory)

    def restore(self) -> int:
        """Restores the last checkpoint, if there is one, strictly. Returns the number of steps done.

        Raises:
          UserError: it does not fit the networks and optimizers, or cannot be read.
        """
        if self.latest:
            try:
                self._checkpoint.restore(self.latest).assert_consumed()
            except _RESTORE_ERRORS as error:
                raise UserError(f"checkpoint {self.latest} does not fit this run{_why(error)}.") from error
        return int(self.step.numpy())

    def first_not_finite(self) -> Optional[str]:
        """Names the first variable with a value that is not finite or too large, or returns None.

        A step's losses are computed before its updates, so they do not show what the last update has made.
        """
        for name, one in self._objects.items():
            for variable in one.variables() if callable(one.variables) else one.variables:
                if variable.dtype.is_floating and not bool(tf.reduce_max(tf.abs(variable)) <= LARGEST_VALUE):
                    return f"{name}, {variable.name}"
        return None

    def save(self, step: int) -> None:
        """Saves after `step` steps. The last whole checkpoint stays until the new one is whole.

        Raises:
          UserError: it cannot be written (disk full, no permission).
        """
        self.step.assign(step)
        try:
            if self._is_chief:
                self._manager.save(checkpoint_number=step)
            else:  # the same exchanges between workers in the same order, into a folder that goes
                with tempfile.TemporaryDirectory() as directory:
                    tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=1).save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            raise UserError(f"the checkpoint of step {step} cannot be written: {first_line(error)}; the last whole "
                            f"one is {self.latest or 'missing'}") from error


def latest_checkpoint(directory: Union[str, os.PathLike]) -> Optional[str]:
    """Finds the last checkpoint in a folder, also where TensorFlow's own list of them is lost.

    Returns its path as `tf.train.Checkpoint.restore` takes it, or None.
    """
    latest = tf.train.latest_checkpoint(str(directory))
    if latest:
        return latest
    steps = checkpoints_by_step(directory)
    return steps[max(steps)] if steps else None


def checkpoints_by_step(directory: Union[str, os.PathLike]) -> dict[int, str]:
    """Returns the paths of all checkpoints in a folder, as `latest_checkpoint`'s, by their numbers of steps in order."""
    paths = [path.with_suffix("") for path in pathlib.Path(directory).glob("step-*.index")]
    return dict(sorted((int(path.name[len("step-"):]), str(path)) for path in paths
                       if path.name[len("step-"):].isdigit()))


def restore_network(directory: Union[str, os.PathLike], network: tf.keras.Model, *, name: str = "generator",
                    path: Optional[str] = None) -> int:
    """Restores one network of a run from its last checkpoint, or from another one.

    Args:
      directory: folder of the checkpoints.
      network: built network of the run's width.
      name: what the checkpoint calls it: 'generator', or a distillation's 'student'.
      path: the checkpoint, of `checkpoints_by_step`; None: the last.

    Returns:
      Number of steps done.

    Raises:
      UserError: there is no checkpoint, or it is of another network.
    """
    path = path or latest_checkpoint(directory)
    if path is None:
        raise UserError(f"{directory} holds no checkpoint; has the run saved one yet?")
    step = tf.Variable(0, dtype=tf.int64)
    try:
        status = tf.train.Checkpoint(step=step, **{name: network}).restore(path)
        status.assert_existing_objects_matched().expect_partial()
    except _RESTORE_ERRORS as error:
        raise UserError(f"checkpoint {path} does not fit the network{_why(error)}.") from error
    return int(step.numpy())


def _why(error: Exception) -> str:
    """Says in half a sentence why a checkpoint was refused; silences TensorFlow's lines about each of its values."""
    tf.get_logger().setLevel("ERROR")
    if isinstance(error, AssertionError):
        return ", it is of other networks or another task"
    return f": {first_line(error)}"
