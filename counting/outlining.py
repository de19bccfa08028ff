"""Where instances end: as the student says, at edges of the picture, or at half maximum."""

import numpy as np

from counting import edges, half_maximum
from counting.found import Found, Instances, in_photograph, without_hidden

KINDS = ("student", "edges", "half_maximum")


def kind_of(given: str, *, ground: str) -> str:
    """Returns which of `KINDS` it is: as given, or with 'auto' as composites of that ground let it be seen."""
    if given != "auto":
        return given
    return "student" if ground == "dense" else "half_maximum"


def taken_back(found: Found, scaled: np.ndarray, photograph: np.ndarray, *, kind: str, least_seen: float = 0.0) -> Instances:
    """Takes what was found in a scaled photograph back to its own pixels, its outlines at edges where that is asked for.

    Args:
      found: in the scaled photograph's pixels.
      scaled: uint8 [h, w, 3].
      photograph: uint8 [H, W, 3].
      kind: one of `KINDS`.
      least_seen: share of an instance that must be seen; with 0 none is left out.
    """
    found = edges.at_edges(found, scaled) if kind == "edges" else found
    instances = in_photograph(found, scaled=scaled.shape[:2], shape=photograph.shape[:2])
    return without_hidden(instances, least_seen=least_seen) if least_seen else instances


def refined(instances: Instances, photograph: np.ndarray, *, kind: str) -> Instances:
    """Moves outlines to half maximum where that is asked for; see `half_maximum.refined`."""
    return half_maximum.refined(instances, photograph) if kind == "half_maximum" and len(instances.scores) else instances
