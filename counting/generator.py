"""What a trained generator gives to counting: its instances, and the window size that it was trained with."""

from typing import Any, Mapping, NamedTuple, Optional

import numpy as np

from data import hoc, samples
from inference import sampler
from storage import run_folder


class Sampled(NamedTuple):
    """Instances of a generator.

    Attributes:
      instances: RGBA, float32 [n, 64, 64, 4] in [0, 1].
      window_size: of the run, in its photograph's pixels; None where it is not known.
    """

    instances: np.ndarray
    window_size: Optional[int]


def sample(path: str, *, count: int, seed: int) -> Sampled:
    """Samples instances from a weights file of `train_hoc.py`; UserError as `inference.sampler.load_generator`."""
    network, metadata = sampler.load_generator(path)
    made = sampler.InstanceSampler(network, latent_dim=int(metadata["latent_dim"]), num_evaluated=count, seed=seed)
    return Sampled(made.sample(count), window_size(metadata.get("flags", {})))


def window_size(flags: Mapping[str, Any]) -> Optional[int]:
    """Returns the window size of a run's flags, lines by names, as `data.hoc.load` reads them; None without flags."""
    if not flags:
        return None
    values = run_folder.parse_flags(flags.values())
    default = hoc.WINDOW if values.get("drawn_cluster") else samples.FRUIT_WINDOW_SIZE
    return int(values.get("window_size", default))
