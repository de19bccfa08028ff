"""Scripts go on when nobody reads what they print, and end in a line when they are interrupted."""

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT

PROGRAM = """
import flags
import errors
import sys, time

def main(argv):
    for number in range(50):
        print("line", number, flush=True)
        print("line", number, file=sys.stderr, flush=True)
        time.sleep(0.01)
    open({out!r}, "w").write("done")

errors.run(main)
"""


def start(program, command="exec {python} -c \"$PROGRAM\"", **options):
    environment = {**os.environ, "PROGRAM": program, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen(["bash", "-c", command.format(python=sys.executable)], cwd=ROOT, env=environment, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


@pytest.mark.parametrize("redirection", ["| head -n 1", "2>&1 | head -n 1", ">&-", "2>&-", ">&- 2>&- <&-",
                                         "> /dev/full", "2> /dev/full"])
def test_a_stream_that_breaks_or_is_closed_does_not_stop_the_work(tmp_path, redirection):
    out = tmp_path / "out"
    process = start(PROGRAM.format(out=str(out)), "{python} -c \"$PROGRAM\" " + redirection, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert out.read_text() == "done", stderr
    assert "Traceback" not in stderr and "Exception ignored" not in stderr


def test_what_the_encoding_lacks_is_escaped(tmp_path):
    program = "import flags, errors\nerrors.run(lambda argv: print('b\\u00fccher'))"
    process = start(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"})
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0 and stdout == "b\\xfccher\n", stderr


@pytest.mark.parametrize("program", ["import flags, time\nprint('here', flush=True)\ntime.sleep(60)",
                                     "import flags, errors, time\nerrors.run(lambda argv: (print('here', flush=True), "
                                     "time.sleep(60)))"])
def test_an_interruption_ends_in_a_line(program):
    process = start(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "here\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT)
    assert stderr.splitlines() == ["interrupted"]


@pytest.mark.parametrize("variable", ["PYTHONSAFEPATH", "TF_USE_LEGACY_KERAS"])
def test_variables_of_the_environment_do_not_stop_a_script(variable):
    result = subprocess.run([sys.executable, "export.py", "--weights=none.npz", "--out=none"], cwd=ROOT, text=True,
                            capture_output=True, env={**os.environ, variable: "1"}, timeout=120, check=False)
    assert result.returncode == 1 and result.stderr.endswith("error: weights file none.npz does not exist.\n")
