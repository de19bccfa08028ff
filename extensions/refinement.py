"""Masks moved towards their picture's edges, or towards 0 and 1, without training (S20).

Araslanov & Roth 2020, *Single-Stage Semantic Segmentation from Image Labels*, section 3.3 (pixel-adaptive mask
refinement). Axis letters: B batch, S side, K neighbours of a pixel. Sums over neighbours add one neighbour after
the other: the operands then fit into a processor's cache, and the order is the same each time.
"""

import functools
import math

import numpy as np
import tensorflow as tf

DILATIONS = (1, 2, 4, 8, 12)  # pixels between a pixel and its neighbours; eight at each
DEVIATIONS = 0.1  # how many local standard deviations of colour make a difference of 1


def refine_masks(masks: tf.Tensor, images: tf.Tensor, *, iterations: int) -> tf.Tensor:
    """Replaces each mask pixel, in each iteration, by a mean over neighbours that look like it.

    Neighbour k of pixel p weighs softmax_k(-|x_k - x_p| / (0.1 sigma_p)), averaged over the colours inside the
    exponent, where sigma_p is the colours' standard deviation among p and all its neighbours. Pictures are mirrored at
    their borders.

    Args:
      masks: soft masks, float32 [B, S, S, 1] in [0, 1].
      images: float32 [B, S, S, 3] in [0, 1]; S at least 12.
      iterations: how often; 0 returns the masks as they are. Araslanov & Roth take 10.

    Returns:
      float32 [B, S, S, 1] in [0, 1].

    Raises:
      ValueError: iterations are negative.
    """
    if iterations < 0:
        raise ValueError(f"there are {iterations} iterations, expected at least 0")
    if not iterations:
        return masks
    weights = _affinities(images)
    for _ in range(iterations):
        masks = sum(weight * neighbour for weight, neighbour in zip(weights, _neighbours(masks)))
    return tf.clip_by_value(masks, 0.0, 1.0)  # the weights sum to 1 up to rounding


def sharpen_masks(masks: tf.Tensor, *, temperature: float, threshold: float = 0.5) -> tf.Tensor:
    """Moves soft masks towards 0 and 1 (Berthelot et al. 2019, *MixMatch*, Eq. 7).

    Args:
      masks: float32 in [0, 1].
      temperature: T above 0 of m^(1/T) / (m^(1/T) + (1 - m)^(1/T)); 1 changes nothing, 0.25 makes 0.99 of 0.75.
      threshold: value in (0, 1) that becomes 0.5, by rescaling the odds.

    Returns:
      float32 in [0, 1], shaped as the masks.

    Raises:
      ValueError: the temperature is not above 0, or the threshold not inside (0, 1).
    """
    if temperature <= 0:
        raise ValueError(f"the temperature is {temperature}, expected more than 0")
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"the threshold is {threshold}, expected a value strictly between 0 and 1")
    if temperature == 1.0 and threshold == 0.5:
        return masks
    inside = tf.clip_by_value(masks, 1e-6, 1 - 1e-6)
    logits = tf.math.log(inside) - tf.math.log(1 - inside) - math.log(threshold / (1.0 - threshold))
    return tf.sigmoid(logits / temperature)


def threshold_of_area(masks: np.ndarray, area: float) -> float:
    """Finds the threshold above which masks cover a share of all pixels.

    Args:
      masks: uint8 of any shape, in [0, 255].
      area: share of their pixels, in (0, 1).

    Returns:
      Value in (0, 1): the share of pixels above it is as near to `area` as 8 bits let it be.
    """
    counts = np.bincount(np.asarray(masks).ravel(), minlength=256)
    above = counts[::-1].cumsum()[::-1][1:] / counts.sum()  # above[v]: share of pixels that are more than v
    return float((np.argmin(np.abs(above - area)) + 0.5) / 255)


def _affinities(images: tf.Tensor) -> list[tf.Tensor]:
    """Returns the neighbours' weights, K tensors float32 [B, S, S, 1], which sum to 1."""
    neighbours = _neighbours(images)
    everything = [*neighbours, images]
    mean = sum(everything) / len(everything)
    deviation = tf.sqrt(sum(tf.square(colours - mean) for colours in everything) / len(everything))
    scale = 1.0 / (DEVIATIONS * deviation + 1e-8)
    logits = [-tf.reduce_mean(tf.abs(colours - images) * scale, axis=-1, keepdims=True) for colours in neighbours]
    highest = functools.reduce(tf.maximum, logits)
    weights = [tf.exp(logit - highest) for logit in logits]
    total = sum(weights)
    return [weight / total for weight in weights]


def _neighbours(pictures: tf.Tensor) -> list[tf.Tensor]:
    """Returns the eight neighbours at each dilation: K tensors float32 [B, S, S, C]."""
    reach = max(DILATIONS)
    padded = tf.pad(pictures, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")
    height, width = pictures.shape[1], pictures.shape[2]
    shifts = [(down * dilation, right * dilation) for dilation in DILATIONS
              for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    return [padded[:, reach + down:reach + down + height, reach + right:reach + right + width]
            for down, right in shifts]
