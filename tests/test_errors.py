"""How scripts list their flags and how they end."""

import pytest

PROGRAM = """
import flags
import errors

class ResourceExhaustedError(Exception):
    pass

def main(argv):
    raise {error}

flags.define_run(run_dir="run", evaluated="", num_evaluated=2)
errors.run(main)
"""


@pytest.mark.parametrize("name, own, others", [
    ("train_fg.py", ("--area_weight:", "--[no]flip:"), ("--latent_dim",)),
    ("train_hoc.py", ("--latent_dim:", "--area_weight:"), ("--boxes",)),
    ("evaluate.py", ("--weights:", "--refine_iterations:"), ("--area_weight",)),
    ("experiments/reproduce.py", ("--rows:",), ("--area_weight",)),
])
def test_help_lists_the_flags_that_a_script_has(run_script, name, own, others):
    result = run_script(name, "--help")
    for flag in own:
        assert flag in result.stdout, flag
    for flag in others:
        assert flag not in result.stdout, flag


@pytest.mark.parametrize("error", ["MemoryError", "ResourceExhaustedError('OOM when allocating')"])
def test_too_little_memory_ends_in_a_sentence(run_program, error):
    result = run_program(PROGRAM.format(error=error))
    assert result.returncode == 1 and result.stderr.startswith("error: memory does not suffice; lower --batch_size")
    assert "Traceback" not in result.stderr


def test_a_defect_is_shown_as_one(run_program):
    result = run_program(PROGRAM.format(error="RuntimeError('a defect')"))
    assert result.returncode == 1 and "Traceback" in result.stderr and "a defect" in result.stderr


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_finite_number_is_refused(run_script, tmp_path, value):
    result = run_script("train_hoc.py", f"--area_weight={value}", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 1 and f"--area_weight={value} is no finite number" in result.stderr
    assert not (tmp_path / "run").exists()
