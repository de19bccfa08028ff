"""Whose folder a run folder is."""

import errno
import fcntl
import json

import pytest
import tensorflow as tf

from errors import UserError
from storage.checkpoint import Checkpoints
from storage.run_folder import RunFolder, read_flags

LINES = {"area_constant": "--area_constant=0.25", "flip": "--noflip", "images": "", "num_steps": "--num_steps=10"}


def test_a_new_folder_gets_flags_and_versions(tmp_path):
    RunFolder(tmp_path / "run").open(flag_lines=LINES, changeable=("num_steps",))
    lines = (tmp_path / "run" / "flags.txt").read_text().splitlines()
    assert lines == ["--area_constant=0.25", "--noflip", "--num_steps=10"]
    assert json.loads((tmp_path / "run" / "versions.json").read_text())["tensorflow"].startswith("2.15")
    assert read_flags(tmp_path / "run") == {"area_constant": "0.25", "flip": "false", "num_steps": "10"}


def test_the_same_flags_enter_the_folder_again_and_its_length_is_that_of_the_steps_made(tmp_path):
    first = RunFolder(tmp_path)
    first.open(flag_lines=LINES, changeable=("num_steps",))
    first.close()
    (tmp_path / "metrics.json").write_text("{}")
    longer, again = {**LINES, "num_steps": "--num_steps=99"}, RunFolder(tmp_path)
    again.open(flag_lines=longer, changeable=("num_steps",))
    assert again.recorded() == {name: line for name, line in LINES.items() if line}
    again.record(longer)
    assert again.recorded() == {name: line for name, line in longer.items() if line}
    assert "--num_steps=99" in (tmp_path / "flags.txt").read_text()


@pytest.mark.parametrize("name, line, message", [
    ("area_constant", "--area_constant=0.5", "says --area_constant=0.25, this command --area_constant=0.5"),
    ("flip", "--flip", "says --noflip, this command --flip"),
    ("images", "--images=there", "says no --images, this command --images=there"),
    ("area_constant", "", "says --area_constant=0.25, this command no --area_constant"),
])
def test_another_runs_folder_is_refused_with_both_values(tmp_path, name, line, message):
    RunFolder(tmp_path).open(flag_lines=LINES, changeable=("num_steps",))
    (tmp_path / "metrics.json").write_text("{}")
    before = (tmp_path / "flags.txt").read_text()
    with pytest.raises(UserError, match=message):
        RunFolder(tmp_path).open(flag_lines={**LINES, name: line}, changeable=("num_steps",))
    assert (tmp_path / "flags.txt").read_text() == before


@pytest.mark.parametrize("name, images, message", [
    ("a[b]c", "there", r"a\[b\]c, whose path holds \[; rename the folder, or give another"),
    ("back\\slash", "there", r"whose path holds \\; rename"),
    ("a*b?c", "there", r"whose path holds \* and \?; rename"),
    ("run", "latin\udcff", "--images=.* holds bytes that are no UTF-8, which flags.txt cannot hold"),
])
def test_names_that_checkpoints_or_flagfiles_cannot_have_are_refused_at_the_start(tmp_path, name, images, message):
    lines = {**LINES, "run_dir": f"--run_dir={tmp_path / name}", "images": f"--images={images}"}
    with pytest.raises(UserError, match=message):
        RunFolder(tmp_path / name).open(flag_lines=lines, changeable=())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["50%d", "my run", "ünï 日本", "{a,b}#$HOME", "-x&\"'"])
def test_other_special_characters_keep_checkpoints(tmp_path, name):
    folder = RunFolder(tmp_path / name)
    folder.open(flag_lines={**LINES, "run_dir": f"--run_dir={tmp_path / name}"}, changeable=())
    module = tf.Module()
    module.value = tf.Variable(3.0)
    for step in (1, 2, 3):
        Checkpoints(folder.checkpoint_dir, module=module).save(step)
    module.value.assign(0.0)
    assert Checkpoints(folder.checkpoint_dir, module=module).restore() == 3 and module.value.numpy() == 3.0


def test_a_run_that_never_came_to_a_step_does_not_claim_its_folder(tmp_path):
    first = RunFolder(tmp_path)
    first.open(flag_lines=LINES, changeable=())  # and then a photograph is missing
    first.close()
    RunFolder(tmp_path).open(flag_lines={**LINES, "images": "--images=there"}, changeable=())
    assert "--images=there" in (tmp_path / "flags.txt").read_text()


def test_a_flag_younger_than_the_run_has_its_default_there(tmp_path):
    first = RunFolder(tmp_path)
    first.open(flag_lines=LINES, changeable=())
    first.close()
    (tmp_path / "checkpoints").mkdir()
    younger, defaults = {**LINES, "outline_weight": "--outline_weight=0.2"}, {"outline_weight": "--outline_weight=0.0"}
    with pytest.raises(UserError, match="says --outline_weight=0.0, this command --outline_weight=0.2"):
        RunFolder(tmp_path).open(flag_lines=younger, changeable=(), default_lines=defaults)
    RunFolder(tmp_path).open(flag_lines={**LINES, **defaults}, changeable=(), default_lines=defaults)


def test_a_folder_of_before_a_flag_was_renamed_is_the_same_runs(tmp_path):
    RunFolder(tmp_path).open(flag_lines={**LINES, "decision_weight": "--decision_weight=0.3"}, changeable=())
    (tmp_path / "metrics.json").write_text("{}")
    new, defaults = "--binarization_weight=0.3", {"binarization_weight": "--binarization_weight=0.0"}
    again = RunFolder(tmp_path)
    again.open(flag_lines={**LINES, "binarization_weight": new}, changeable=(), default_lines=defaults)
    assert again.recorded()["binarization_weight"] == new
    again.close()
    with pytest.raises(UserError, match="says --binarization_weight=0.3, this command --binarization_weight=0.0"):
        RunFolder(tmp_path).open(flag_lines={**LINES, **defaults}, changeable=(), default_lines=defaults)


def test_a_flag_given_twice_is_compared_with_both_its_values(tmp_path):
    both = {"teacher": "--teacher=a\n--teacher=b", "seed": "--seed=0"}
    for _ in range(2):
        folder = RunFolder(tmp_path / "run")
        folder.open(flag_lines=both, changeable=())
        folder.close()
    assert folder.recorded() == both
    (tmp_path / "run" / "metrics.json").write_text("{}")
    with pytest.raises(UserError, match="says --teacher=a --teacher=b, this command --teacher=a;"):
        RunFolder(tmp_path / "run").open(flag_lines={**both, "teacher": "--teacher=a"}, changeable=())


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="holds files but no flags.txt"):
        RunFolder(tmp_path).open(flag_lines=LINES, changeable=())
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def begun(folder, **lines):
    """Opens a new folder, with the lines changed, as a run that has come to a step; returns all its lines."""
    run = RunFolder(folder)
    run.open(flag_lines={**LINES, **lines}, changeable=())
    run.check_data("pictures")
    run.close()
    (folder / "metrics.json").write_text("{}")
    return {**LINES, **lines}


@pytest.mark.parametrize("written", ["{folder}/", "{folder}/../there", "../{name}/there", "{folder}"])
def test_a_path_may_be_written_otherwise(tmp_path, monkeypatch, written):
    lines = begun(tmp_path / "run", images=f"--images={tmp_path / 'there'}")
    monkeypatch.chdir(tmp_path)
    line = written.format(folder=tmp_path / "there", name=tmp_path.name)
    RunFolder(tmp_path / "run").open(flag_lines={**lines, "images": f"--images={line}"}, changeable=())


def test_the_same_pictures_elsewhere_are_the_same_run_and_others_are_not(tmp_path):
    lines = begun(tmp_path / "run", images="--images=here")
    for fingerprint in ("pictures", "others"):
        moved = RunFolder(tmp_path / "run")
        moved.open(flag_lines={**lines, "images": "--images=there"}, changeable=())
        if fingerprint == "pictures":
            moved.check_data(fingerprint)
        else:
            with pytest.raises(UserError, match="says --images=here, this command --images=there"):
                moved.check_data(fingerprint)
        moved.close()


def test_other_pictures_under_the_same_path_are_another_run(tmp_path):
    lines = begun(tmp_path / "run", images="--images=here")
    run = RunFolder(tmp_path / "run")
    run.open(flag_lines=lines, changeable=())
    with pytest.raises(UserError, match="was begun with other pictures or boxes than its flags name now"):
        run.check_data("others")


def test_a_run_whose_pictures_were_not_noted_keeps_its_path(tmp_path):
    lines = begun(tmp_path / "run", images="--images=here")
    (tmp_path / "run" / "data.txt").unlink()
    with pytest.raises(UserError, match="says --images=here"):
        RunFolder(tmp_path / "run").open(flag_lines={**lines, "images": "--images=there"}, changeable=())


def test_a_folder_in_use_is_refused(tmp_path):
    holder = RunFolder(tmp_path)
    holder.open(flag_lines=LINES, changeable=())
    with pytest.raises(UserError, match="in use by another process"):
        RunFolder(tmp_path).open(flag_lines=LINES, changeable=())


def test_a_file_system_without_locks_is_warned_of_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    RunFolder(tmp_path).open(flag_lines=LINES, changeable=())
    assert "cannot be locked (No locks available)" in capsys.readouterr().out
    assert (tmp_path / "flags.txt").exists()


def test_a_folder_that_cannot_be_made_and_one_that_is_no_run_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        RunFolder(tmp_path / "file" / "run").open(flag_lines=LINES, changeable=())
    with pytest.raises(UserError, match="is no run folder"):
        read_flags(tmp_path)


def test_metrics_are_read_back(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.read_metrics() == {}
    folder.write_metrics({"step": 3})
    assert folder.read_metrics() == {"step": 3}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_broken_values_are_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(UserError, match="metrics.json is broken"):
        RunFolder(tmp_path).read_metrics()


def test_flags_that_are_no_text_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "flags.txt").write_bytes(b"--seed=1\n\xff\xfe")
    with pytest.raises(UserError, match="flags.txt is broken: it is no UTF-8 text"):
        read_flags(tmp_path)


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "a\\b", "latin\udcfc"])
def test_a_folder_whose_name_checkpoints_cannot_have_is_refused_before_it_is_made(tmp_path, name):
    with pytest.raises(UserError, match="TensorFlow can neither write nor read files in .*rename the folder"):
        RunFolder(tmp_path / name).open(flag_lines={}, changeable=())
    with pytest.raises(UserError, match="TensorFlow can neither write nor read files"):
        read_flags(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_path_that_flags_txt_cannot_hold_is_refused(tmp_path):
    with pytest.raises(UserError, match="--images=.* holds bytes that are no UTF-8"):
        RunFolder(tmp_path / "run").open(flag_lines={"images": "--images=latin\udcfc"}, changeable=())
    assert not (tmp_path / "run").exists()
