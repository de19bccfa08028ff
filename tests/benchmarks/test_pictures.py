"""The rate of the scripts that take pictures."""

import os

import pytest

from benchmarks import pictures


@pytest.mark.parametrize("script", ["segment", "evaluate"])
def test_a_script_is_timed_on_few_pictures_and_many(script):
    found = pictures.measure(script, counts=(2, 10), cores=1)
    assert found["script"] == script and found["num_pictures"] == 10 and found["cores"] == 1
    assert 100 < found["peak_memory_mib"] < 4000 and found["pictures_per_s"] != 0


def test_rates_are_of_the_pictures_alone(monkeypatch):
    monkeypatch.setattr(pictures, "_run", lambda script, count, cores, grabcut: (5.0 + count / 20, 100 + count / 1024))
    found = pictures.measure("segment", counts=(10, 110), cores=2)
    assert found["pictures_per_s"] == pytest.approx(20) and found["start_s"] == pytest.approx(5)
    assert found["memory_growth_kib_per_picture"] == pytest.approx(1)


def test_pictures_are_taken_again_and_again(tmp_path):
    flags = pictures.lay_out(tmp_path / "p", "evaluate", 700)
    images, masks = (sorted(os.listdir(tmp_path / "p" / name)) for name in ("images", "masks"))
    assert len(images) == len(masks) == 700 and [os.path.splitext(name)[0] for name in images] == [
        os.path.splitext(name)[0] for name in masks]
    lines = (tmp_path / "p" / "boxes.txt").read_text().splitlines()
    assert len(lines) == 700 and lines[0].split()[1:] == lines[599].split()[1:]
    assert f"--masks={tmp_path / 'p' / 'masks'}" in flags


def test_a_script_that_fails_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    (tmp_path / "segment.py").write_text("import sys\nsys.exit('error: it rains')\n")
    with pytest.raises(pictures.UserError, match="segment.py ended with status 1: error: it rains"):
        pictures.measure("segment", counts=(1, 2), cores=1)
