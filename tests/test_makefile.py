"""How `make` comes by Python 3.11, with stand-ins for Python, pip and uv: nothing is downloaded or installed."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

# Each stand-in writes its name and arguments to the log first.
LOGGED = '#!/bin/bash\necho "$(basename "$0") $*" >> "$LOG"\n'
MAKE_ENVIRONMENT = ('file=$folder/bin/python; mkdir -p "$folder/bin" && '
                    'printf "#!/bin/bash\\necho environment \\$* >> $LOG\\n" > "$file" && chmod +x "$file"\n')
UV = LOGGED + 'folder=${@: -1}; ' + MAKE_ENVIRONMENT
BROKEN = LOGGED + "echo no network >&2; exit 1\n"
PIP_INSTALLS_UV = "[ \"$2\" = pip ] && mkdir -p .uv/bin && cp \"$(dirname \"$0\")/../uv\" .uv/bin/uv && exit\n"


def python(version, *, pip="", venv=True):
    """Returns a Python of a version: what it says of itself is computed, what it would install is not."""
    change = f"import sys; sys.version_info = {version}; sys.modules.update({{}} if {venv} else {{'ensurepip': None}})"
    return (LOGGED + f'[ "$1" = -c ] && exec {sys.executable} -c "{change}; exec(sys.argv[1])" "$2"\n' + pip
            + '[ "$2" = venv ] && folder=$3 && ' + MAKE_ENVIRONMENT)


@pytest.fixture
def install(tmp_path):
    """Callable (programs by name, *arguments): runs `make install` where these are all there is on PATH.

    Returns:
      (completed process, lines of the log without the questions for the version).
    """
    folder, programs_folder, log = tmp_path / "project", tmp_path / "bin", tmp_path / "log"
    for path in (folder, programs_folder):
        path.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-test.txt", "requirements-count.txt"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("basename", "chmod", "cp", "dirname", "mkdir", "rm", "touch"):
        (programs_folder / name).symlink_to(shutil.which(name))
    log.touch()

    def write(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def run(programs, *arguments):
        environment = {"PATH": str(programs_folder), "LOG": str(log)}
        write(tmp_path / "uv", UV)  # what pip would install
        for name, text in programs.items():
            write(programs_folder / name, text)
        result = subprocess.run([shutil.which("make"), "install", *arguments], capture_output=True, text=True,
                                check=False, cwd=folder, timeout=60, env=environment)
        lines = [line for line in log.read_text().splitlines() if " -c " not in line]
        assert (folder / ".venv").exists() == (result.returncode == 0), result.stderr
        return result, lines

    return run


REQUIREMENTS = "environment -m pip install --quiet --disable-pip-version-check -r requirements.txt"
UV_VENV = "uv venv --quiet --seed --python 3.11 .venv"
PIP_UV = "python3 -m pip install --quiet --disable-pip-version-check --target .uv uv"


@pytest.mark.parametrize("programs, expected", [
    ({"python3": python((3, 11, 4)), "uv": UV}, "python3 -m venv .venv"),
    ({"python3": python((3, 12, 1)), "python3.11": python((3, 11, 4)), "uv": UV}, "python3.11 -m venv .venv"),
    ({"python3.11": python((3, 11, 4))}, "python3.11 -m venv .venv"),
    ({"python3": python((3, 12, 1)), "uv": UV}, UV_VENV),
    ({"python3": python((3, 11, 4), venv=False), "uv": UV}, UV_VENV),
    ({"uv": UV}, UV_VENV),
])
def test_python_3_11_with_venv_is_taken_before_uv(install, programs, expected):
    result, lines = install(programs)
    assert result.returncode == 0, result.stderr
    assert lines == [expected, REQUIREMENTS]


def test_pip_puts_uv_into_the_folder_once(install):
    programs = {"python3": python((3, 13, 0), pip=PIP_INSTALLS_UV)}
    result, lines = install(programs)
    assert result.returncode == 0, result.stderr
    assert lines == [PIP_UV, UV_VENV, REQUIREMENTS]
    result, lines = install(programs, "VENV=other")
    assert lines[3:] == [UV_VENV.replace(".venv", "other"), REQUIREMENTS]


def test_what_counting_needs_is_installed_together_with_what_all_need(install):
    assert (ROOT / "requirements-count.txt").read_text() == "stardist==0.9.1\n"
    result, lines = install({"python3": python((3, 11, 4))}, "count-install")
    assert result.returncode == 0, result.stderr
    assert lines == ["python3 -m venv .venv", REQUIREMENTS, f"{REQUIREMENTS} -r requirements-count.txt"]


@pytest.mark.parametrize("programs, tried", [
    ({}, []),
    ({"python3": python((3, 12, 1), pip="[ \"$2\" = pip ] && exit 1\n")}, [PIP_UV]),
    ({"python3": python((3, 12, 1)), "uv": BROKEN}, [UV_VENV]),
    ({"python3": python((3, 12, 1)), "uv": UV + "exit 2\n"}, [UV_VENV]),  # it leaves a part of an environment
])
def test_without_python_3_11_and_uv_two_ways_to_get_it_are_named(install, programs, tried):
    result, lines = install(programs)
    assert result.returncode != 0 and lines == tried
    assert "error: neither python3 nor python3.11 is Python 3.11" in result.stderr
    for way in ("apt install python3.11-venv", "pyenv install 3.11", "make PYTHON=/path/to/python3.11"):
        assert way in result.stderr


def test_a_python_that_is_named_wins(install, tmp_path):
    named = tmp_path / "named"
    named.write_text(python((3, 10, 0)))
    named.chmod(0o755)
    result, lines = install({"python3": python((3, 11, 4)), "uv": UV}, f"PYTHON={named}")
    assert result.returncode == 0, result.stderr
    assert lines == ["named -m venv .venv", REQUIREMENTS]


def test_a_python_that_is_named_and_fails_is_not_replaced(install):
    result, lines = install({"python3": python((3, 11, 4)), "broken": BROKEN, "uv": UV}, "PYTHON=broken")
    assert result.returncode != 0 and "no network" in result.stderr
    assert lines == ["broken -m venv .venv"]


def test_git_ignores_what_make_installs():
    assert {".venv/", ".uv/"} <= set((ROOT / ".gitignore").read_text().splitlines())
