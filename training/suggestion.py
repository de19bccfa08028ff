"""Flags that fit a photograph of a cluster, suggested from the picture alone (`train_hoc.py --suggest`)."""

import math
import shlex

import numpy as np

from data import granularity, illumination
from data.hoc import SMALLEST_WINDOW
from errors import UserError
from evaluation import wholeness
from training import hoc

# A window's side in diameters of an instance. The paper: 1.5 times the biggest, which is somewhat larger than the usual one.
# Ten layers must cover the hole, so instances are larger in a window; things that lie apart need ground about them.
_WINDOW, _WINDOW_OF_TEN, _WINDOW_APART = 1.7, 1.46, 2.45
_AREA_SHARE = 0.9  # of a disk of that diameter: a mask rather too small than too large
_MOST_UNCOVERED = 0.005
_NUM_LAYERS, _LARGEST_PADDING, _SMALLEST_PADDING = 12, 32, 20
_MOST_DARK = 0.15  # share of a picture, beyond which its shade is brightened; oranges have 0.04, limes 0.11, hazelnuts 0.24
_SPARSE = 0.45  # and beyond which things may lie apart on dark ground; coffee beans have 0.34, a micrograph of nuclei 0.60
_GAMMA = 0.5
_LAYERS_WITH_GAPS, _LARGEST_PADDING_WITH_GAPS = 10, 48
_FLAGFILE = "--flagfile=experiments/best/{}.flags --image={} --window_size={}"  # in this order: flagfiles have pictures, too
_APART = "Much of the picture is dark. If things lie apart on dark ground, add --background=ground to --suggest."
_LONG = ("These are for round things. For long ones: hoc_seed_twelve with 1.5 times their length "
         "as --window_size; plain ones hoc_long with 1.15 times. docs/clusters.md says when each works.")


def suggest(picture: np.ndarray, *, image: str, apart: bool, gamma: float = 1.0) -> str:
    """Suggests flags for a photograph of a cluster.

    Args:
      picture: uint8 [H, W, 3], at its own size.
      image: its path, for the flags.
      apart: whether instances lie apart on dark ground (`--background=ground` or `black`) instead of filling the picture.
      gamma: by which the picture has been changed already (S32).

    Returns:
      Lines to print: what was measured, the flagfiles that fit with their windows, and, where instances fill the picture, flags for
      Table 4's own layers with what they leave uncovered.

    Raises:
      UserError: no size stands out, or a window would be larger than the picture, or smaller than the smallest.
    """
    diameter = granularity.piece_diameter(picture) if apart else granularity.repetition_distance(picture)
    window = None if diameter is None else _window((_WINDOW_APART if apart else _WINDOW) * diameter)
    if window is None or window > min(picture.shape[:2]):
        raise UserError("no size of instances stands out in the picture; measure the biggest one by eye, and give 1.5 times "
                        "its width as --window_size."
                        + ("" if apart else " Where they lie apart on dark ground, add --background=ground."))
    smallest = (_WINDOW_APART if apart else _WINDOW_OF_TEN) * diameter
    if smallest < SMALLEST_WINDOW:
        raise UserError(f"instances are about {diameter:.0f} pixels wide, too small for windows of at least {SMALLEST_WINDOW} "
                        f"pixels; enlarge the photograph at least {math.ceil(10 * SMALLEST_WINDOW / smallest) / 10:g} times.")
    image, size = shlex.quote(image), f"instances are about {diameter:.0f} pixels wide"
    if apart:
        return f"{size}\n{_FLAGFILE.format('hoc_nuclei', image, window)}"
    dark, given = wholeness.dark_share(picture), f" --gamma={gamma:g}" if gamma != 1.0 else ""
    area = _AREA_SHARE * np.pi / 4 * (diameter / window) ** 2
    if not given and dark > _MOST_DARK:
        gamma, picture = _GAMMA, illumination.gamma_corrected(picture, _GAMMA)
    layers = _with_gaps(picture, area=area, gamma=gamma) if gamma < 1.0 else _over_a_hole(area)
    ten = _FLAGFILE.format("hoc_nuts_hole" if gamma < 1.0 else "hoc_fruit_ten", image, _window(_WINDOW_OF_TEN * diameter))
    return "\n".join([f"{size}, and {100 * dark:.0f} % of the picture is dark{given and ' with' + given}",
                      f"ten instances over the hole: {ten}{given}",
                      f"one instance at a time: {_FLAGFILE.format('hoc_fruit_one', image, window)}{given}",
                      f"Table 4's layers: --image={image} --window_size={window} --area_constant={area:.2f} {layers}",
                      *([_APART] if dark > _SPARSE else []), _LONG])


def _window(side: float) -> int:
    """Returns an even window size near a side in pixels."""
    return max(SMALLEST_WINDOW, 2 * round(side / 2))


def _over_a_hole(area: float) -> str:
    """Returns the layers and the largest padding with which hardly anything of Table 4's hole stays black, as a line."""
    uncovered = {padding: hoc.uncovered_fraction(num_layers=_NUM_LAYERS, area=area, padding=padding)
                 for padding in range(_SMALLEST_PADDING, _LARGEST_PADDING + 1)}
    padding = max((padding for padding, share in uncovered.items() if share <= _MOST_UNCOVERED),
                  default=_SMALLEST_PADDING)
    return (f"--num_layers={_NUM_LAYERS} --padding={padding}: about {100 * uncovered[padding]:.1f} % of the hole is covered by "
            "no instance")


def _with_gaps(picture: np.ndarray, *, area: float, gamma: float) -> str:
    """Returns flags for things that are lit from above, with dark gaps between them, as a line.

    Their shade is brightened already, so that the gaps alone are dark. As much of the hole stays black: otherwise instances hold
    a piece of a gap (docs/log/twelve_layers.md). Windows are not turned upside down, since light comes from above.
    """
    dark = wholeness.dark_share(picture)
    left = {padding: hoc.uncovered_fraction(num_layers=_LAYERS_WITH_GAPS, area=area, padding=padding)
            for padding in range(_SMALLEST_PADDING, _LARGEST_PADDING_WITH_GAPS + 1)}
    padding = min((padding for padding, share in left.items() if share >= dark), default=_LARGEST_PADDING_WITH_GAPS)
    return (f"--gamma={gamma:g} --novertical_flip --mask_start=disk --num_layers={_LAYERS_WITH_GAPS} --padding={padding}: about "
            f"{100 * left[padding]:.0f} % of the hole stays black, and {100 * dark:.0f} % of the picture is dark with its shade "
            "brightened")
