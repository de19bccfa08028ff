"""Metrics of binary masks, and the trivial masks that any result must be compared with.

The paper reports an 'mIOU' without defining it, so all plausible readings are given, under these names (`KEYS`), from
the counts of true and false positives and negatives (TP, FP, FN, TN), the foreground being the positive class:

* `foreground_iou`: TP / (TP + FP + FN).
* `background_iou`: TN / (TN + FP + FN).
* `mean_iou`: the mean of the two.
* `pixel_accuracy`: (TP + TN) / (TP + FP + FN + TN).
* `f_beta`: (1 + b) precision recall / (b precision + recall), with b = beta^2 = 0.3 as in the literature on saliency;
  as counts, (1 + b) TP / ((1 + b) TP + b FN + FP).

Where a metric is 0 / 0, because prediction and reference both lack its class, they agree and it is 1.

Each is given in two ways: per image and then averaged (`scores`, `average`), and from the counts summed over all images
(`pooled`). Pixels that a reference calls `IGNORED` are in no count. A mask is never exchanged for its complement, even
where that would score better.

Axis letters: n images, H rows, W columns, E ellipses, P pixels of an image.
"""

from typing import NamedTuple

import numpy as np

from data.codings import IGNORED

BETA_SQUARED = 0.3
UNDECIDED = (0.1, 0.9)  # a soft mask's value strictly between these is called undecided
KEYS = ("foreground_iou", "background_iou", "mean_iou", "pixel_accuracy", "f_beta")
AXIS_FRACTIONS = np.round(np.arange(0.3, 1.4 + 0.025, 0.05), 2)
_BATCH_SIZE = 256


class Counts(NamedTuple):
    """Numbers of pixels: arrays of one shape, [n] unless said otherwise."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    true_negatives: np.ndarray


class Ellipse(NamedTuple):
    """A centred ellipse: bool mask [S, S], and its full axes as fractions of the image's side."""

    mask: np.ndarray
    width_fraction: float
    height_fraction: float


def binarize(masks: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Makes soft masks binary: foreground where the mask is at least the threshold.

    Args:
      masks: floats in [0, 1] of any shape; ValueError on others and on values that are no numbers.
      threshold: in [0, 1].
    """
    masks = np.asarray(masks)
    if not (np.min(masks, initial=0.0) >= 0.0 and np.max(masks, initial=1.0) <= 1.0):
        raise ValueError(f"Soft masks must lie in [0, 1], but these range from {np.min(masks)} to {np.max(masks)}.")
    return masks >= threshold


def confusion_counts(predictions: np.ndarray, references: np.ndarray) -> Counts:
    """Counts the pixels of each image that agree and disagree, where the reference is not `IGNORED`.

    Args:
      predictions: binary masks [n, H, W] or [n, H, W, 1]: bool, or numbers 0 and 1.
      references: masks of the same n, H and W, which may also be `IGNORED`.

    Raises:
      ValueError: the shapes differ or are not those of masks, or a value is neither 0 nor 1.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions cannot be compared with {len(references)} references.")
    starts = range(0, max(len(predictions), 1), _BATCH_SIZE)  # what is in between takes little memory then
    parts = [_counts(*(masks[start:start + _BATCH_SIZE] for masks in (predictions, references))) for start in starts]
    return Counts(*map(np.concatenate, zip(*parts)))


def scores(counts: Counts) -> dict[str, np.ndarray]:
    """Returns the five metrics of `KEYS` by name: float64 in [0, 1], in the shape of the counts."""
    tp, fp, fn, tn = (np.asarray(count, dtype=np.float64) for count in counts)
    foreground_iou = _ratio(tp, tp + fp + fn)
    background_iou = _ratio(tn, tn + fp + fn)
    return {
        "foreground_iou": foreground_iou,
        "background_iou": background_iou,
        "mean_iou": (foreground_iou + background_iou) / 2,
        "pixel_accuracy": _ratio(tp + tn, tp + fp + fn + tn),
        "f_beta": _ratio((1 + BETA_SQUARED) * tp, (1 + BETA_SQUARED) * tp + BETA_SQUARED * fn + fp),
    }


def average(counts: Counts) -> dict[str, float]:
    """Returns the means over images, at least one, of the five metrics of each."""
    return {name: float(np.mean(values)) for name, values in scores(counts).items()}


def pooled(counts: Counts) -> dict[str, float]:
    """Returns the five metrics over all pixels of all images, at least one: foregrounds weigh by their pixels."""
    return {name: float(value) for name, value in scores(Counts(*(np.sum(count) for count in counts))).items()}


def centred_ellipse(size: int, *, width_fraction: float, height_fraction: float) -> np.ndarray:
    """An upright ellipse about the image's centre.

    Args:
      size: the image's side S in pixels.
      width_fraction, height_fraction: full axes as fractions of S, above 0; above 1 the image's edge cuts it.

    Returns:
      bool [S, S], true where a pixel's centre lies in the ellipse.
    """
    offsets = (np.arange(size) + 0.5) * 2 / size - 1  # pixel centres, -1 and 1 at the image's edges
    return (offsets[:, np.newaxis] / height_fraction)**2 + (offsets / width_fraction)**2 <= 1


def best_centred_ellipse(references: np.ndarray) -> Ellipse:
    """The centred ellipse with the best `mean_iou`, per image and averaged, on these very references.

    A bar to pass, not a method: it is fitted to the reference masks. Both axes run over `AXIS_FRACTIONS` (0.3 to 1.4
    of the side in steps of 0.05); of equal ellipses the narrowest, then the lowest, is taken.

    Args:
      references: masks of 0, 1 and `IGNORED`, [n, S, S] or [n, S, S, 1]; ValueError where there are none or they are not
        square.
    """
    num_images, height, width, *_ = *np.shape(references), 0, 0
    if num_images == 0 or height != width or height == 0:
        raise ValueError(f"The best ellipse needs one or more square references, but got shape {np.shape(references)}.")
    axes = [(float(w), float(h)) for w in AXIS_FRACTIONS for h in AXIS_FRACTIONS]
    ellipses = np.stack([centred_ellipse(width, width_fraction=w, height_fraction=h).ravel() for w, h in axes])
    ellipses = ellipses.astype(np.float32)  # [E, P]; float32 counts are exact up to 2^24 pixels
    totals = np.zeros(len(axes))
    for start in range(0, num_images, _BATCH_SIZE):
        pixels, weights = (masks.reshape(-1, width * width).astype(np.float32)
                           for masks in _as_reference(references[start:start + _BATCH_SIZE]))  # [n, P]
        both = ellipses @ pixels.T  # [E, n]
        false_positives, false_negatives = ellipses @ weights.T - both, pixels.sum(axis=1) - both
        true_negatives = weights.sum(axis=1) - both - false_positives - false_negatives
        totals += scores(Counts(both, false_positives, false_negatives, true_negatives))["mean_iou"].sum(axis=1)
    width_fraction, height_fraction = axes[int(np.argmax(totals))]
    mask = centred_ellipse(width, width_fraction=width_fraction, height_fraction=height_fraction)
    return Ellipse(mask, width_fraction, height_fraction)


def _counts(predictions: np.ndarray, references: np.ndarray) -> Counts:
    """Counts as `confusion_counts`, of all masks at once."""
    predicted, (referred, counted) = _as_bool(predictions, "predictions"), _as_reference(references)
    if predicted.shape != referred.shape:
        raise ValueError(f"Predictions of shape {np.shape(predictions)} cannot be compared with references of shape "
                         f"{np.shape(references)}.")
    negative = ~referred & counted
    pairs = ((predicted, referred), (predicted, negative), (~predicted, referred), (~predicted, negative))
    return Counts(*(np.sum(a & b, axis=(1, 2), dtype=np.int64) for a, b in pairs))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """`numerator / denominator` of float arrays of one shape, and 1 where both are 0."""
    empty = denominator == 0
    return np.where(empty, 1.0, numerator / np.where(empty, 1.0, denominator))


def _as_reference(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masks of 0, 1 and `IGNORED` as two of bool [n, H, W]: which pixels are foreground, and which are counted."""
    ignored = np.asarray(masks) == IGNORED
    referred = _as_bool(np.where(ignored, 0, masks), "references")
    return referred, ~ignored.reshape(referred.shape)


def _as_bool(masks: np.ndarray, noun: str) -> np.ndarray:
    """Binary masks [n, H, W] or [n, H, W, 1] as bool [n, H, W]; `noun` names them in a refusal."""
    masks = np.asarray(masks)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.ndim != 3:
        raise ValueError(f"The {noun} must have shape [n, H, W] or [n, H, W, 1], but have {masks.shape}.")
    if masks.dtype != bool and not np.all((masks == 0) | (masks == 1)):
        raise ValueError(f"The {noun} must be binary (0 or 1), but range from {np.min(masks)} to {np.max(masks)}; "
                         "see `binarize`.")
    return masks.astype(bool)
