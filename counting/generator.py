"""What a trained generator gives to counting: its instances, and how its photograph was scaled and evened out."""

from typing import Any, Mapping, NamedTuple, Optional

import numpy as np

from data import hoc, samples
from data.illumination import Light
from errors import UserError
from evaluation import wholeness
from evaluation.instances import is_single_piece
from evaluation.metrics import binarize
from inference import sampler
from storage import run_folder


GROUND_OF = {"disk": "dense", "black": "black", "ground": "own"}  # of composites, by --background of the run
_MOST_DARK = 0.5  # share of an instance's pixels; whole instances of fruit may hold a dark rim
_LEAST_USABLE = 0.05


class Sampled(NamedTuple):
    """Instances of a generator.

    Attributes:
      instances: RGBA, float32 [n, 64, 64, 4] in [0, 1].
      window_size: of the run, in its photograph's pixels; None where it is not known.
      light: how that of its photograph was changed.
      ground: what was between instances, one of `counting.composites.GROUNDS`.
      upright: whether its windows were never turned upside down (`--novertical_flip`).
    """

    instances: np.ndarray
    window_size: Optional[int]
    light: Light
    ground: str
    upright: bool


def sample(path: str, *, count: int, seed: int) -> Sampled:
    """Samples instances from a weights file of `train_hoc.py`; UserError as `inference.sampler.load_generator`."""
    network, metadata = sampler.load_generator(path)
    made = sampler.InstanceSampler(network, latent_dim=int(metadata["latent_dim"]), num_evaluated=count, seed=seed)
    values = run_folder.parse_flags(metadata.get("flags", {}).values())
    light = Light(*(float(values.get(name, usual)) for name, usual in Light._field_defaults.items()))
    return Sampled(made.sample(count), window_size(metadata.get("flags", {})), light,
                   GROUND_OF[values.get("background", "disk")], values.get("vertical_flip") == "false")


def usable(instances: np.ndarray, photograph: np.ndarray) -> np.ndarray:
    """Leaves out instances that are no single thing that is seen: in several pieces, or dark (`evaluation.wholeness`).

    A generator whose scenes have always as many instances hides those that it has no place for as dark patches; they
    must not be labelled.

    Args:
      instances: RGBA, float32 [n, S, S, 4] in [0, 1].
      photograph: uint8 [H, W, 3], as the generator saw it, which says what is dark.

    Returns:
      Those that are left, float32 [m, S, S, 4].

    Raises:
      UserError: hardly any is left.
    """
    appearances, masks = instances[..., :3], instances[..., 3:]
    dark = wholeness.dark_shares(appearances, masks, darkest=wholeness.dark_level(photograph))
    kept = (dark <= _MOST_DARK) & is_single_piece(binarize(masks)[..., 0])
    if kept.mean() < _LEAST_USABLE:
        raise UserError(f"of {len(kept)} instances of the generator {np.count_nonzero(kept)} are one piece and not dark; "
                        "look at its samples, and train it anew.")
    return instances[kept]


def window_size(flags: Mapping[str, Any]) -> Optional[int]:
    """Returns the window size of a run's flags, lines by names, as `data.hoc.load` reads them; None without flags."""
    if not flags:
        return None
    values = run_folder.parse_flags(flags.values())
    default = hoc.WINDOW if values.get("drawn_cluster") else samples.FRUIT_WINDOW_SIZE
    return int(values.get("window_size", default))
