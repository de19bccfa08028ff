"""Whether learnt instances are whole: the measure of docs/clusters.md, fixed before the runs that it judges.

An instance is whole if

* its binary mask (at 0.5) is one piece;
* less than `MOST_UNDECIDED` of its pixels have a mask strictly between 0.1 and 0.9;
* at most `MOST_DARK` of the binary mask's pixels are darker than `DARK_LEVEL`: dark gaps belong to no instance;
* where true shapes are known, its best IoU with one of them is above a plain disk's.

Its correlation with the photograph is no condition: a disk that is lit from above has more of it than whole fruits
(0.88 against 0.71 on oranges, 0.94 against 0.88 on limes), since anything smooth fits somewhere.

Axis letters: n instances, m shapes, S side of the pictures in pixels.
"""

from typing import Optional

import numpy as np

from evaluation import instances, metrics

MOST_UNDECIDED = 0.1
DARK_LEVEL = 0.15  # of the photograph's range between the 1st and the 99th percentile of its luminance
MOST_DARK = 0.12  # agrees with 113 of 128 instances of oranges and limes that were labelled by eye
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def dark_shares(appearances: np.ndarray, masks: np.ndarray, *, darkest: float) -> np.ndarray:
    """Returns the share of each binary mask's pixels whose luminance is below `darkest`: float64 [n]; 1 if it is empty.

    Args:
      appearances: float [n, S, S, 3] in [0, 1].
      masks: soft masks, float [n, S, S, 1] in [0, 1].
      darkest: luminance in [0, 1], of `dark_level`.
    """
    binary = metrics.binarize(masks)[..., 0]
    dark = (appearances @ _LUMINANCE < darkest) & binary
    count = binary.sum(axis=(1, 2))
    return np.where(count > 0, dark.sum(axis=(1, 2)) / np.maximum(count, 1), 1.0)


def dark_level(photograph: np.ndarray) -> float:
    """Returns the luminance in [0, 1] below which pixels of a photograph, uint8 [H, W, 3], are dark."""
    low, high = np.percentile(photograph.astype(np.float32) / 255 @ _LUMINANCE, [1, 99])
    return float(low + DARK_LEVEL * (high - low))


def dark_share(photograph: np.ndarray) -> float:
    """Returns the share of a photograph's pixels, uint8 [H, W, 3], that are dark."""
    return float(np.mean(photograph.astype(np.float32) / 255 @ _LUMINANCE < dark_level(photograph)))


def whole_metrics(appearances: np.ndarray, masks: np.ndarray, *, darkest: float,
                  better_than_disk: Optional[np.ndarray] = None) -> dict[str, float]:
    """Measures how many instances are whole.

    Args:
      appearances: float [n, S, S, 3] in [0, 1].
      masks: soft masks, float [n, S, S, 1] in [0, 1].
      darkest: luminance in [0, 1] below which pixels are dark, the `dark_level` of the photograph.
      better_than_disk: bool [n], where true shapes are known: whether an instance fits one better than a plain disk.

    Returns:
      `whole_fraction`; the shares that meet a condition, `decided_fraction`, `not_dark_fraction` and, where it is known,
      `better_than_disk_fraction` (that of one piece is among `instances.KEYS`); `dark_share`, the mean.
    """
    binary = metrics.binarize(masks)[..., 0]
    low, high = metrics.UNDECIDED
    undecided = ((masks > low) & (masks < high)).mean(axis=(1, 2, 3))
    dark = dark_shares(appearances, masks, darkest=darkest)
    conditions = {"decided_fraction": undecided < MOST_UNDECIDED, "not_dark_fraction": dark <= MOST_DARK}
    if better_than_disk is not None:
        conditions["better_than_disk_fraction"] = better_than_disk
    whole = np.all([instances.is_single_piece(binary), *conditions.values()], axis=0)
    return {"whole_fraction": float(whole.mean()), **{name: float(met.mean()) for name, met in conditions.items()},
            "dark_share": float(dark.mean())}
