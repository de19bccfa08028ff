"""What several tests need: scripts as subprocesses, and real data where there is some."""

import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else small products wait for threads that other processes keep busy

# Networks of a size that makes a step take milliseconds; everything else is as users have it.
SMALL = ("--generator_width=0.0625", "--batch_size=2", "--image_size=64", "--log_every=1", "--num_evaluation_images=4",
         "--num_panel_images=2")

# Files that train or start interpreters; what runs scripts by this file's fixtures is slow too.
SLOW = ("benchmarks/test_pictures.py", "benchmarks/test_steps.py", "counting/test_student.py", "examples/test_masks.py", "test_export.py",
        "test_real_data.py", "test_segment.py", "test_train_fg.py", "test_train_hoc.py", *(f"training/test_{name}.py" for name in (
            "adversarial", "distillation", "distribution", "fast_steps", "hoc", "learning")))


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


class Forks:
    """Scripts in forks of a process that has imported everything (`fork_server`), which is started at first use."""

    def __init__(self, folder):
        """Takes a folder for what scripts print."""
        self._folder = pathlib.Path(folder)
        self._server = None
        self._count = 0

    def start(self, argv, *, cwd=ROOT, env=None, **request):
        """Starts a script, or the text `program`, and returns its `Fork`; `env` is added to the environment."""
        if self._server is None:
            self._server = subprocess.Popen([sys.executable, str(ROOT / "tests" / "fork_server.py")], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._count += 1
        outputs = [self._folder / f"{name}_{self._count}" for name in ("stdout", "stderr")]
        for output in outputs:
            output.touch()
        number = self.ask({"argv": list(map(str, argv)), "cwd": str(cwd), "env": env or {}, "stdout": str(outputs[0]),
                           "stderr": str(outputs[1]), **request})
        return Fork(self, argv, number, outputs)

    def ask(self, request):
        """Returns the number that the server answers."""
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def close(self):
        """Ends the server, if there is one."""
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait(timeout=60)


class Fork:
    """A running script: a process that is no child of this one."""

    def __init__(self, forks, argv, number, outputs):
        self._forks, self._argv, self._number, self.outputs = forks, argv, number, outputs
        self._status = None

    def send_signal(self, number):
        """Sends a signal to a script that has not been waited for."""
        if self._status is None:
            os.kill(self._number, number)

    def wait(self, *, timeout=300):
        """Waits for the end; returns the completed process with its texts."""
        if self._status is None:
            self._status = self._forks.ask({"wait": self._number, "timeout": timeout})
        return subprocess.CompletedProcess(self._argv, self._status, *(path.read_text() for path in self.outputs))

    def wait_for(self, text, *, timeout=180):
        """Waits until the script has printed a text."""
        end = time.monotonic() + timeout
        while text not in self.outputs[0].read_text():
            running = pathlib.Path(f"/proc/{self._number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
            assert running and time.monotonic() < end, [path.read_text()[-2000:] for path in self.outputs]
            time.sleep(0.05)


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """The session's `Forks`."""
    made = Forks(tmp_path_factory.mktemp("outputs"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def run_script(forks):
    """Callable (name, *arguments, fresh=False, cwd=ROOT): runs a script to its end; returns the completed process.

    It is a fork of a process that has everything imported, or, with `fresh`, a new interpreter as a user starts it.
    """

    def run(name, *arguments, fresh=False, cwd=ROOT):
        command = script(name, *arguments)
        if fresh:
            return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
        result = forks.start(command[1:], cwd=cwd).wait()
        assert result.returncode != -signal.SIGKILL, f"{name} took more than 300 seconds: {result.stderr[-2000:]}"
        return result

    return run


@pytest.fixture(scope="session")
def run_program(forks):
    """Callable (text, *arguments): runs a Python program's text as a script; returns the completed process."""
    return lambda text, *arguments: forks.start(["program", *arguments], program=text).wait()


def pytest_collection_modifyitems(items):
    """Marks what trains or starts scripts as slow."""
    for item in items:
        path = item.path.relative_to(ROOT / "tests").as_posix()
        if path in SLOW or {"run_script", "forks"} & set(item.fixturenames) and "run_program" not in item.fixturenames:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def real_data():
    """Folder of real research data beside the project; the test is skipped where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"needs the real images in {REAL_DATA.relative_to(ROOT.parent)}, which are not there")
    return REAL_DATA
