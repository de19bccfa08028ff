"""Checkpoints: strict, whole, and refused by name."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from conftest import file_size_limit
from errors import UserError
from models.unet import build_unet
from storage import checkpoint
from training import optimizers


def made(width=1 / 32):
    network = build_unet(width=width, size=64)
    return network, optimizers.make_adam(1e-3, network.trainable_variables)


def test_a_restored_run_has_the_saved_variables_slots_and_step(tmp_path):
    network, optimizer = made()
    optimizer.apply_gradients((tf.ones_like(variable), variable) for variable in network.trainable_variables)
    checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).save(7)
    other, other_optimizer = made()
    assert checkpoint.Checkpoints(tmp_path, generator=other, generator_optimizer=other_optimizer).restore() == 7
    for one, two in zip(network.variables + optimizer.variables(), other.variables + other_optimizer.variables()):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


@pytest.mark.parametrize("damage", [pathlib.Path.unlink, lambda path: path.write_text("garbage")], ids=["gone", "broken"])
def test_the_last_checkpoint_is_found_without_tensorflows_list_of_them(tmp_path, damage):
    network, optimizer = made()
    checkpoints = checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer)
    checkpoints.save(7)
    checkpoints.save(12)
    damage(tmp_path / "checkpoint")
    assert checkpoint.latest_checkpoint(tmp_path) == str(tmp_path / "step-12")
    other, other_optimizer = made()
    assert checkpoint.Checkpoints(tmp_path, generator=other, generator_optimizer=other_optimizer).restore() == 12
    assert checkpoint.restore_network(tmp_path, other) == 12
    steps = checkpoint.checkpoints_by_step(tmp_path)
    assert list(steps) == [7, 12] and checkpoint.restore_network(tmp_path, other, path=steps[7]) == 7
    assert checkpoint.latest_checkpoint(tmp_path / "none") is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_what_training_has_ruined_is_named(tmp_path, value):
    network, optimizer = made()
    optimizer.apply_gradients((tf.ones_like(variable), variable) for variable in network.trainable_variables)
    checkpoints = checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer)
    assert checkpoints.first_not_finite() is None
    slot = optimizer.variables()[-1]
    slot.assign(tf.fill(slot.shape, tf.constant(value, tf.float32)))
    assert checkpoints.first_not_finite() == f"generator_optimizer, {slot.name}"
    network.variables[3].assign(tf.fill(network.variables[3].shape, tf.constant(value, tf.float32)))
    assert checkpoints.first_not_finite() == f"generator, {network.variables[3].name}"


def test_without_a_checkpoint_a_run_starts_at_step_zero(tmp_path):
    network, optimizer = made()
    assert checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).restore() == 0


def test_a_checkpoint_of_another_width_is_refused_with_both_shapes(tmp_path):
    network, optimizer = made()
    checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).save(1)
    wide, wide_optimizer = made(width=1 / 16)
    with pytest.raises(UserError, match=r"does not fit this run: .*with shape \(.*variable with shape \(.*name unet/"):
        checkpoint.Checkpoints(tmp_path, generator=wide, generator_optimizer=wide_optimizer).restore()
    with pytest.raises(UserError, match="does not fit the network"):
        checkpoint.restore_network(tmp_path, wide)


def test_a_checkpoint_with_more_than_the_run_is_refused(tmp_path):
    network, optimizer = made()
    checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).save(1)
    with pytest.raises(UserError, match="does not fit this run"):
        checkpoint.Checkpoints(tmp_path, generator=network).restore()


def test_a_truncated_checkpoint_is_refused(tmp_path):
    network, optimizer = made()
    checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).save(1)
    data = next(tmp_path.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(UserError, match="step-1 does not fit this run"):
        checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).restore()


def test_a_checkpoint_that_cannot_be_written_is_said_and_the_last_whole_one_stays(tmp_path):
    network, optimizer = made()
    checkpoints = checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer)
    checkpoints.save(1)
    with file_size_limit(4000):
        with pytest.raises(UserError, match="checkpoint of step 2 cannot be written: .*last whole one is .*step-1"):
            checkpoints.save(2)
    assert checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer).restore() == 1


def test_restoring_the_generator_alone_needs_a_checkpoint(tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint"):
        checkpoint.restore_network(tmp_path, made()[0])
