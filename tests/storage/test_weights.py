"""Weights files: whole, without pickle, and refused by name."""

import json

import numpy as np
import pytest
import tensorflow as tf

from errors import UserError
from models.unet import build_unet
from storage.weights import assign_weights, read_weights, save_weights, start_from, write_weights


def made(width=1 / 32):
    return build_unet(width=width, size=64)


@pytest.mark.parametrize("flags", [None, 5, "--seed=1"])
def test_weights_whose_flags_are_no_flags_are_refused(tmp_path, flags):
    write_weights(tmp_path / "w.npz", {}, metadata={"flags": flags})
    with pytest.raises(UserError, match="w.npz does not say how its network is used: its header holds no flags by name"):
        read_weights(tmp_path / "w.npz")


def test_weights_go_through_a_file_unchanged(tmp_path):
    network, other = made(), made()
    save_weights(tmp_path / "w.npz", network, metadata={"network": "unet", "width": 1 / 32})
    metadata, arrays = read_weights(tmp_path / "w.npz")
    assert metadata["network"] == "unet" and metadata["width"] == 1 / 32
    assign_weights(other, arrays, path="w.npz")
    for one, two in zip(network.variables, other.variables):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_weights_that_do_not_fit_are_refused_and_nothing_is_assigned(tmp_path):
    network, wide = made(), made(width=1 / 16)
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


def test_a_file_with_flipped_bytes_is_refused(tmp_path):
    write = tmp_path / "w.npz"
    save_weights(write, made(), metadata={})
    content = bytearray(write.read_bytes())
    middle = len(content) // 2
    content[middle:middle + 64] = bytes(value ^ 0xFF for value in content[middle:middle + 64])
    write.write_bytes(content)
    with pytest.raises(UserError, match="w.npz is no weights file, or a broken one"):
        read_weights(write)


def test_a_single_array_and_a_header_that_is_no_dict_are_no_weights(tmp_path):
    with open(tmp_path / "array.npz", "wb") as file:
        np.save(file, np.zeros(3))
    np.savez(tmp_path / "list.npz", **{"": np.array("[1, 2]")})
    for name, message in (("array", "array.npz is no weights file: it holds a single array"),
                          ("list", "list.npz has format None")):
        with pytest.raises(UserError, match=message):
            read_weights(tmp_path / f"{name}.npz")


def test_half_precision_takes_half_the_room_and_changes_masks_little(tmp_path):
    network, other = made(width=1 / 8), made(width=1 / 8)
    arrays = {variable.name: variable.numpy() for variable in network.variables}
    for name, half in (("full", False), ("half", True)):
        write_weights(tmp_path / f"{name}.npz", arrays, metadata={}, half_precision=half)
    assert (tmp_path / "half.npz").stat().st_size < 0.55 * (tmp_path / "full.npz").stat().st_size
    assign_weights(other, read_weights(tmp_path / "half.npz")[1], path="half.npz")
    images = tf.random.uniform([2, 64, 64, 3], seed=0)
    difference = tf.abs(network(images) - other(images))
    assert 0 < float(tf.reduce_max(difference)) < 0.01


def test_training_starts_from_a_file_of_the_same_kind_alone(tmp_path):
    network, first, second = (made(width=1 / 32) for _ in range(3))
    save_weights(tmp_path / "w.npz", network, metadata={"network": "unet", "disk_area": 0.25})
    start_from(tmp_path / "w.npz", (first, None, second), network="unet", disk_area=0.25)
    for started in (first, second):
        assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), started.get_weights()))
    with pytest.raises(UserError, match="its network is 'unet', this run's is 'instance_generator'"):
        start_from(tmp_path / "w.npz", (first,), network="instance_generator")
    with pytest.raises(UserError, match="its disk_area is 0.25, this run's is None"):
        start_from(tmp_path / "w.npz", (first,), network="unet", disk_area=None)
    start_from(tmp_path / "w.npz", (first,), network="unet", disk_elongation=None)  # files of before do not say it: round
    with pytest.raises(UserError, match="its disk_elongation is None, this run's is 2.0"):
        start_from(tmp_path / "w.npz", (first,), network="unet", disk_elongation=2.0)
    with pytest.raises(UserError, match="does not fit the network"):
        start_from(tmp_path / "w.npz", (made(width=1 / 16),), network="unet")
