"""Minimal filtering of one axis: matrices that compute a correlation with fewer multiplications (Winograd 1980).

A tile of m outputs with r taps takes m + r - 1 multiplications instead of m * r (Toom and Cook; Lavin & Gray 2016).
"""

import functools
from typing import NamedTuple, Optional

import numpy as np

_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0, 2.0)  # and infinity; mixed reciprocals keep rounding small
_MAX_POINTS = len(_POINTS) + 1


class Plan(NamedTuple):
    """The three matrices of a correlation along one axis, of `phases` phases, `tiles` tiles and `points` points.

    Attributes:
      inputs: float32 [phases, tiles, points, input size]: what evaluates the input.
      taps: float32 [points, phases, kernel size]: what evaluates the kernel.
      outputs: float32 [1, tiles, points, output size]: whose transpose gives the outputs back.
    """

    inputs: np.ndarray
    taps: np.ndarray
    outputs: np.ndarray


@functools.lru_cache(maxsize=None)
def plan(size: int, kernel_size: int, strides: int) -> Optional[Plan]:
    """Plans the correlation of an axis of `size` pixels, padded as TensorFlow's 'SAME' does.

    Returns:
      Plan with the fewest multiplications, or None where the taps leave no tile of at least two outputs.
    """
    taps = -(-kernel_size // strides)  # of a phase
    sizes = range(2, _MAX_POINTS - taps + 2)
    if taps < 2 or not sizes:
        return None
    num_outputs, before = padding(size, kernel_size, strides)
    tile = min(sizes, key=lambda m: (-(-num_outputs // m) * (m + taps - 1), m))
    count, points = -(-num_outputs // tile), tile + taps - 1
    of_outputs, of_taps, of_inputs = _toom_cook(tile, taps)
    phases, starts = np.arange(strides)[:, np.newaxis], tile * np.arange(count)[:, np.newaxis]
    pixels = strides * (starts + np.arange(points)) + phases[..., np.newaxis] - before  # [phases, tiles, points]
    inputs = of_inputs @ _one_hot(pixels, size)
    kernel = of_taps @ _one_hot(strides * np.arange(taps) + phases, kernel_size)  # [phases, points, kernel size]
    outputs = of_outputs @ _one_hot(starts + np.arange(tile), num_outputs)
    return Plan(*(matrix.astype(np.float32) for matrix in (inputs, kernel.swapaxes(0, 1), outputs[np.newaxis])))


@functools.lru_cache(maxsize=None)
def unfolding(size: int, kernel_size: int, strides: int) -> Plan:
    """Returns the `Plan` of one phase per tap and one point, where a plan of `plan` would not pay."""
    num_outputs, before = padding(size, kernel_size, strides)
    pixels = strides * np.arange(num_outputs) + np.arange(kernel_size)[:, np.newaxis] - before
    return Plan(*(matrix.astype(np.float32) for matrix in (
        _one_hot(pixels, size)[:, :, np.newaxis], np.eye(kernel_size)[np.newaxis],
        np.eye(num_outputs)[np.newaxis, :, np.newaxis])))


def _one_hot(positions: np.ndarray, size: int) -> np.ndarray:
    """Returns float64 [..., size] with a one at each position [...], and zeros alone for positions outside."""
    return (positions[..., np.newaxis] == np.arange(size)).astype(np.float64)


def padding(size: int, kernel_size: int, strides: int) -> tuple[int, int]:
    """Returns the number of outputs of 'SAME' padding, and of zeros before the first pixel."""
    num_outputs = -(-size // strides)
    return num_outputs, max((num_outputs - 1) * strides + kernel_size - size, 0) // 2


def _toom_cook(tile: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the matrices [points, tile], [points, taps] and [points, points] of outputs, taps and inputs.

    With V of a polynomial's values at the points, the product of polynomials g and h is V^-1 ((V g) * (V h)); the
    correlation is its transpose in h.
    """
    points = tile + taps - 1

    def values(degree: int) -> np.ndarray:
        finite = [[point**power for power in range(degree)] for point in _POINTS[:points - 1]]
        return np.array([*finite, [0.0] * (degree - 1) + [1.0]])

    return values(tile), values(taps), np.linalg.inv(values(points)).T
