"""What `--help` says: flags in three groups, the paper's, training's, and those of extensions."""

from typing import Iterable

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
    "generator_average", "augmentation", "area_start", "area_ramp_steps", "decision_weight", "decision_ramp_steps",
    "outline_weight", "learning_rate_fall_steps", "max_rotation", "max_magnification", "shadow_strength", "mask_start",
    "label_area", "average_flips", "refine_iterations", "sharpen_temperature", "mask_threshold", "grabcut_iterations",
    "initial_weights", "spectral_norm_scale"))


def help_text(names: Iterable[str]) -> str:
    """Returns what `--help` says of flags: the paper's, training's, and those of extensions that it does not have."""
    groups = {"Paper": [], "Training": [], "Extensions (the paper has none of these)": []}
    for name in sorted(names):
        place = 0 if name in PAPER else 2 if name in EXTENSIONS else 1
        flag = FLAGS[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}"
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        list(groups.values())[place].append(absl_flags.text_wrap(f"{shown}: {flag.help}{default}", length=100,
                                                                 indent="      ", firstline_indent="  "))
    return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in groups.items() if lines)
