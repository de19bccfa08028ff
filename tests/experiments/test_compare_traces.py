"""What counts as the same training, on traces that are made up."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import script

from errors import UserError
from experiments import compare_traces, trace_cases, trace_runs
from experiments.compare_traces import Trace

SCALARS = {(step, name): value + step / 8 for step in (1, 2)
           for name, value in (("generator/loss", 0.5), ("discriminator/loss", 1.5), ("rate/steps_per_second", 9.0))}
VARIABLES = {"generator/kernel": np.ones([2, 3], np.float32), "step": np.int64(2)}
TRACE = Trace(SCALARS, VARIABLES)


def compared(scalars=None, variables=None, *, tolerance=0.0):
    after = Trace({**SCALARS, **(scalars or {})}, {**VARIABLES, **(variables or {})})
    return compare_traces.compare(TRACE, after, tolerance=tolerance)


def test_equal_traces_are_the_same_whatever_their_speed():
    assert compared({(2, "rate/steps_per_second"): 1.0}) == (None, [])


def test_the_first_step_that_differs_is_told_with_both_values():
    difference, _ = compared({(2, "discriminator/loss"): 7.0, (1, "generator/loss"): 0.75})
    assert difference == ("generator/loss at step 1: 0x1.4000000000000p-1 before, 0x1.8000000000000p-1 after, relative "
                          "difference 0.17")


def test_a_difference_within_the_tolerance_is_none_and_then_values_of_variables_are_not_compared():
    changed = {(2, "generator/loss"): 0.75 * (1 + 1e-6)}, {"generator/kernel": np.zeros([2, 3], np.float32)}
    assert "generator/loss at step 2" in compared(*changed)[0]
    assert compared(*changed, tolerance=1e-5) == (None, [])
    assert "generator/loss at step 2" in compared(*changed, tolerance=1e-7)[0]
    assert compared(variables={"generator/kernel": np.zeros([3, 2], np.float32)}, tolerance=1e-5)[0] == (
        "variable generator/kernel is float32 (2, 3) before, float32 (3, 2) after")


def test_what_is_no_number_is_like_itself_alone():
    nan = {(1, "generator/loss"): float("nan")}
    assert compare_traces.scalar_difference(nan, dict(nan), tolerance=0.0) is None
    for before, after in ((nan, {(1, "generator/loss"): 1.0}), ({(1, "generator/loss"): 1.0}, nan)):
        for tolerance in (0.0, 0.5):
            assert compare_traces.scalar_difference(before, after, tolerance=tolerance)


def test_zero_has_a_sign_without_a_tolerance():
    signs = [{(1, "generator/loss"): zero} for zero in (0.0, -0.0)]
    assert compare_traces.scalar_difference(*signs, tolerance=0.0)
    assert compare_traces.scalar_difference(*signs, tolerance=1e-6) is None


def test_metrics_of_one_side_are_named_and_a_missing_step_differs():
    assert compared({(1, "mask/new"): 1.0}) == (None, ["metrics after alone: mask/new"])
    assert compared({(3, "generator/loss"): 1.0})[0] == "generator/loss at step 3 is logged after alone"
    assert compare_traces.scalar_difference({}, SCALARS, tolerance=0.0) == "no metric is logged by both sides"


def test_the_first_variable_that_differs_is_named():
    assert compared(variables={"generator/kernel": np.array([[1, 1, 1], [1, 1, 1.5]], np.float32)})[0] == (
        "variable generator/kernel differs by up to 0.5")


def test_variables_of_other_names_are_known_by_their_values():
    kernel = VARIABLES["generator/kernel"]
    renamed = {"unet/kernel": kernel, "step": VARIABLES["step"]}
    assert compare_traces.variable_difference(VARIABLES, renamed, with_values=True) == (
        None, ["variables of another name: generator/kernel -> unet/kernel"])
    difference, notes = compare_traces.variable_difference(VARIABLES, {**renamed, "unet/kernel": 2 * kernel},
                                                           with_values=True)
    assert difference == "variable generator/kernel is there before alone, unet/kernel after alone"
    assert notes == ["variables before alone: generator/kernel", "variables after alone: unet/kernel"]
    assert compare_traces.variable_difference(VARIABLES, {**VARIABLES, "new": kernel}, with_values=True) == (
        None, ["variables after alone: new"])


def test_flags_are_changed_for_the_cases_that_match():
    changes = ["fg_*: ~image_size --crop_size=64", "distillation/raw: --extra=a", "*: --all"]
    arguments = ("--num_steps=4", "--image_size=64", "--image_size_of=1")
    assert trace_cases.changed_arguments(arguments, changes, case="fg_demo", stage="fg") == [
        "--num_steps=4", "--image_size_of=1", "--crop_size=64", "--all"]
    assert trace_cases.changed_arguments(arguments, changes, case="distillation", stage="raw")[3:] == [
        "--extra=a", "--all"]
    assert trace_cases.changed_arguments(arguments, changes, case="distillation", stage="student")[3:] == ["--all"]


@pytest.mark.parametrize("change,words", [("fg_demo --flip", "of the form"), ("fg_demo: flip", "of the form"),
                                          ("gf_*: --flip", "none of the cases")])
def test_a_wrong_change_is_said(change, words):
    trace_cases.check_changes(["fg_*: ~flip --noflip", "distillation/raw: --flip"], side="after")
    with pytest.raises(UserError, match=words):
        trace_cases.check_changes([change], side="after")


def test_a_flagfile_is_found_wherever_it_is(tmp_path):
    with pytest.raises(UserError, match="0 files"):
        trace_runs.find_flagfile(str(tmp_path), "fg")
    (tmp_path / "experiments" / "paper").mkdir(parents=True)
    (tmp_path / "experiments" / "paper" / "fg.flags").touch()
    assert trace_runs.find_flagfile(str(tmp_path), "fg") == str(tmp_path / "experiments" / "paper" / "fg.flags")
    (tmp_path / "experiments" / "fg.flags").touch()
    with pytest.raises(UserError, match="2 files"):
        trace_runs.find_flagfile(str(tmp_path), "fg")


def test_every_case_has_its_flagfiles_and_scripts():
    for stages in trace_cases.CASES.values():
        for stage in stages:
            assert os.path.exists(os.path.join(compare_traces.ROOT, stage.script))
            assert stage.flagfile is None or trace_runs.find_flagfile(compare_traces.ROOT, stage.flagfile)


def test_a_script_that_fails_counts_as_different():
    lines = list(compare_traces.judge("fg_demo", runs_dirs=["", ""], tolerance=0.0,
                                      failures=[None, "fg: train_fg.py failed with status 1\nerror: no flag"]))
    assert lines == ["different: after fg: train_fg.py failed with status 1", "    after: error: no flag"]


@pytest.mark.parametrize("flag,words", [("--cases=fg_dmeo", "no 'fg_dmeo'"), ("--seeds=one", "whole numbers"),
                                        ("--after=neither", "neither a folder nor a commit")])
def test_a_wrong_flag_is_one_sentence(run_script, flag, words):
    result = run_script("experiments/compare_traces.py", "--before=.", "--after=.", flag, cwd=compare_traces.ROOT)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr


@pytest.mark.slow
def test_when_it_is_ended_its_folder_and_its_scripts_are_gone(tmp_path):
    (tmp_path / "side").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "side" / "train_fg.py").write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n")
    command = script("experiments/compare_traces.py", f"--before={tmp_path / 'side'}", f"--after={tmp_path / 'side'}",
                     "--cases=fg_rare", "--seeds=0", "--jobs=1")
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path / "scratch")}) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        assert list((tmp_path / "scratch").glob("compare_traces_*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert not list((tmp_path / "scratch").glob("compare_traces_*"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
