"""Flags: the paper's defaults, flagfiles that parse, and one home."""

import os
import re

import pytest
from conftest import ROOT

import flag_help
import train_hoc
from data import decoding, hoc, photographs

FLAGFILES = sorted((ROOT / "experiments").glob("*/*.flags"))

GROUPS = {
    "fg": """
flags.define_data(); flags.define_backgrounds(); flags.define_suggest(''); flags.define_generator()
flags.define_discriminator(); flags.define_objective(area_constant=''); flags.define_players()""",
    "hoc": """
cluster_flags.define_cluster(); flags.define_generator(); flags.define_discriminator()
flags.define_objective(area_constant=''); flags.define_players()""",
    "distill": """
flags.define_distillation(); flags.define_inference(); flags.define_data(crop=None, image_size=None, split=None)
flags.define_backgrounds()""",
}
KINDS = {"fg": "Foreground", "hoc": "Cluster", "distill": "Distillation"}
PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import flags
import cluster_flags
import config
{groups}
flags.define_optimization(batch_size=16, num_steps=5000)
flags.define_run(run_dir='runs/fg', evaluated='', num_evaluated=2)
flags.FLAGS(sys.argv)
config.from_flags(config.{kind})
print('\\n'.join({lines}.values()))
"""


@pytest.fixture(scope="module", name="run_with_flags")
def run_with_flags_fixture(run_script, tmp_path_factory):
    """Callable that parses a command's flags with the groups of one of the scripts; returns the completed process."""
    folder = tmp_path_factory.mktemp("programs")

    def run(*arguments, group="fg", lines="config.flag_lines()"):
        program = folder / f"{group}_{lines[7:11]}.py"
        program.write_text(PROGRAM.format(root=str(ROOT), groups=GROUPS[group], kind=KINDS[group], lines=lines))
        return run_script(program, *arguments)

    return run


@pytest.fixture(scope="module", name="parsed")
def parsed_fixture(run_with_flags):
    """Callable that returns the flagfile lines that a command's flags make."""

    def parse(*arguments, **options):
        result = run_with_flags(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    return parse


@pytest.mark.parametrize("group, arguments", [
    ("fg", ["--area_weight=10", "--noflip", "--augmentation=color", "--images=there", "--crop=square"]),
    ("distill", ["--teacher=run", "--teacher=another"])])
def test_default_lines_are_those_of_a_command_without_flags(parsed, group, arguments):
    given = [line for line in parsed(*arguments, group=group) if not line.startswith("--teacher")]
    defaults = [line for line in parsed(*arguments, group=group, lines="config.default_lines()") if line]
    assert not any(argument in defaults for argument in arguments)
    if group == "fg":
        assert defaults == [line for line in parsed() if line]
    else:
        assert defaults == [line for line in given if line]


# What the paper prints, and where: flags' defaults as --help shows them.
BOTH = {
    "area_weight": ("1000.0", "lambda, Tables 3 and 4"), "area_penalty": ("per_mask", "Eq. 7"),
    "adam_beta_1": ("0.5", "'Experimental Settings'"), "adam_beta_2": ("0.999", "'Experimental Settings'"),
    "generator_learning_rate": ("0.0004", "'Experimental Settings'"),
    "discriminator_learning_rate": ("0.0002", "'Experimental Settings'"),
    "learning_rate_fall_steps": ("0", "'Experimental Settings': constant rates"),
    "generator_width": ("1.0", "channels, Tables 1 and 2"), "spectral_norm": ("sngan", "SN, Tables 1 and 2"),
    "spectral_norm_scale": ("1.0", "SN, Tables 1 and 2"), "score_activation": ("lrelu", "lReLU+sigmoid, Tables 1 and 2"),
    "flip": ("true", "'Data Preparation'"),
}
BY_SCRIPT = {
    "train_fg.py": {**BOTH, "image_size": ("128", "Table 1"), "crop": ("box", "'Data Preparation'")},
    "train_hoc.py": {
        **BOTH, "num_layers": ("10", "N, Table 4, fruit"), "latent_dim": ("5", "dim(z), Table 4, fruit"),
        "information_weight": ("50.0", "beta, Table 4"), "padding": ("32", "'Layout Details', fruit"),
        "vertical_flip": ("true", "'Data Preparation', fruit and seed"), "background": ("disk", "'Data Preparation'"),
        "disk_radius": ("20.0", "'Data Preparation'")},
}
# What the paper does not have: each extension's flag, with the value that leaves it out.
OFF = {"area_ramp_steps": "0", "initial_mask_area": "0.5", "generator_average": "0.0", "augmentation": "",
       "binarization_weight": "0.0", "outline_weight": "0.0", "num_discriminator_updates": "1"}
OFF_BY_SCRIPT = {"train_fg.py": OFF, "train_hoc.py": {**OFF, "max_rotation": "0.0", "max_magnification": "1.0",
                                                      "shadow_strength": "0.0", "mask_start": "uniform", "flat_field": "0.0",
                                                      "gamma": "1.0"}}


@pytest.mark.parametrize("script", BY_SCRIPT)
def test_defaults_are_what_the_paper_prints_and_extensions_are_off(run_script, script):
    shown = run_script(script, "--help").stdout
    texts = re.split(r"\n  --(?:\[no\])?(\w+): ", shown)
    defaults = {name: re.search(r"\(default:\s+'(.*?)'\)", text) for name, text in zip(texts[1::2], texts[2::2])}
    found = {name: default and default[1] for name, default in defaults.items()}
    printed = {name: value for name, (value, _) in BY_SCRIPT[script].items()}
    expected = {**printed, **OFF_BY_SCRIPT[script]}
    assert {name: found[name] for name in expected} == expected


def test_what_is_no_flag_is_what_the_paper_prints():
    assert hoc.WINDOW == 64  # Table 2
    assert train_hoc.PAPER_AREA == 0.25  # a, Table 4, fruit and seed
    assert [photographs.default_area(name) for name in ("birds", "faces", "folder")] == [0.25] * 3  # a, Table 3


def test_only_the_bundled_photographs_have_an_area_constant_of_their_own():
    assert {name: photographs.default_area(name) for name in ("airplanes", "pets")} == photographs.BUNDLED_AREAS
    assert all(area != 0.25 for area in photographs.BUNDLED_AREAS.values()) and len(photographs.BUNDLED_AREAS) == 2


@pytest.mark.parametrize("path", FLAGFILES, ids=lambda path: path.name)
def test_every_flagfile_parses_and_says_what_it_holds(parsed, path):
    group = path.name.partition("_")[0]
    lines = parsed(f"--flagfile={path}", *(["--teacher=run"] if group == "distill" else []), group=group)
    holds = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert {same(line) for line in holds} <= {same(line) for line in lines}


def same(line):
    """Returns a flagfile's line with its value as a number, if it is one: '--a=1' and '--a=1.0' are the same."""
    name, equals, value = line.partition("=")
    return (name, float(value)) if re.fullmatch(r"[\d.e+-]+", value) else (name, equals + value)


@pytest.mark.parametrize("argument, message", [
    ("--dataset=cats", "should be one of <airplanes|pets|birds|faces|folder|samples>"),
    ("--area_penalty=below", "should be one of <per_mask|batch_mean|above>"),
    ("--image_size=100", "must be a positive multiple of 64"),
    ("--batch_size=0", "batch_size"),
    ("--batch_size=many", "batch_size"),
    ("--area_constant=1.5", "area_constant"),
    ("--no_such_flag=1", "no_such_flag"),
])
def test_a_value_out_of_range_is_refused_by_the_flags_name(run_with_flags, argument, message):
    result = run_with_flags(argument)
    assert result.returncode != 0 and message in result.stderr


def test_a_beginning_tilde_is_the_users_folder_in_every_flag_that_names_a_file(parsed):
    home = os.path.expanduser("~")
    for group, names in {"fg": ("data_dir", "images", "boxes", "masks", "backgrounds", "initial_weights", "run_dir"),
                         "hoc": ("image", "run_dir"), "distill": ("teacher", "images")}.items():
        lines = parsed(*(f"--{name}=~/x" for name in names), *(["--teacher=run"] if group == "distill" else []), group=group)
        assert {f"--{name}={home}/x" for name in names} <= set(lines)


@pytest.mark.parametrize("name", ["images", "data_dir", "boxes", "backgrounds", "run_dir"])
def test_an_empty_path_and_one_of_two_lines_are_refused_by_the_flags_name(run_with_flags, name):
    result = run_with_flags(f"--{name}=")
    assert result.returncode != 0 and f"flag --{name}=: is empty, as where a variable of the shell is not set" in result.stderr
    broken = run_with_flags(f"--{name}=two\nlines")
    assert broken.returncode != 0 and "has a line break in it, which a flagfile cannot hold" in broken.stderr


def test_every_flag_that_names_a_file_expands_tildes_and_refuses_emptiness():
    text = "".join((ROOT / name).read_text() for name in ("flags.py", "cluster_flags.py", "tool_flags.py"))
    names = set(re.findall(r'DEFINE_(?:multi_)?string\(\s*"(\w+)"', text))
    assert not names


def test_the_papers_flagfiles_hold_table_3_as_printed(parsed):
    for name in ("fg_birds", "fg_faces"):
        lines = parsed(f"--flagfile={ROOT / 'experiments/paper' / name}.flags")
        assert {"--area_weight=1000.0", "--area_constant=0.25", "--area_penalty=per_mask", "--area_ramp_steps=0",
                "--score_activation=lrelu", "--generator_width=1.0"} <= set(lines)


def test_the_papers_flagfiles_hold_table_4_as_printed(parsed):
    rows = {"crowd": (8, 6, 0.1, 30), "fruit": (10, 5, 0.25, 32), "seed": (12, 2, 0.25, 26)}
    for name, (num_layers, latent_dim, area, padding) in rows.items():
        lines = parsed(f"--flagfile={ROOT / 'experiments/paper' / f'hoc_{name}.flags'}", group="hoc")
        assert {f"--num_layers={num_layers}", f"--latent_dim={latent_dim}", f"--area_constant={area}",
                f"--padding={padding}", "--area_weight=1000.0", "--information_weight=50.0", "--area_ramp_steps=0",
                "--area_penalty=per_mask"} <= set(lines)
        assert ("--novertical_flip" in lines) == (name == "crowd")


def test_flags_are_read_by_config_alone_and_never_changed():
    """`errors` parses them, `flag_help` shows them, `flag_sources` says where they stand; all else takes `config.from_flags`."""
    paths = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("tests", ".venv")]
    assert {path.name for path in paths if re.search(r"\bFLAGS\b", path.read_text())} == {
        "flags.py", "flag_help.py", "flag_sources.py", "config.py", "errors.py"}
    for path in paths:
        assert not re.search(r"\b(FLAGS|options)\.\w+ = ", path.read_text()), path


def test_masks_start_in_one_place(run_script, tmp_path):
    for name in ("train_fg.py", "train_hoc.py"):
        result = run_script(name, "--initial_mask_area=0.25", "--area_ramp_steps=10", f"--run_dir={tmp_path / 'run'}")
        assert result.returncode == 1 and "--initial_mask_area does not go with --area_ramp_steps" in result.stderr
        assert not (tmp_path / "run").exists()


def test_tensorflow_addons_is_imported_in_one_place():
    statement = re.compile(r"^\s*(import|from) tensorflow_addons", re.M)
    importers = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")
                 if ".venv" not in path.parts and statement.search(path.read_text())]
    assert importers == ["models/layers.py"]


def test_help_has_three_groups_of_flags_that_there_are(run_script):
    text = "".join((ROOT / name).read_text() for name in ("flags.py", "cluster_flags.py"))
    declared = set(re.findall(r'(?:DEFINE_\w+|define_paths?)\(\s*"(\w+)"', text))
    assert flag_help.PAPER | flag_help.EXTENSIONS <= declared and not flag_help.PAPER & flag_help.EXTENSIONS
    text = run_script("train_fg.py", "--help").stdout
    places = [text.index(line) for line in ("\nPaper:", "--area_weight: ", "\nTraining:", "--log_every: ",
                                            "\nExtensions (", "--outline_weight: ")]
    assert places == sorted(places)


def test_old_names_of_flags_are_understood_and_said_to_be_old(run_script, parsed, tmp_path):
    old = ("--decision_weight=0.5", "--decision_ramp_steps=7")
    lines = parsed(*old)
    assert {"--binarization_weight=0.5", "--binarization_ramp_steps=7"} <= set(lines)
    assert not any("decision" in line for line in [*lines, *parsed(lines="config.default_lines()")])
    (tmp_path / "flags.txt").write_text("\n".join(old))
    result = run_script("train_hoc.py", f"--flagfile={tmp_path / 'flags.txt'}", "--image=nowhere", f"--run_dir={tmp_path / 'run'}")
    assert result.stderr.count("note: --decision_weight is now --binarization_weight, --decision_ramp_steps is now "
                               "--binarization_ramp_steps; the next release does not know old names any more.") == 1
    assert "note:" not in run_script("train_hoc.py", "--image=nowhere", f"--run_dir={tmp_path / 'run'}").stderr
    assert "--decision_weight" not in run_script("train_hoc.py", "--help").stdout


def test_a_removed_flag_takes_what_earlier_runs_left_and_nothing_else(run_script, parsed, tmp_path):
    assert "--feature_matching_weight=0.0" in parsed("--feature_matching_weight=0.0")
    result = run_script("train_fg.py", "--own_background_share=0.5", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode != 0 and "own_background_share=0.5: was removed" in result.stderr


def test_pictures_of_the_size_that_pillow_allows_are_allowed(parsed):
    for group in ("fg", "hoc", "distill"):
        assert f"--max_megapixels={decoding.MAX_MEGAPIXELS}" in parsed(*(["--teacher=run"] if group == "distill" else []),
                                                                       group=group)
