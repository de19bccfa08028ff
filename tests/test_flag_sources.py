"""Flags of the command and flags of its flagfiles."""

import pytest
from absl import flags as absl_flags

import flag_sources


@pytest.fixture(name="flagfile", autouse=True)
def flagfile_fixture(tmp_path, monkeypatch):
    """A flagfile that sets --side and --turned, which are declared."""
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_string("flagfile", "", "", flag_values=values)
    absl_flags.DEFINE_integer("side", 1, "", flag_values=values)
    absl_flags.DEFINE_bool("turned", False, "", flag_values=values)
    absl_flags.DEFINE_string("name", "", "", flag_values=values)
    monkeypatch.setattr(flag_sources, "FLAGS", values)
    path = tmp_path / "a.flags"
    path.write_text("# --name=nobody\n--side=3\n--turned\n")
    return str(path)


def test_flags_of_the_command_are_those_that_stand_in_it(flagfile):
    arguments = ["program", "--side=3", f"--flagfile={flagfile}", "--noturned", "-name", "x", "--", "--other"]
    assert flag_sources.in_command(arguments) == {"side": 1, "turned": 3, "name": 4}


@pytest.mark.parametrize("before", ["--side=4", "--noturned"])
@pytest.mark.parametrize("joined", [True, False])
def test_a_flag_before_a_flagfile_that_sets_it_is_overruled(flagfile, before, joined):
    given = [f"--flagfile={flagfile}"] if joined else ["--flagfile", flagfile]
    name = "side" if "side" in before else "turned"
    assert flag_sources.overruled(["program", before, *given]).endswith(f"would count; write --{name} after the flagfile")
    assert flag_sources.overruled(["program", *given, before]) is None
    assert flag_sources.overruled(["program", before, *given, before]) is None


def test_a_flag_by_its_old_name_is_overruled_too(flagfile, monkeypatch):
    monkeypatch.setitem(flag_sources.RENAMED, "edge", "side")
    assert "--side stands before a flagfile" in flag_sources.overruled(["program", "--edge=4", f"--flagfile={flagfile}"])


def test_flags_that_add_up_are_not_overruled(flagfile):
    absl_flags.DEFINE_multi_string("name", [], "", flag_values=flag_sources.FLAGS, allow_override=True)
    with open(flagfile, "a", encoding="utf-8") as file:
        file.write("--name=b\n")
    assert flag_sources.overruled(["program", "--name=a", f"--flagfile={flagfile}"]) is None


def test_other_flags_may_stand_anywhere(flagfile):
    assert flag_sources.overruled(["program", "--name=b", f"--flagfile={flagfile}"]) is None


def test_lines_of_flagfiles_are_found_with_their_places(flagfile):
    lines = flag_sources.in_flagfiles(["program", "--name=b", "--flagfile", flagfile])
    assert lines == [(2, "side", "--side=3"), (2, "turned", "--turned")]
