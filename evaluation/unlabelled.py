"""Figures of soft masks that need no reference masks: agreement, borders, edges, colours.

Axis letters: k images, S side of the square images in pixels, C channels.
"""

import numpy as np

from evaluation.metrics import UNDECIDED

BORDER = 2  # pixels


def soft_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the sum of minima over that of maxima of two soft masks [k, S, S, 1] in [0, 1], averaged over images."""
    both, either = (np.sum(choose(first, second), axis=(1, 2, 3)) for choose in (np.minimum, np.maximum))
    return float(np.mean(both / np.maximum(either, 1e-6)))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Pearson's correlation of masks [k, S, S, 1] over pixels, averaged over images; 0 where one is constant."""
    first, second = (masks - masks.mean(axis=(1, 2, 3), keepdims=True) for masks in (first, second))
    norms = np.sqrt(np.sum(first**2, axis=(1, 2, 3)) * np.sum(second**2, axis=(1, 2, 3)))
    return float(np.mean(np.sum(first * second, axis=(1, 2, 3)) / np.maximum(norms, 1e-6)))


def border_share(masks: np.ndarray) -> float:
    """Returns the mean of masks [k, S, S, 1] in their outermost two pixels over their mean."""
    is_border = np.ones(masks.shape[1:3], bool)
    is_border[BORDER:-BORDER, BORDER:-BORDER] = False
    return float(masks[:, is_border].mean() / max(masks.mean(), 1e-6))


def gradients(pictures: np.ndarray) -> np.ndarray:
    """Returns the lengths of the gradients of pictures [k, S, S, C], summed over channels: [k, S - 1, S - 1]."""
    down, right = np.diff(pictures, axis=1)[:, :, :-1], np.diff(pictures, axis=2)[:, :-1]
    return np.sum(np.sqrt(down**2 + right**2), axis=-1)


def edge_alignment(crops: np.ndarray, masks: np.ndarray) -> float:
    """Returns the crops' mean gradient where masks change over their mean gradient, averaged over images.

    Args:
      crops: uint8 [k, S, S, 3].
      masks: float32 [k, S, S, 1] in [0, 1], whose gradients are the weights.
    """
    edges, weights = gradients(crops.astype(np.float32)), gradients(masks)
    there = np.sum(edges * weights, axis=(1, 2)) / np.maximum(np.sum(weights, axis=(1, 2)), 1e-6)
    return float(np.mean(there / np.maximum(edges.mean(axis=(1, 2)), 1e-6)))


def colour_separation(crops: np.ndarray, masks: np.ndarray) -> float:
    """Returns the share of the colours' variance between inside and outside of masks, averaged over images (Otsu 1979).

    Args:
      crops: uint8 [k, S, S, 3].
      masks: float32 [k, S, S, 1] in [0, 1]: weights of the inside, and 1 - m those of the outside.
    """
    colours = crops.astype(np.float32)
    means = [np.sum(colours * side, axis=(1, 2)) / np.maximum(np.sum(side, axis=(1, 2)), 1e-6)
             for side in (masks, 1 - masks)]
    area = masks.mean(axis=(1, 2, 3))
    between = area * (1 - area) * np.sum((means[0] - means[1])**2, axis=-1)
    return float(np.mean(between / np.maximum(colours.var(axis=(1, 2)).sum(axis=-1), 1e-6)))


def measure(masks: np.ndarray, mirrored: np.ndarray, crops: np.ndarray, *, area_constant: float) -> dict[str, float]:
    """Returns all figures of masks by name: these, and their area, area over a, and undecided share.

    Args:
      masks: float32 [k, S, S, 1] in [0, 1].
      mirrored: those of the mirrored crops, mirrored back.
      crops: uint8 [k, S, S, 3].
      area_constant: a of Eq. (7).
    """
    low, high = UNDECIDED
    area = float(masks.mean())
    return {"area": area, "over_a": area / area_constant, "undecided": float(np.mean((masks > low) & (masks < high))),
            "flip_iou": soft_iou(masks, mirrored), "flip_difference": float(np.abs(masks - mirrored).mean()),
            "flip_correlation": correlation(masks, mirrored), "border": border_share(masks),
            "edges": edge_alignment(crops, masks), "colours": colour_separation(crops, masks)}
