"""Flags: the paper's defaults, flagfiles that parse, and one home."""

import pathlib
import re
import subprocess
import sys

import pytest
from conftest import ROOT

FLAGFILES = sorted((ROOT / "experiments").glob("*.flags"))

PRINT_FLAGS = """
import flags
flags.define_data(); flags.define_backgrounds(); flags.define_generator(); flags.define_discriminator()
flags.define_objective(area_constant='', area_ramp_steps=2000); flags.define_optimization(batch_size=16, num_steps=5000)
flags.define_run(run_dir='runs/fg', evaluated='', num_evaluated=2)
import sys
flags.FLAGS(sys.argv)
print('\\n'.join(flags.lines().values()))
"""


def parsed(*arguments):
    """Returns the flagfile lines that a command's flags make."""
    result = subprocess.run([sys.executable, "-c", PRINT_FLAGS, *arguments], cwd=ROOT, capture_output=True, text=True,
                            check=True, timeout=120)
    return result.stdout.splitlines()


def test_defaults_are_the_papers():
    lines = parsed()
    for line in ("--area_weight=1000.0", "--area_penalty=per_mask", "--adam_beta_1=0.5", "--adam_beta_2=0.999",
                 "--generator_learning_rate=0.0004", "--discriminator_learning_rate=0.0002", "--image_size=128",
                 "--generator_width=1.0", "--crop=box", "--score_activation=lrelu", "--spectral_norm=sngan"):
        assert line in lines


@pytest.mark.parametrize("path", FLAGFILES, ids=lambda path: path.name)
def test_every_flagfile_parses_and_says_what_it_holds(path):
    lines = parsed(f"--flagfile={path}")
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name = re.match(r"--(\w+)", line).group(1)
            assert any(other.startswith(f"--{name}") for other in lines), line


@pytest.mark.parametrize("argument, message", [
    ("--dataset=cats", "should be one of <samples|birds|faces|folder>"),
    ("--area_penalty=below", "should be one of <per_mask|batch_mean|above>"),
    ("--image_size=100", "must be a positive multiple of 64"),
    ("--batch_size=0", "batch_size"),
    ("--batch_size=many", "batch_size"),
    ("--area_constant=1.5", "area_constant"),
    ("--no_such_flag=1", "no_such_flag"),
])
def test_a_value_out_of_range_is_refused_by_the_flags_name(argument, message):
    result = subprocess.run([sys.executable, "-c", PRINT_FLAGS, argument], cwd=ROOT, capture_output=True, text=True,
                            check=False, timeout=120)
    assert result.returncode != 0 and message in result.stderr


def test_the_papers_flagfiles_hold_table_3_as_printed():
    for name in ("fg_birds", "fg_faces"):
        lines = parsed(f"--flagfile={ROOT / 'experiments' / name}.flags")
        assert {"--area_weight=1000.0", "--area_constant=0.25", "--area_penalty=per_mask", "--area_ramp_steps=0",
                "--score_activation=lrelu", "--generator_width=1.0"} <= set(lines)


def test_flags_are_read_in_scripts_alone():
    for path in ROOT.rglob("*.py"):
        inside = path.relative_to(ROOT).parts[0]
        if inside in ("models", "data", "training", "evaluation") or path.name in ("losses.py", "visualization.py"):
            assert "FLAGS" not in pathlib.Path(path).read_text().replace("FLAGS_FILE", ""), path


def test_tensorflow_addons_is_imported_in_one_place():
    statement = re.compile(r"^\s*(import|from) tensorflow_addons", re.M)
    importers = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")
                 if ".venv" not in path.parts and statement.search(path.read_text())]
    assert importers == ["models/layers.py"]
