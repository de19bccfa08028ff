"""Flags that fit a photograph of a cluster, suggested from the picture alone (`train_hoc.py --suggest`)."""

import numpy as np

from data import granularity
from errors import UserError
from evaluation import wholeness
from training import hoc

_WINDOW_DIAMETERS = 1.7  # the paper: 1.5 times the biggest instance, which is somewhat larger than the usual one
_AREA_SHARE = 0.9  # of a disk of that diameter: a mask rather too small than too large
_MOST_UNCOVERED = 0.005
_NUM_LAYERS, _LARGEST_PADDING, _SMALLEST_PADDING = 12, 32, 20
_MOST_DARK = 0.15  # share of a picture; oranges have 0.04 and limes 0.11, whose instances are learnt over a hole, hazelnuts 0.24
_LAYERS_ON_BLACK, _LARGEST_PADDING_ON_BLACK = 10, 64


def suggest(picture: np.ndarray, *, on_black: bool) -> str:
    """Suggests flags for a photograph of a cluster.

    Args:
      picture: uint8 [H, W, 3], at its own size.
      on_black: whether instances lie apart on dark ground (`--background=black`) instead of filling the picture.

    Returns:
      Lines to print: what was measured, the flags, and what they leave uncovered.

    Raises:
      UserError: no size stands out.
    """
    diameter = granularity.piece_diameter(picture) if on_black else granularity.repetition_distance(picture)
    if diameter is None or diameter * _WINDOW_DIAMETERS > min(picture.shape[:2]):
        raise UserError("no size of instances stands out in the picture; measure the biggest one by eye, and give 1.5 times "
                        "its width as --window_size."
                        + ("" if on_black else " Where they lie apart on dark ground, add --background=black."))
    window = max(16, 2 * round(_WINDOW_DIAMETERS * diameter / 2))
    area = _AREA_SHARE * np.pi / 4 * (diameter / window) ** 2
    lines = [f"instances are about {diameter:.0f} pixels wide",
             f"--window_size={window} --area_constant={area:.2f}"]
    if on_black:
        return "\n".join([*lines, "--background=black: choose --num_layers by how many a window holds"])
    dark = wholeness.dark_share(picture)
    return "\n".join([*lines, _with_gaps(area, dark=dark) if dark > _MOST_DARK else _over_a_hole(area)])


def _over_a_hole(area: float) -> str:
    """Returns the layers and the largest padding with which hardly anything of Table 4's hole stays black, as a line."""
    uncovered = {padding: hoc.uncovered_fraction(num_layers=_NUM_LAYERS, area=area, padding=padding)
                 for padding in range(_SMALLEST_PADDING, _LARGEST_PADDING + 1)}
    padding = max((padding for padding, share in uncovered.items() if share <= _MOST_UNCOVERED),
                  default=_SMALLEST_PADDING)
    return (f"--num_layers={_NUM_LAYERS} --padding={padding}: about {100 * uncovered[padding]:.1f} % of the hole is covered by "
            "no instance")


def _with_gaps(area: float, *, dark: float) -> str:
    """Returns the layers and the padding with which as much of a composite on black stays dark, as a line.

    Dark gaps are shadows, below things that are lit from above. So windows are not turned upside down.
    """
    left = {padding: hoc.uncovered_fraction(num_layers=_LAYERS_ON_BLACK, area=area, padding=padding, disk_radius=0.0)
            for padding in range(_SMALLEST_PADDING, _LARGEST_PADDING_ON_BLACK + 1)}
    padding = min(left, key=lambda padding: abs(left[padding] - dark))
    return (f"--background=black --novertical_flip --num_layers={_LAYERS_ON_BLACK} --padding={padding}: about {100 * left[padding]:.0f} % of a "
            "composite stays black, as much as the picture is dark")
