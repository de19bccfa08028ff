"""What a command's flags say: frozen dataclasses whose fields are named as the flags, one for each consumer.

`from_flags` is the only place that reads the flags. A script calls it once, in its `main`, and hands the parts on.
"""

import copy
import dataclasses
from typing import Any, Iterable, Mapping, Optional, TypeVar, get_type_hints

import flags  # before TensorFlow
from flags import FLAGS

Kind = TypeVar("Kind")
frozen = dataclasses.dataclass(frozen=True)


@frozen
class Photographs:
    """Photographs of one category and how they are cropped; None where a script takes its network's."""

    dataset: Optional[str]
    data_dir: Optional[str]
    images: Optional[str]
    boxes: Optional[str]
    boxes_format: Optional[str]
    masks: Optional[str]
    split: Optional[str]
    split_file: Optional[str]
    crop: Optional[str]
    image_size: Optional[int]
    max_megapixels: float


@frozen
class Data(Photographs):
    """Photographs and backgrounds, as `data.photographs.load_training_data` takes them."""

    backgrounds: Optional[str]
    num_evaluation_images: int


@frozen
class Generator:
    """The trained network of `train_fg.py` and `train_hoc.py`."""

    generator_width: float
    generator_initializer: str
    batch_norm_momentum: float
    initial_weights: Optional[str]
    generator_average: float
    initial_mask_area: float


@frozen
class Discriminator:
    """The discriminator, and how images are changed before it sees them."""

    spectral_norm: str
    spectral_norm_scale: float
    discriminator_initializer: str
    score_activation: str
    discriminator_inputs: str
    discriminator_input_scale: float
    augmentation: list


@frozen
class Objective:
    """The terms on masks, as `training.objectives.make_mask_terms` takes them."""

    area_constant: Optional[float]
    area_weight: float
    area_penalty: str
    area_start: float
    area_ramp_steps: int
    binarization_weight: float
    binarization_ramp_steps: int
    outline_weight: float


@frozen
class Players:
    """The two players' optimizers, as `training.optimizers.make_pair` takes them."""

    generator_learning_rate: float
    discriminator_learning_rate: float
    num_discriminator_updates: int
    num_steps: int
    learning_rate_fall_steps: int
    adam_beta_1: float
    adam_beta_2: float
    mixed_precision: str


@frozen
class Process:
    """What a process sets once, as `training.environment.set_up` takes it."""

    seed: int
    deterministic: bool
    mixed_precision: str
    convolutions: str


@frozen
class Cadence:
    """After how many steps means are written, panels drawn, evaluations made, checkpoints saved and weights kept; 0 is never."""

    log_every: int
    panel_every: int
    evaluate_every: int
    save_every: int
    weights_every: int


@frozen
class Run:
    """A run: its folder, its length, its batches, its replicas."""

    run_dir: str
    num_steps: int
    batch_size: int
    num_panel_images: int
    num_evaluation_images: int
    num_kept_checkpoints: int
    flip: bool
    seed: int
    jit_compile: bool
    distribute: str
    num_replicas: int


@frozen
class Scenes:
    """The photograph of a cluster, and the scenes that are composed."""

    image: Optional[str]
    max_megapixels: float
    labels: Optional[str]
    drawn_cluster: Optional[str]
    drawn_size: int
    drawn_shadows: float
    drawn_noise: float
    window_size: Optional[int]
    flat_field: float
    gamma: float
    num_layers: int
    latent_dim: int
    padding: int
    max_rotation: float
    max_magnification: float
    background: str
    shadow_strength: float
    disk_radius: float
    layer_ramp_start: int
    layer_ramp_steps: int
    vertical_flip: bool
    mask_start: str
    mask_start_elongation: float
    mask_start_logit: float
    num_samples: int
    num_panel_layers: int


@frozen
class Information:
    """The information term (S8)."""

    recognition: str
    recognition_head: str
    recognition_inputs: str
    recognition_trains_discriminator: bool
    information_weight: float
    num_recognized_layers: int


@frozen
class Student:
    """A distillation: the teacher, the student, and the labels between them."""

    teacher: list
    student_width: float
    student_average: float
    batch_norm_momentum: float
    student_learning_rate: float
    learning_rate_fall_steps: int
    adam_beta_1: float
    adam_beta_2: float
    augmentation: list
    label_area: Optional[float]
    max_cache_megabytes: float
    grabcut_iterations: int


@frozen
class Inference:
    """What is done to a network's masks, as `inference.pipeline.inference` takes it (S20)."""

    average_flips: bool
    refine_iterations: int
    sharpen_temperature: float
    mask_threshold: float


@frozen
class Adversarial:
    """Flags of both scripts of adversarial training."""

    generator: Generator
    discriminator: Discriminator
    objective: Objective
    players: Players
    process: Process
    cadence: Cadence
    run: Run


@frozen
class Foreground(Adversarial):
    """All flags of `train_fg.py`."""

    data: Data
    suggest: bool


@frozen
class Cluster(Adversarial):
    """All flags of `train_hoc.py`."""

    scenes: Scenes
    information: Information
    suggest: bool


@frozen
class Distillation:
    """All flags of `distill.py`."""

    data: Data
    student: Student
    inference: Inference
    process: Process
    cadence: Cadence
    run: Run


def from_flags(kind: type[Kind], *, given: Mapping[str, str] = {}) -> Kind:
    """Makes a dataclass of this module, or of one like it, from the flags.

    Args:
      kind: the dataclass; fields that are dataclasses themselves are made in the same way.
      given: texts by flags' names that stand for the flags' own values.

    Returns:
      The dataclass.
    """
    hints = get_type_hints(kind)
    return kind(**{name: from_flags(hint, given=given) if dataclasses.is_dataclass(hint) else _flag(name, given).value
                   for name, hint in hints.items()})


def changed(names: Iterable[str]) -> list[str]:
    """Returns which of the flags have another value than their default, as they are given: `--name`, or `--noname`."""
    return [f"--{'no' if FLAGS[name].value is False else ''}{name}" for name in names
            if FLAGS[name].value != FLAGS[name].default]


def with_area(options: Any, area: float) -> Any:
    """Returns the configuration of `train_fg.py` or `train_hoc.py` with an area constant where none was given."""
    if options.objective.area_constant is not None:
        return options
    return dataclasses.replace(options, objective=dataclasses.replace(options.objective, area_constant=area))


def flag_lines(given: Mapping[str, str] = {}) -> dict[str, str]:
    """Returns the flagfile line of every flag of training, by its new name: '' where it is None.

    Args:
      given: as for `from_flags`.
    """
    declared = {flag.name for module in ("flags", "cluster_flags") for flag in FLAGS.flags_by_module_dict().get(module, [])}
    return {name: _flag(name, given).serialize() for name in sorted(declared - set(flags.RENAMED))}


def default_lines() -> dict[str, str]:
    """Returns what `flag_lines` would, had no flag been given."""
    clones = {name: copy.deepcopy(FLAGS[name]) for name in flag_lines()}
    for clone in clones.values():
        clone.unparse()
    return {name: clone.serialize() for name, clone in clones.items()}


def _flag(name: str, given: Mapping[str, str]) -> Any:
    """Returns a flag, or a copy of it that has the text given."""
    if name not in given:
        return FLAGS[name]
    clone = copy.deepcopy(FLAGS[name])
    clone.parse(given[name])
    return clone
