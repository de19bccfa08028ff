"""The folder that a count writes."""

import pytest

from counting import outputs
from errors import UserError


def test_what_no_count_has_written_is_not_overwritten(tmp_path):
    (tmp_path / "labels.png").touch()
    with pytest.raises(UserError, match=r"labels\.png, which no count has written, would be overwritten; give another --out"):
        outputs.check_folder(str(tmp_path), student=None, is_trained=True)
    (tmp_path / "count.json").touch()
    outputs.check_folder(str(tmp_path), student=None, is_trained=True)
    outputs.check_folder(str(tmp_path / "new"), student=None, is_trained=True)


def test_the_student_of_another_count_does_not_stay_beside_new_results(tmp_path):
    kept = tmp_path / "student.npz"
    kept.touch()
    with pytest.raises(UserError, match=r"student\.npz, the student of an earlier count, would stay"):
        outputs.check_folder(str(tmp_path), student="other.npz", is_trained=False)
    outputs.check_folder(str(tmp_path), student=str(kept), is_trained=False)
    outputs.check_folder(str(tmp_path), student="other.npz", is_trained=True)


def test_a_folder_is_made_or_named(tmp_path):
    outputs.make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/out cannot be made: Not a directory"):
        outputs.make_folder(str(tmp_path / "file" / "out"))
