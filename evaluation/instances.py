"""Metrics of learnt instances, of which the paper has pictures only.

`KEYS` are the metrics that need nothing but instances:

* `single_piece_fraction`: share of the instances whose binary mask (at 0.5) is one piece, its pixels connected by
  their sides or corners; an empty mask is no piece.
* `area_mean`, `area_std`: of the soft masks' areas, as shares of the picture.
* `undecided_fraction`: share of all pixels whose mask lies strictly between 0.1 and 0.9.
* `elongation`: mean over the binary masks (at 0.5) of the longer axis over the shorter (`elongations`); a disk has 1.
* `solidity`: mean over the binary masks of the area over that of the convex hull (`solidities`); a disk of 15 pixels has 0.96, a
  neck or a bay lowers it.
* `centroid_distance`: mean distance of the soft masks' centroids from the picture's centre, as a share of its side.
* `diversity`: mean over pairs of instances of the root mean squared difference, over pixels and channels, of the
  instances carved onto black; in [0, 1], 0 if all are the same.

Axis letters: n instances, m shapes, S side of the pictures in pixels, Z latent dimensions.
"""

import cv2
import numpy as np

from evaluation import metrics

KEYS = ("single_piece_fraction", "area_mean", "area_std", "undecided_fraction", "elongation", "solidity",
        "centroid_distance", "diversity")


def instance_metrics(appearances: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Measures sampled instances.

    Args:
      appearances: float [n, S, S, 3] in [0, 1], n at least 1.
      masks: soft masks, float [n, S, S, 1] in [0, 1].

    Returns:
      Values of `KEYS`.

    Raises:
      ValueError: there are no instances, or shapes do not match.
    """
    appearances, masks = np.asarray(appearances, np.float32), np.asarray(masks, np.float32)
    if not len(masks) or masks.shape != (*appearances.shape[:-1], 1):
        raise ValueError(f"Instances need appearances [n, S, S, 3] and masks [n, S, S, 1] with n at least 1, but got "
                         f"{list(appearances.shape)} and {list(masks.shape)}.")
    areas = masks.mean(axis=(1, 2, 3), dtype=np.float64)
    binary, (low, high) = metrics.binarize(masks)[..., 0], metrics.UNDECIDED
    size = masks.shape[1]
    distances = np.linalg.norm(centroids(masks[..., 0]) - (size - 1) / 2, axis=-1) / size
    return {
        "single_piece_fraction": float(np.mean(is_single_piece(binary))),
        "area_mean": float(areas.mean()),
        "area_std": float(areas.std()),
        "undecided_fraction": float(np.mean((masks > low) & (masks < high))),
        "elongation": float(elongations(binary).mean()),
        "solidity": float(solidities(binary).mean()),
        "centroid_distance": float(distances.mean()),
        "diversity": mean_pairwise_distance(appearances * masks),
    }


def is_single_piece(binary_masks: np.ndarray) -> np.ndarray:
    """Says of each mask [n, S, S] whether its pixels are one 8-connected piece: bool [n], False for an empty mask."""
    flat = binary_masks.reshape(len(binary_masks), -1)
    first = np.zeros_like(flat)
    first[np.arange(len(flat)), flat.argmax(axis=1)] = True
    reached = first.reshape(binary_masks.shape) & binary_masks
    while True:  # the part that can be reached from the first pixel grows by one pixel in each round
        padded = np.pad(reached, [(0, 0), (1, 1), (1, 1)])
        rows = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
        grown = (rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]) & binary_masks
        if np.array_equal(grown, reached):
            return flat.any(axis=1) & (reached == binary_masks).all(axis=(1, 2))
        reached = grown


def centroids(masks: np.ndarray) -> np.ndarray:
    """Returns the centroids of masks [n, S, S], in pixels down and to the right: float64 [n, 2].

    A mask of zeros has its picture's centre.
    """
    masks = np.asarray(masks, np.float64)
    size = masks.shape[-1]
    total = masks.sum(axis=(1, 2))
    safe = np.where(total > 0, total, 1.0)
    axis = np.arange(size)
    positions = np.stack([masks.sum(axis=2) @ axis, masks.sum(axis=1) @ axis], axis=-1) / safe[:, np.newaxis]
    return np.where(total[:, np.newaxis] > 0, positions, (size - 1) / 2)


def elongations(binary_masks: np.ndarray) -> np.ndarray:
    """Returns the longer axis over the shorter, of the ellipse that has a mask's second moments.

    Args:
      binary_masks: bool [n, S, S], whose pixels are squares of side 1.

    Returns:
      float64 [n], at least 1; 1 for an empty mask.
    """
    masks = np.asarray(binary_masks, np.float64)
    total = np.maximum(masks.sum(axis=(1, 2)), 1.0)
    middles, axis = centroids(masks), np.arange(masks.shape[-1])
    down, right = axis - middles[:, :1], axis - middles[:, 1:]  # [n, S]
    vertical = np.einsum("nij,ni->n", masks, down**2) / total + 1.0 / 12.0  # a square's own second moment
    horizontal = np.einsum("nij,nj->n", masks, right**2) / total + 1.0 / 12.0
    mixed = np.einsum("nij,ni,nj->n", masks, down, right) / total
    mean, half_gap = (vertical + horizontal) / 2.0, np.hypot((vertical - horizontal) / 2.0, mixed)
    return np.sqrt((mean + half_gap) / (mean - half_gap))


def solidities(binary_masks: np.ndarray) -> np.ndarray:
    """Returns the area of each mask [n, S, S], bool, over that of its pixels' convex hull: float64 [n]; 1 for an empty mask."""
    shares = np.ones(len(binary_masks))
    for index, mask in enumerate(binary_masks):
        if mask.any():
            hull = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), cv2.convexHull(cv2.findNonZero(mask.astype(np.uint8))), 1)
            shares[index] = np.count_nonzero(mask) / np.count_nonzero(hull)
    return shares


def mean_pairwise_distance(pictures: np.ndarray) -> float:
    """Returns the mean over pairs of the root mean squared difference of pictures [n, ...]; 0 for a single one."""
    flat = np.asarray(pictures, np.float64).reshape(len(pictures), -1)
    if len(flat) < 2:
        return 0.0
    squares = (flat**2).sum(axis=1)
    squared = np.maximum(squares[:, np.newaxis] + squares - 2.0 * flat @ flat.T, 0.0) / flat.shape[1]
    above = np.triu_indices(len(flat), k=1)
    return float(np.sqrt(squared[above]).mean())


def r_squared(latents: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Coefficient of determination of recognised latents, per dimension.

    Args:
      latents: float [n, Z], what instances were made from.
      estimates: float [n, Z], what the recognition network says.

    Returns:
      float64 [Z], at most 1; 0 is no better than each dimension's mean. Not a number where a dimension is constant.
    """
    latents, estimates = np.asarray(latents, np.float64), np.asarray(estimates, np.float64)
    residual = ((latents - estimates) ** 2).sum(axis=0)
    total = ((latents - latents.mean(axis=0)) ** 2).sum(axis=0)
    varies = np.ptp(latents, axis=0) > 0  # not the total, which rounding of the mean may keep above 0
    return 1.0 - np.divide(residual, total, out=np.full(len(total), np.nan), where=varies)


def best_shape_ious(binary_masks: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Best IoU of each mask with any of the true shapes, centroids aligned to whole pixels.

    Args:
      binary_masks: bool [n, S, S]; what alignment moves beyond the picture's edge counts as it is, since all are put
        on a canvas of twice the side.
      shapes: bool [m, T, T], the true instances' full shapes, m at least 1.

    Returns:
      float64 [n] in [0, 1]; 0 for an empty mask.
    """
    canvas = 2 * max(binary_masks.shape[1], shapes.shape[1])
    masks, shapes = (_centred(stack, canvas).reshape(len(stack), -1) for stack in (binary_masks, shapes))
    common = masks.astype(np.float32) @ shapes.astype(np.float32).T  # [n, m]
    union = masks.sum(axis=1)[:, np.newaxis] + shapes.sum(axis=1) - common
    return (common / np.maximum(union, 1)).max(axis=1).astype(np.float64)


def disk_shape_iou(shapes: np.ndarray) -> float:
    """Best IoU of a plain disk with any of the shapes, the disk having their mean area: what a mask must beat.

    Args:
      shapes: bool [m, T, T], m at least 1, none empty.

    Returns:
      As `best_shape_ious`.
    """
    area = shapes.sum(axis=(1, 2)).mean()
    side = 2 * int(np.ceil(np.sqrt(area / np.pi))) + 1
    offsets = np.arange(side) - side // 2
    squares = offsets[:, np.newaxis] ** 2 + offsets**2
    disk = squares <= np.sort(squares, axis=None)[round(area) - 1]
    return float(best_shape_ious(disk[np.newaxis], shapes)[0])


def shape_metrics(masks: np.ndarray, shapes: np.ndarray, *, ious: np.ndarray) -> dict[str, float]:
    """Measures how well soft masks fit true shapes, and what a plain disk and the mean mask get.

    Args:
      masks: float [n, S, S, 1] in [0, 1].
      shapes: bool [m, T, T].
      ious: `best_shape_ious` of the masks at 0.5, [n].

    Returns:
      `best_shape_iou`, `best_shape_iou_of_disk`, `best_shape_iou_of_mean`; `elongation_of_shapes`; and of the shapes'
      areas in pixels, as shares of the masks' picture, `area_mean_of_shapes` and `area_std_of_shapes`.
    """
    mean = metrics.binarize(masks.mean(axis=0))[np.newaxis, ..., 0]
    areas = shapes.sum(axis=(1, 2)) / np.prod(masks.shape[1:3])
    return {"best_shape_iou": float(ious.mean()),
            "best_shape_iou_of_disk": disk_shape_iou(shapes), "best_shape_iou_of_mean": float(best_shape_ious(mean, shapes)[0]),
            "elongation_of_shapes": float(elongations(shapes).mean()), "area_mean_of_shapes": float(areas.mean()),
            "area_std_of_shapes": float(areas.std())}


def _centred(masks: np.ndarray, canvas: int) -> np.ndarray:
    """Masks [n, S, S] on canvases [n, canvas, canvas], centroids at the canvas's middle to half a pixel."""
    placed = np.zeros((len(masks), canvas, canvas), bool)
    # Not np.rint, whose halves go to even numbers: a shape and the same shape shifted by a pixel must end alike.
    starts = np.floor(canvas // 2 + 0.5 - centroids(masks)).astype(int)
    for index, (mask, (top, left)) in enumerate(zip(masks, starts)):
        placed[index, top:top + mask.shape[0], left:left + mask.shape[1]] = mask
    return placed
