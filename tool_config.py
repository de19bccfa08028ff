"""What the flags of the scripts that use what was trained say: `config`'s dataclasses of `tool_flags`.

`config.from_flags` makes them.
"""

from typing import Optional

import config


@config.frozen
class Evaluation:
    """All flags of `evaluate.py`."""

    run_dir: Optional[str]
    weights: list
    out: str
    protocol: str
    grabcut_iterations: int
    photographs: config.Photographs
    inference: config.Inference


@config.frozen
class Segmentation:
    """All flags of `segment.py`."""

    weights: list
    out: str
    boxes: Optional[str]
    boxes_format: Optional[str]
    skip_existing: bool
    batch_size: int
    max_megapixels: float
    grabcut_iterations: int
    inference: config.Inference


@config.frozen
class Sampling:
    """All flags of `sample.py`."""

    run_dir: Optional[str]
    weights: Optional[str]
    out: str
    num_samples: int
    num_evaluation_images: int
    labels: Optional[str]
    seed: Optional[int]


@config.frozen
class Composites:
    """Composites of known instances, as `counting.composites` makes them; None where it depends on the generator."""

    num_composites: int
    composite_size: int
    ground: Optional[str]
    min_scale: Optional[float]
    max_scale: Optional[float]
    min_visible: Optional[float]
    spacing: Optional[float]
    shadow_strength: Optional[float]
    upright: Optional[bool]
    amodal: Optional[bool]
    max_stretch: float
    max_bend: float


@config.frozen
class Counting:
    """All flags of `count.py`."""

    run_dir: Optional[str]
    weights: Optional[str]
    student: Optional[str]
    image: str
    window_size: Optional[int]
    out: str
    composites: Composites
    num_steps: int
    batch_size: int
    student_width: int
    self_training_rounds: Optional[int]
    cut_out_share: float
    gamma: Optional[float]
    outlines: str
    least_seen: float
    seed: int
    max_megapixels: float


@config.frozen
class Export:
    """All flags of `export.py`."""

    weights: list
    out: str
    serving_version: Optional[int]
    inference: config.Inference
