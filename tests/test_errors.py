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


def test_scripts_in_one_process_do_not_share_flags(run_program):
    result = run_program('''
import sys
import errors, flags
from absl import flags as absl_flags

def run(*arguments):
    sys.argv = ["script.py", *arguments]
    absl_flags.DEFINE_string("own", "nothing", "A flag that the script declares itself.")
    flags.define_run(run_dir="run", evaluated="", num_evaluated=2)
    try:
        errors.run(lambda argv: print(flags.FLAGS.own, flags.FLAGS.run_dir, sorted(map(str, argv[1:]))))
    except SystemExit as end:
        print("ended with", end.code)

run("--own=something", "--run_dir=first")
run()
run("--no_such_flag")
run("--help")
run("--run_dir=last")
''')
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith(("something", "nothing", "ended"))]
    assert lines == ["something first []", "ended with None", "nothing run []", "ended with None", "ended with 1",
                     "ended with 0", "nothing last []", "ended with None"]
