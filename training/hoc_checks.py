"""Flags of the cluster task that do not go together, and are refused before anything is made."""

import math

import numpy as np

import config
from data import hoc
from errors import UserError
from models.instance_generator import DISK_LOGIT
from training import objectives

LARGEST_HOLE = math.hypot(hoc.WINDOW, hoc.WINDOW) / 2  # radius in pixels; a larger hole is the whole window
PAPER_HOLE = 20.0


def check(options: config.Cluster) -> None:
    """Refuses flags that do not go together; UserError names them."""
    scenes, area = options.scenes, options.objective.area_constant
    check_padding(scenes.padding, area=area, max_magnification=scenes.max_magnification)
    objectives.initial_mask(options.generator, options.objective)
    if scenes.mask_start == "disk" and options.generator.initial_mask_area != objectives.UNTRAINED_AREA:
        raise UserError("--initial_mask_area does not go with --mask_start=disk, with which masks start as the disk.")
    if scenes.mask_start == "disk" and not 0.0 < area < 1.0:
        raise UserError(f"--mask_start=disk needs an area constant between 0 and 1, not {area:g}.")
    _check_mask_start(scenes, area=objectives.first_area_constant(options.objective))
    check_hole(scenes)
    check_ramp(scenes, num_steps=options.run.num_steps)
    if options.information.num_recognized_layers > scenes.num_layers:
        raise UserError(f"--num_recognized_layers={options.information.num_recognized_layers} is more than --num_layers="
                        f"{scenes.num_layers}; 0 is all of them.")
    _check_recognition(options.information)


def _check_mask_start(scenes: config.Scenes, *, area: float) -> None:
    """Refuses a form of what masks start as that would do nothing, or leaves the window; UserError says which."""
    elongation = scenes.mask_start_elongation
    for name, value, default in (("elongation", elongation, 1.0), ("logit", scenes.mask_start_logit, DISK_LOGIT)):
        if value != default and scenes.mask_start != "disk":
            raise UserError(f"--mask_start_{name}={value:g} is of --mask_start=disk; add it, or leave the {name} out.")
    if elongation > 1.0 and elongation > (most := math.pi / 4.0 / area):  # the longer axis is then a window's side
        fits = f"the largest that fits is {math.floor(100.0 * most) / 100.0:g}" if most > 1.0 else "none fits"
        raise UserError(f"--mask_start_elongation={elongation:g} makes disks of area {area:g} longer than a window; "
                        f"{fits}.")


def _check_recognition(information: config.Information) -> None:
    """Refuses flags of the recognition network that would do nothing, or that it cannot have."""
    recognition = information.recognition if information.information_weight else "none"
    if recognition == "none" and (information.recognition_head, information.recognition_inputs) != ("pooled", "black"):
        raise UserError("--recognition_head and --recognition_inputs are of a recognition network, and there is none with "
                        "--recognition=none or --information_weight=0.")
    if information.recognition_inputs == "rgba" and recognition != "separate":
        raise UserError(f"--recognition_inputs=rgba needs --recognition=separate, not {recognition}: the discriminator takes "
                        "three channels.")
    if information.recognition_trains_discriminator and recognition != "shared":
        raise UserError(f"--recognition_trains_discriminator needs --recognition=shared, not {recognition}.")


def check_hole(scenes: config.Scenes) -> None:
    """Refuses a hole that would do nothing, or leave nothing of a window; UserError says which."""
    radius = scenes.disk_radius
    if scenes.background != "disk" and radius not in (0.0, PAPER_HOLE):
        raise UserError(f"--disk_radius={radius:g} is of --background=disk, and here it is {scenes.background}; leave it out.")
    if radius > LARGEST_HOLE:
        raise UserError(f"--disk_radius={radius:g} leaves nothing of a window of {hoc.WINDOW} pixels; give --background=black, or "
                        f"at most {int(LARGEST_HOLE)}.")


def check_ramp(scenes: config.Scenes, *, num_steps: int) -> None:
    """Refuses flags of a layer ramp that would do nothing, that need a hole, or outlast the run; UserError says which."""
    if scenes.layer_ramp_start and not scenes.layer_ramp_steps:
        raise UserError(f"--layer_ramp_start={scenes.layer_ramp_start} is of a layer ramp; add --layer_ramp_steps.")
    if scenes.layer_ramp_steps and (scenes.num_layers == 1 or scenes.background != "disk"):
        raise UserError("--layer_ramp_steps needs several --num_layers and --background=disk, whose hole grows with them.")
    if scenes.layer_ramp_steps and (end := scenes.layer_ramp_start + scenes.layer_ramp_steps) > num_steps:
        raise UserError(f"scenes grow until step {end} (--layer_ramp_start and --layer_ramp_steps), beyond --num_steps="
                        f"{num_steps}; give shorter ones.")


def check_padding(padding: int, *, area: float, max_magnification: float = 1.0) -> None:
    """Refuses a padding that can push a whole instance out of its window.

    Args:
      padding: pixels on each side.
      area: area constant; an instance is taken as a centred disk of that area.
      max_magnification: m of `make_layout`; the disk is taken at its smallest, 1 / m as wide.

    Raises:
      UserError: a disk of that area, moved by `padding` along both axes, leaves the window over a corner; the largest
        padding is named.
    """
    # The disk's last pixel along the diagonal is then in the window's corner, half a pixel from its edges.
    area /= max_magnification**2
    largest = int((hoc.WINDOW - 1) / 2 + hoc.WINDOW * np.sqrt(area / np.pi) / np.sqrt(2.0))
    if padding > largest:
        smallest = " where they are smallest" if max_magnification > 1.0 else ""
        raise UserError(f"--padding={padding} can push a whole instance out of its {hoc.WINDOW}-pixel window; "
                        f"instances that cover {area:g} of it{smallest} can be moved by at most {largest} (the paper: "
                        "26 to 32).")
