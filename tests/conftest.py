"""What several tests need: scripts as subprocesses, and real data where there is some."""

import contextlib
import os
import pathlib
import resource
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


@pytest.fixture
def run_script():
    """Callable (name, *arguments): runs a script to its end; returns the completed process with its texts."""

    def run(name, *arguments):
        return subprocess.run(script(name, *arguments), capture_output=True, text=True, timeout=300, check=False,
                              cwd=ROOT)

    return run


@pytest.fixture
def real_data():
    """Folder of real research data beside the project; the test is skipped where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"needs the real images in {REAL_DATA.relative_to(ROOT.parent)}, which are not there")
    return REAL_DATA
