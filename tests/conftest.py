"""What several tests need: scripts as subprocesses, and real data where there is some."""

import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Networks of a size that makes a step take milliseconds; everything else is as users have it.
SMALL = ("--generator_width=0.0625", "--batch_size=2", "--image_size=64", "--log_every=1", "--num_evaluation_images=4",
         "--num_panel_images=2")


def script(name, *arguments):
    """Returns the command line of a script of the project."""
    return [sys.executable, str(ROOT / name), *map(str, arguments)]


@contextlib.contextmanager
def file_size_limit(num_bytes):
    """Lets files grow to so many bytes, as a disk with as much room would.

    It is no fixture: a fixture would end after pytest has written the test's outcome, perhaps to a file that is longer.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def run_script(tmp_path_factory):
    """Callable (name, *arguments, fresh=False, cwd=ROOT): runs a script to its end; returns the completed process with its texts.

    It is a process of its own, forked from one that has imported TensorFlow (`fork_server`), or, with `fresh`, a new
    interpreter as a user starts it.
    """
    server = []
    outputs = [tmp_path_factory.mktemp("outputs") / name for name in ("stdout", "stderr")]

    def run(name, *arguments, fresh=False, cwd=ROOT):
        command = script(name, *arguments)
        if fresh:
            return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
        if not server:
            server.append(subprocess.Popen([sys.executable, str(ROOT / "tests" / "fork_server.py")], text=True,
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        for output in outputs:
            output.write_text("")
        request = {"argv": command[1:], "cwd": str(cwd), "stdout": str(outputs[0]), "stderr": str(outputs[1]),
                   "timeout": 300}
        server[0].stdin.write(json.dumps(request) + "\n")
        server[0].stdin.flush()
        status = int(server[0].stdout.readline())
        assert status != -signal.SIGKILL, f"{name} took more than 300 seconds: {outputs[1].read_text()[-2000:]}"
        return subprocess.CompletedProcess(command, status, *(output.read_text() for output in outputs))

    yield run
    for process in server:
        process.stdin.close()
        process.wait(timeout=60)


@pytest.fixture
def real_data():
    """Folder of real research data beside the project; the test is skipped where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"needs the real images in {REAL_DATA.relative_to(ROOT.parent)}, which are not there")
    return REAL_DATA
