"""Checkpoints and weights files: strict, whole, and refused by name."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from conftest import file_size_limit
from errors import UserError
from models.unet import build_unet
from storage import checkpoint
from storage.weights import assign_weights, read_weights, save_weights, start_from, write_weights
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
    assert checkpoint.latest_checkpoint(tmp_path / "none") is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_what_training_has_ruined_is_named(tmp_path, value):
    network, optimizer = made()
    optimizer.apply_gradients((tf.ones_like(variable), variable) for variable in network.trainable_variables)
    checkpoints = checkpoint.Checkpoints(tmp_path, generator=network, generator_optimizer=optimizer)
    assert checkpoints.unsound() is None
    slot = optimizer.variables()[-1]
    slot.assign(tf.fill(slot.shape, tf.constant(value, tf.float32)))
    assert checkpoints.unsound() == f"generator_optimizer, {slot.name}"
    network.variables[3].assign(tf.fill(network.variables[3].shape, tf.constant(value, tf.float32)))
    assert checkpoints.unsound() == f"generator, {network.variables[3].name}"


@pytest.mark.parametrize("flags", [None, 5, "--seed=1"])
def test_weights_whose_flags_are_no_flags_are_refused(tmp_path, flags):
    write_weights(tmp_path / "w.npz", {}, metadata={"flags": flags}, half_precision=False)
    with pytest.raises(UserError, match="w.npz does not say how its network is used: its header holds no flags by name"):
        read_weights(tmp_path / "w.npz")


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


def test_weights_go_through_a_file_unchanged(tmp_path):
    network, other = made()[0], made()[0]
    save_weights(tmp_path / "w.npz", network, metadata={"network": "unet", "width": 1 / 32})
    metadata, arrays = read_weights(tmp_path / "w.npz")
    assert metadata["network"] == "unet" and metadata["width"] == 1 / 32
    assign_weights(other, arrays, path="w.npz")
    for one, two in zip(network.variables, other.variables):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_weights_that_do_not_fit_are_refused_and_nothing_is_assigned(tmp_path):
    network, wide = made()[0], made(width=1 / 16)[0]
    before = [variable.numpy() for variable in wide.variables]
    save_weights(tmp_path / "w.npz", network, metadata={})
    with pytest.raises(UserError, match=r"w.npz does not fit the network: for unet.* it has \[.*\], expected \[.*\]"):
        assign_weights(wide, read_weights(tmp_path / "w.npz")[1], path="w.npz")
    assert all(np.array_equal(old, variable.numpy()) for old, variable in zip(before, wide.variables))


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match="none.npz does not exist"):
        read_weights(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="text.npz is no weights file"):
        read_weights(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(UserError, match="other.npz is no weights file of this project"):
        read_weights(tmp_path / "other.npz")
    np.savez(tmp_path / "format.npz", **{"": np.array(json.dumps({"format": "else-7"}))})
    with pytest.raises(UserError, match="has format 'else-7'"):
        read_weights(tmp_path / "format.npz")


def test_a_single_array_and_a_header_that_is_no_dict_are_no_weights(tmp_path):
    with open(tmp_path / "array.npz", "wb") as file:
        np.save(file, np.zeros(3))
    np.savez(tmp_path / "list.npz", **{"": np.array("[1, 2]")})
    for name, message in (("array", "array.npz is no weights file: it holds a single array"),
                          ("list", "list.npz has format None")):
        with pytest.raises(UserError, match=message):
            read_weights(tmp_path / f"{name}.npz")


def test_half_precision_takes_half_the_room_and_changes_masks_little(tmp_path):
    network, other = made(width=1 / 8)[0], made(width=1 / 8)[0]
    for name, half in (("full", False), ("half", True)):
        save_weights(tmp_path / f"{name}.npz", network, metadata={}, half_precision=half)
    assert (tmp_path / "half.npz").stat().st_size < 0.55 * (tmp_path / "full.npz").stat().st_size
    assign_weights(other, read_weights(tmp_path / "half.npz")[1], path="half.npz")
    images = tf.random.uniform([2, 64, 64, 3], seed=0)
    difference = tf.abs(network(images) - other(images))
    assert 0 < float(tf.reduce_max(difference)) < 0.01


def test_training_starts_from_a_file_of_the_same_kind_alone(tmp_path):
    network, first, second = (made(width=1 / 32)[0] for _ in range(3))
    save_weights(tmp_path / "w.npz", network, metadata={"network": "unet", "disk_area": 0.25})
    start_from(tmp_path / "w.npz", (first, None, second), network="unet", disk_area=0.25)
    for started in (first, second):
        assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), started.get_weights()))
    with pytest.raises(UserError, match="its network is 'unet', this run's is 'instance_generator'"):
        start_from(tmp_path / "w.npz", (first,), network="instance_generator")
    with pytest.raises(UserError, match="its disk_area is 0.25, this run's is None"):
        start_from(tmp_path / "w.npz", (first,), network="unet", disk_area=None)
    with pytest.raises(UserError, match="does not fit the network"):
        start_from(tmp_path / "w.npz", (made(width=1 / 16)[0],), network="unet")
