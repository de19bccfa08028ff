"""Soft masks of labelled images: scoring them, and reporting the metrics.

The report consists of Python numbers, strings, lists and dicts only; 'metrics' are the five of `metrics.KEYS`:

* num_images; threshold; protocol, one of `frames.PROTOCOLS`.
* per_image: metrics averaged over the images, and num_images.
* pooled: metrics over all pixels, and num_images.
* trivial: all_ones and ellipse (`metrics.best_centred_ellipse`), each with metrics averaged over the images,
  num_images, and pooled as above; ellipse also with width_fraction and height_fraction. Baselines that were given to
  `evaluate_masks` are here too, by name.
* mask: area_mean and area_std, over the images, of the soft masks' areas as fractions of the image;
  undecided_fraction, the fraction of all pixels whose value is strictly between 0.1 and 0.9.
* reference_area_mean: a fraction of the image.
* images: for each image its name and metrics, in the order given.

Pixels that a reference calls `IGNORED` are left out of all of them. `of_counts` makes the same report of the frames of
another protocol (`frames`), without ellipse and mask.

Axis letters: B batch, n images, S side of the square images in pixels.
"""

import json
import os
import pathlib
from typing import Any, Mapping, Optional, Sequence, Union

import numpy as np

from data.codings import IGNORED
from errors import UserError
from evaluation import metrics
from storage import atomic

THRESHOLD = 0.5
REPORT_NAME = "evaluation.json"


def evaluate_masks(
    soft_masks: Sequence[np.ndarray], references: Sequence[np.ndarray], *, names: Sequence[str],
    baselines: Optional[dict[str, np.ndarray]] = None,
) -> dict[str, Any]:
    """Scores soft masks, cut at 0.5, against references, beside two trivial masks scored in the same way.

    Args:
      soft_masks: n float masks [S, S, 1] in [0, 1], an array or a list.
      references: n masks [S, S, 1] of 0, 1 and `IGNORED`, an array or a list.
      names: n names of the images, for the report and for refusals.
      baselines: by name, soft masks float32 [n, S, S, 1], scored beside the trivial masks.

    Returns:
      The report described at the top of this file.

    Raises:
      UserError: there are no images, or a mask's size is not its reference's, or a reference counts no pixel (the image is
        named).
      ValueError: the numbers of masks, references and names differ, the masks are not square and of one size, or
        their values are out of range.
    """
    soft_masks, references = _paired(soft_masks, references, names=names)
    binary_masks = metrics.binarize(soft_masks, THRESHOLD)
    counts = metrics.confusion_counts(binary_masks, references)
    ellipse = metrics.best_centred_ellipse(references)
    return {
        **_of_masks(counts, names=names, protocol="box"),
        "trivial": {
            "all_ones": _baseline(np.broadcast_to(np.uint8(1), references.shape), references),
            "ellipse": {
                **_baseline(np.broadcast_to(ellipse.mask[..., np.newaxis], references.shape), references),
                "width_fraction": ellipse.width_fraction,
                "height_fraction": ellipse.height_fraction,
            },
            **{name: _baseline(metrics.binarize(masks, THRESHOLD), references)
               for name, masks in (baselines or {}).items()},
        },
        "mask": _statistics(soft_masks, references),
    }


def of_counts(counts: Mapping[str, metrics.Counts], *, names: Sequence[str], protocol: str) -> dict[str, Any]:
    """Reports masks that were counted in the frames of a protocol.

    Args:
      counts: counts [n] by name: 'masks' of the masks that are reported, the others of trivial ones.
      names: n names of the images.
      protocol: one of `frames.PROTOCOLS`, for the report.
    """
    return {**_of_masks(counts["masks"], names=names, protocol=protocol),
            "trivial": {name: _both_ways(others) for name, others in counts.items() if name != "masks"}}


def format_table(report: dict[str, Any]) -> str:
    """Returns the report's metrics, a row for each kind of masks, as a plain-text table without a final newline."""
    rows = {"masks (per image)": report["per_image"], "masks (pooled)": report["pooled"]}
    for name, values in report["trivial"].items():
        axes = f" ({values['width_fraction']:.2f} x {values['height_fraction']:.2f})" if name == "ellipse" else ""
        rows[{"all_ones": "all ones", "ellipse": "centred ellipse"}.get(name, name) + axes] = values
    label_width = max(map(len, rows))
    lines = [f"{report['num_images']} images".ljust(label_width) + "".join(f"  {key}" for key in metrics.KEYS)]
    for label, values in rows.items():
        lines.append(label.ljust(label_width) + "".join(f"  {values[key]:{len(key)}.3f}" for key in metrics.KEYS))
    return "\n".join(lines)


def write_report(report: dict[str, Any], directory: Union[str, os.PathLike]) -> pathlib.Path:
    """Writes `evaluation.json` as `atomic.write` does, and returns its path."""
    content = json.dumps(report, indent=2, allow_nan=False) + "\n"
    return atomic.write(pathlib.Path(directory) / REPORT_NAME, content)


def ranked_indices(report: dict[str, Any], *, num_each: int) -> dict[str, list[int]]:
    """The images with the best, median and worst mean IoU; no image is in two groups.

    Where there are fewer than three groups' worth of images, the groups shrink evenly, 'median' first.

    Args:
      report: of `evaluate_masks`.
      num_each: images in each group, at least 0.

    Returns:
      Indices into the report's images, from better to worse, of `best`, `median` and `worst`.
    """
    mean_ious = [image["mean_iou"] for image in report["images"]]
    order = sorted(range(len(mean_ious)), key=lambda i: -mean_ious[i])  # stable: equal ones keep their order
    num_best, num_worst, num_median = (len(part) for part in np.array_split(order[:3 * num_each], 3))
    middle = num_best + (len(order) - num_best - num_worst - num_median) // 2
    return {
        "best": order[:num_best],
        "median": order[middle:middle + num_median],
        "worst": order[len(order) - num_worst:],
    }


def _paired(
    soft_masks: Sequence[np.ndarray], references: Sequence[np.ndarray], *, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Masks float32 and references uint8, both [n, S, S, 1], where they match; raises as `evaluate_masks`."""
    if not len(soft_masks) == len(references) == len(names):
        raise ValueError(f"There are {len(soft_masks)} masks, {len(references)} references and {len(names)} names; "
                         "expected as many of each.")
    if len(names) == 0:
        raise UserError("There are no images to evaluate; give at least one image with a reference mask.")
    for mask, reference, name in zip(soft_masks, references, names):
        if np.shape(mask) != np.shape(reference):
            raise UserError(f"The mask of {name} has shape {np.shape(mask)}, but its reference has "
                            f"{np.shape(reference)}; they must be of one size.")
    shapes = sorted({np.shape(mask) for mask in soft_masks})
    if len(shapes) > 1 or len(shapes[0]) != 3 or shapes[0][0] != shapes[0][1] or shapes[0][2] != 1:
        raise ValueError(f"Masks must all have one shape [S, S, 1], but have {', '.join(map(str, shapes))}.")
    references = np.asarray(references)
    if not all(np.isin(reference, (0, 1, IGNORED)).all() for reference in references):
        raise ValueError(f"References must be 0 or 1, or {IGNORED} where ignored, but range from {references.min()} to "
                         f"{references.max()}.")
    for reference, name in zip(references, names):
        if np.all(reference == IGNORED):
            raise UserError(f"The reference of {name} has no pixel that counts; leave the image out.")
    return np.asarray(soft_masks, dtype=np.float32), references.astype(np.uint8)


def _statistics(soft_masks: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """Says how large and how decided soft masks are, float32 [n, S, S, 1], in the pixels that references count."""
    areas, num_undecided, num_counted = [], 0, 0
    for mask, reference in zip(soft_masks, references):
        values = mask[reference != IGNORED]
        areas.append(values.mean(dtype=np.float64))
        num_undecided += np.count_nonzero((values > metrics.UNDECIDED[0]) & (values < metrics.UNDECIDED[1]))
        num_counted += len(values)
    return {"area_mean": float(np.mean(areas)), "area_std": float(np.std(areas)),
            "undecided_fraction": float(num_undecided / num_counted)}


def _baseline(binary_masks: np.ndarray, references: np.ndarray) -> dict[str, Any]:
    """Metrics of masks bool [n, S, S, 1] in the form of the report's trivial masks."""
    return _both_ways(metrics.confusion_counts(binary_masks, references))


def _both_ways(counts: metrics.Counts) -> dict[str, Any]:
    """Metrics of counts [n], averaged over the images, and `pooled`."""
    num_images = len(counts.true_positives)
    return {**metrics.average(counts), "num_images": num_images,
            "pooled": {**metrics.pooled(counts), "num_images": num_images}}


def _of_masks(counts: metrics.Counts, *, names: Sequence[str], protocol: str) -> dict[str, Any]:
    """The report of masks without what it says of trivial ones and of soft values."""
    scores, per_image = metrics.scores(counts), _both_ways(counts)
    num_foreground = (counts.true_positives + counts.false_negatives).sum()
    return {
        "num_images": len(names),
        "threshold": THRESHOLD,
        "protocol": protocol,
        "pooled": per_image.pop("pooled"),
        "per_image": per_image,
        "reference_area_mean": float(num_foreground / max(np.sum(counts), 1)),
        "images": [
            {"name": str(name), **{key: float(scores[key][i]) for key in metrics.KEYS}} for i, name in enumerate(names)
        ],
    }
