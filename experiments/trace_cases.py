"""The small trainings by which `compare_traces.py` compares two commits, and changes of their flags."""

import fnmatch
import shlex
from typing import NamedTuple

from errors import UserError

SMALL = ("--num_steps=4", "--batch_size=4", "--log_every=1", "--evaluate_every=4", "--panel_every=0", "--save_every=4",
         "--num_evaluation_images=4", "--num_panel_images=2")


class Stage(NamedTuple):
    """One call of a script.

    Attributes:
      name: of its run folder; stages of one name go on with one run.
      script: file.
      arguments: flags; '{name}' in them is the run folder of the stage of that name.
      flagfile: name of its flagfile, or None.
    """

    name: str
    script: str
    arguments: tuple
    flagfile: str | None = None


def _foreground(*arguments, flagfile=None, name="fg"):
    """Returns a stage of train_fg.py on the bundled pets."""
    return Stage(name, "train_fg.py", (*SMALL, "--dataset=samples", "--image_size=64", "--generator_width=0.0625",
                                       *arguments), flagfile)


def _cluster(*arguments, flagfile=None, name="hoc"):
    """Returns a stage of train_hoc.py, by default on the bundled oranges."""
    return Stage(name, "train_hoc.py", (*SMALL, "--generator_width=0.0625", "--num_samples=2", *arguments), flagfile)


def _student(flagfile, *arguments):
    """Returns a stage of distill.py, whose teacher is the stage 'raw'."""
    return Stage(flagfile, "distill.py", (*SMALL, "--student_width=0.0625", "--teacher={raw}", *arguments), flagfile)


FALLING = "--learning_rate_fall_steps=2"  # instead of a flagfile's, which are more than there are steps

ORANGES = ("--image=data/samples/hoc/oranges.png", "--window_size=78")

MIRRORED = ("--distribute=mirrored", "--num_replicas=2")

# Stages by the case's name: all flagfiles of the paper and of the best runs, and what no flagfile has.
CASES = {
    "fg_birds": (_foreground(flagfile="fg_birds"),),
    "fg_faces": (_foreground(flagfile="fg_faces"),),
    "fg_birds_64": (_foreground(FALLING, flagfile="fg_birds_64"),),
    "fg_birds_light_penalty": (_foreground(FALLING, flagfile="fg_birds_light_penalty"),),
    "fg_birds_batch_mean": (_foreground(FALLING, flagfile="fg_birds_batch_mean"),),
    "fg_demo": (_foreground("--area_ramp_steps=3", flagfile="fg_demo"),),
    "fg_extras": (_foreground(
        "--augmentation=color,hue,translation", "--outline_weight=0.2", "--binarization_weight=1",
        "--binarization_ramp_steps=3", "--num_discriminator_updates=2", "--generator_average=0.9"),),
    "fg_rare": (_foreground(
        "--spectral_norm=tfa", "--discriminator_inputs=unit", "--area_penalty=above", "--area_ramp_steps=0",
        "--crop=square", "--noflip"),),
    "fg_mirrored": (_foreground(*MIRRORED, flagfile="fg_birds"),),
    "fg_bfloat16": (_foreground("--mixed_precision=bfloat16", FALLING, flagfile="fg_birds_batch_mean"),),
    "fg_resumed": (_foreground("--num_steps=2", flagfile="fg_birds"), _foreground(flagfile="fg_birds")),
    "hoc_crowd": (_cluster(*ORANGES, flagfile="hoc_crowd"),),
    "hoc_fruit": (_cluster(flagfile="hoc_fruit"),),
    "hoc_seed": (_cluster(*ORANGES, flagfile="hoc_seed"),),
    "hoc_drawn": (_cluster(FALLING, flagfile="hoc_drawn"),),
    "hoc_fruit_one": (_cluster("--binarization_ramp_steps=3", FALLING, flagfile="hoc_fruit_one"),),
    "hoc_fruit_shadow": (_cluster("--binarization_ramp_steps=3", FALLING, flagfile="hoc_fruit_shadow"),),
    "hoc_drawn_one": (_cluster(flagfile="hoc_drawn_one"),),
    "hoc_seed_one": (_cluster(*ORANGES, FALLING, flagfile="hoc_seed_one"),),
    "hoc_seed_twelve": (_cluster(*ORANGES, FALLING, "--binarization_ramp_steps=3", "--layer_ramp_start=1", "--layer_ramp_steps=2",
                                 flagfile="hoc_seed_twelve"),),
    "hoc_crowd_shadow": (_cluster(*ORANGES, FALLING, flagfile="hoc_crowd_shadow"),),
    "hoc_moved": (_cluster("--recognition=separate", "--max_rotation=20", "--max_magnification=1.2"),),
    "hoc_black": (_cluster("--recognition=none", "--background=black"),),
    "hoc_mirrored": (_cluster(*MIRRORED, flagfile="hoc_fruit"),),
    "distillation": (_foreground("--area_ramp_steps=3", flagfile="fg_demo", name="raw"), _student("distill_birds"),
                     _student("distill_compact", FALLING)),
}


def changed_arguments(arguments: tuple, changes: list[str], *, case: str, stage: str) -> list[str]:
    """Applies a side's changes to a stage's flags.

    Args:
      arguments: the table's flags.
      changes: texts 'PATTERN: ~name --name=value ...'; a pattern is of cases' names, or of 'case/stage'.
      case: the case's name.
      stage: the stage's name.

    Returns:
      The flags that the script is given.
    """
    result = list(arguments)
    for change in changes:
        pattern, _, words = change.partition(":")
        if not _matches(pattern, case, stage):
            continue
        for word in shlex.split(words):
            if word.startswith("~"):
                names = (f"--{word[1:]}", f"--no{word[1:]}")
                result = [flag for flag in result if flag.partition("=")[0] not in names]
            else:
                result.append(word)
    return result


def check_changes(changes: list[str], *, side: str):
    """Raises UserError where a text is not as `changed_arguments` needs it, or matches no case."""
    for change in changes:
        pattern, colon, words = change.partition(":")
        wrong = [word for word in shlex.split(words) if not word.startswith(("~", "--"))]
        if not colon or wrong:
            raise UserError(f"--{side}_flags={change!r} is not of the form 'PATTERN: ~name --name=value'.")
        if not any(_matches(pattern, case, stage.name) for case, stages in CASES.items() for stage in stages):
            raise UserError(f"--{side}_flags={change!r} matches none of the cases; they are {', '.join(CASES)}.")


def _matches(pattern, case, stage):
    """Says whether a pattern means a case, or with a slash a stage of it."""
    return fnmatch.fnmatchcase(f"{case}/{stage}" if "/" in pattern else case, pattern.strip())
