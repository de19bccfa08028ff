"""What a StarDist network says of a picture of any size: it is shown tiles, and answers as if it had seen the whole.

Two thirds of a tile are used; the rest is what its places need to see about them. Memory is that of one tile, and of the
places where an instance may be.
"""

from typing import Any, Callable, Iterator, NamedTuple

import numpy as np

STRIDE = 16  # pixels: sides of what the network is shown are multiples of it
REACH = 96  # pixels about a place that it sees: 94, as a multiple of the stride
TILE = 1024  # pixels of a tile's side, at most
BORDER = 2  # of the network's places at the picture's border, which are left out, as StarDist does
BLOCK = 2  # of so many places along each axis the best is a candidate


class Candidates(NamedTuple):
    """Places that may be in an instance, n of them.

    Attributes:
      points: row and column of the pixel, int64 [n, 2].
      scores: float32 [n] in [0, 1].
      distances: to the instance's outline along each of R rays, in pixels, float32 [n, R].
    """

    points: np.ndarray
    scores: np.ndarray
    distances: np.ndarray


class Span(NamedTuple):
    """A tile along one axis: the pixels that are shown, and those of them that are used."""

    shown: slice
    used: slice


def spans(side: int, *, tile: int, reach: int) -> Iterator[Span]:
    """Yields tiles of one length along an axis.

    Args:
      side: pixels of the axis.
      tile: of a tile, more than two reaches; a shorter axis is one tile.
      reach: pixels that are shown and not used at each end of a tile, but for the axis's own ends.
    """
    start = 0
    while start + tile < side:
        following = min(start + tile - 2 * reach, side - tile)
        yield Span(slice(start, start + tile), slice(start + reach if start else 0, following + reach))
        start = following
    yield Span(slice(start, side), slice(start + reach if start else 0, side))


def candidates(network: Any, picture: np.ndarray, *, prepare: Callable[[np.ndarray], np.ndarray], threshold: float,
               grid: int) -> Candidates:
    """Returns the places of a picture at which the network's score is above a threshold, the best of each block.

    Args:
      network: a Keras model, float32 [1, h, w, 3] to scores [1, h / grid, w / grid, 1] and distances [..., R].
      picture: uint8 [H, W, 3].
      prepare: makes pixels, uint8 [h, w, 3], the network's inputs, float32 [h, w, 3].
      threshold: of the score.
      grid: pixels along each axis for one place.
    """
    height, width = picture.shape[:2]
    padded = np.pad(picture, [(0, -height % STRIDE), (0, -width % STRIDE), (0, 0)], mode="reflect")
    found = []
    for rows in spans(padded.shape[0], tile=TILE, reach=REACH):
        for columns in spans(padded.shape[1], tile=TILE, reach=REACH):
            outputs = network.predict_on_batch(prepare(padded[rows.shown, columns.shown])[np.newaxis])
            part = tuple(slice((axis.used.start - axis.shown.start) // grid, (axis.used.stop - axis.shown.start) // grid)
                         for axis in (rows, columns))
            scores, distances = outputs[0][0, ..., 0][part], outputs[1][0][part]
            places = np.argwhere(_best_of_blocks(scores) & (scores > threshold))
            points = grid * places + [rows.used.start, columns.used.start]
            kept = _inside(points, padded.shape[:2], margin=BORDER * grid) & _inside(points, (height, width), margin=0)
            chosen = tuple(places[kept].T)
            found.append(Candidates(points[kept], scores[chosen], distances[chosen]))
    return Candidates(*map(np.concatenate, zip(*found)))


def _best_of_blocks(scores: np.ndarray) -> np.ndarray:
    """Says of which places [h, w] the score is the highest of their block; h and w are multiples of `BLOCK`."""
    height, width = scores.shape
    blocks = scores.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return (blocks == blocks.max(axis=(1, 3), keepdims=True)).reshape(height, width)


def _inside(points: np.ndarray, shape: tuple[int, ...], *, margin: int) -> np.ndarray:
    """Says which points [n, 2] are in a picture of a shape and not in the margin at its border."""
    return ((points >= margin) & (points < np.array(shape) - margin)).all(axis=1)
