"""Files are written whole or not at all."""

import os

import pytest

from errors import UserError
from storage import atomic
from conftest import file_size_limit


def test_text_and_bytes_are_written_into_a_new_folder(tmp_path):
    assert atomic.write(tmp_path / "new" / "a.txt", "é").read_bytes() == "é".encode()
    assert atomic.write(tmp_path / "new" / "a.txt", b"\x00\x01").read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path / "new") == ["a.txt"]


def test_a_write_that_fails_half_way_is_said_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "figures.json"
    atomic.write(path, "old")
    with file_size_limit(1000), pytest.raises(UserError, match="figures.json cannot be written: File too large"):
        atomic.write(path, b"x" * 5000)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["figures.json"]


def test_several_files_are_replaced_together_or_not_at_all(tmp_path):
    atomic.write_all({tmp_path / "a": "old", tmp_path / "new" / "b": b"old"})
    with file_size_limit(1000), pytest.raises(UserError, match="b cannot be written: File too large"):
        atomic.write_all({tmp_path / "a": "new", tmp_path / "new" / "b": b"x" * 5000})
    assert (tmp_path / "a").read_text() == (tmp_path / "new" / "b").read_text() == "old"
    assert os.listdir(tmp_path / "new") == ["b"] and sorted(os.listdir(tmp_path)) == ["a", "new"]
