"""What `--help` says: flags in three groups, the paper's, training's, and those of extensions; what flags were called."""

from typing import Iterable, Optional

from absl import flags as absl_flags

FLAGS = absl_flags.FLAGS

# Flags by what they belong to, as --help shows them; those that are named in neither set are of training.
PAPER = frozenset((
    "dataset", "data_dir", "images", "boxes", "boxes_format", "masks", "crop", "image_size", "backgrounds",
    "area_constant", "area_weight",
    "generator_learning_rate", "discriminator_learning_rate", "adam_beta_1", "adam_beta_2", "flip", "image", "window_size",
    "num_layers", "latent_dim", "padding", "background", "disk_radius", "vertical_flip", "information_weight", "teacher",
    "student_learning_rate"))
EXTENSIONS = frozenset((
    "generator_average", "student_average", "augmentation", "area_start", "area_ramp_steps", "binarization_weight",
    "binarization_ramp_steps", "outline_weight", "learning_rate_fall_steps", "flat_field", "gamma", "max_rotation",
    "max_magnification", "shadow_strength", "mask_start", "mask_start_elongation", "mask_start_logit", "label_area",
    "average_flips", "refine_iterations", "sharpen_temperature", "mask_threshold", "grabcut_iterations", "initial_weights",
    "spectral_norm_scale", "layer_ramp_start", "layer_ramp_steps"))

# Names that flags have now, by those of the release before, which are understood until the next one.
RENAMED = {"decision_weight": "binarization_weight", "decision_ramp_steps": "binarization_ramp_steps"}


def help_text(names: Iterable[str]) -> str:
    """Returns what `--help` says of flags: the paper's, training's, and those of extensions that it does not have."""
    groups = {"Paper": [], "Training": [], "Extensions (the paper has none of these)": []}
    for name in sorted(set(names) - set(RENAMED)):
        place = 0 if name in PAPER else 2 if name in EXTENSIONS else 1
        flag = FLAGS[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}"
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        list(groups.values())[place].append(absl_flags.text_wrap(f"{shown}: {flag.help}{default}", length=100,
                                                                 indent="      ", firstline_indent="  "))
    return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in groups.items() if lines)


def with_new_name(line: str) -> str:
    """Returns a flagfile's line, with the flag's new name if it has one."""
    name = line[2:].partition("=")[0]
    return line.replace(name, RENAMED[name], 1) if name in RENAMED else line


def note_on_renamed() -> Optional[str]:
    """Returns a sentence about the old names that a command uses, or None."""
    used = [f"--{old} is now --{new}" for old, new in RENAMED.items() if old in FLAGS and FLAGS[old].present]
    return f"note: {', '.join(used)}; the next release does not know old names any more." if used else None
