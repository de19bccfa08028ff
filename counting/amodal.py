"""Whole shapes (amodal segmentation): an instance that others cross is learnt, and found, as one.

A student of what is seen finds an instance twice where another lies across it. Composites know their instances' whole masks,
so distances to the whole outline can be learnt instead, at the pixels that are seen. Both parts then say the same outline, and
one of them is kept. Which instance is above another is what the pixels say that both cover. Axis letters: k instances of a
composite, n candidates, m instances that are found, R rays, H and W a picture's sides.
"""

import heapq
from typing import Sequence

import numpy as np

from counting.augmenter import Augmenter
from counting.shapes import Shape, inside_of, overlap
from counting.tiling import Candidates

SAME = 0.8  # shared area, of the smaller one's, at which StarDist takes candidates for one at once


def distances(labels: np.ndarray, shapes: Sequence[Shape], *, grid: int, num_rays: int) -> np.ndarray:
    """Returns how far it is from each place to the outline of its whole instance, along each ray.

    Args:
      labels: int [H, W], the number of the instance that is seen, 1 to k, or 0.
      shapes: of the k whole instances, inside of the picture.
      grid: pixels along each axis for one place, which divides H and W.
      num_rays: R.

    Returns:
      Pixels, float32 [H / grid, W / grid, R], 0 where no instance is seen.
    """
    from stardist.geometry import star_dist
    numbers = labels[::grid, ::grid]
    found = np.zeros((*numbers.shape, num_rays), np.float32)
    for number, shape in enumerate(shapes, start=1):
        top, left = shape.top // grid, shape.left // grid  # of the first place
        padded = np.pad(shape.mask, ((shape.top - grid * top, 0), (shape.left - grid * left, 0)))
        box = np.s_[top:top - -padded.shape[0] // grid, left:left - -padded.shape[1] // grid]
        seen = numbers[box] == number
        if seen.any():
            found[box][seen] = star_dist(padded.astype(np.uint16), num_rays, grid=(grid, grid))[seen]
    return found


class Batches:
    """Batches as StarDist's own sequence makes them, but for distances, which are those of whole instances."""

    def __init__(self, images: Sequence[np.ndarray], labels: Sequence[np.ndarray], shapes: Sequence[Sequence[Shape]], *,
                 augment: Augmenter, batch_size: int, seed: int, grid: int, num_rays: int) -> None:
        """Takes what is shown: float32 [H, W, 3] in [0, 1], labels int [H, W], and the whole instances 1 to k of each."""
        self._pictures, self._augment, self._batch_size = list(zip(images, labels, shapes)), augment, batch_size
        self._rng, self._left, self._grid, self._num_rays = np.random.default_rng(seed), [], grid, num_rays

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Returns the next batch: pictures; scores [b, h, w, 1], and distances with their weights [b, h, w, R + 1]."""
        del index
        images, scores, whole = zip(*(self._example() for _ in range(self._batch_size)))
        scores = np.stack(scores)[..., np.newaxis]
        return (np.stack(images),), (scores, np.concatenate([np.stack(whole), scores], axis=-1))

    def _example(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the next picture, changed, and its scores and distances."""
        from stardist.utils import edt_prob
        if not self._left:
            self._left = self._rng.permutation(len(self._pictures)).tolist()
        image, labels, shapes = self._pictures[self._left.pop()]
        size = labels.shape
        image, labels, turn = self._augment.turned(image, labels)
        shapes = [turn.shape(shape, size=size) for shape in shapes]
        seen = np.ascontiguousarray(labels[::self._grid, ::self._grid])
        return image, edt_prob(seen).astype(np.float32), distances(labels, shapes, grid=self._grid, num_rays=self._num_rays)


def instances_of(places: Candidates, *, most_overlap: float, grid: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Makes instances of what candidates say, each once, and says which lies above which.

    Args:
      places: candidates, which say whole outlines.
      most_overlap: IoU of two outlines above which they are one instance's.
      grid: pixels, of which the candidates' rows and columns are multiples.

    Returns:
      Corners of the whole outlines, rows first, float32 [m, 2, R]; scores, float32 [m]; and heights, int [m], 0 to m - 1
      from the bottom up, by which they are to be painted.
    """
    from stardist.geometry import dist_to_coord
    from stardist.nms import non_maximum_suppression_sparse
    points, scores, rays, _ = non_maximum_suppression_sparse(places.distances, places.scores, places.points, nms_thresh=SAME)
    corners = dist_to_coord(rays, points).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    kept, shapes = _distinct([inside_of(corners[index], grid=grid) for index in order], most_overlap=most_overlap)
    chosen = order[kept]
    owners, covering = _owners(places, shapes, grid=grid)
    has_pixels = np.bincount(owners[owners >= 0], minlength=len(shapes)) > 0
    heights = _heights(owners, covering, scores[chosen])
    heights = np.argsort(np.argsort(heights[has_pixels]))
    return corners[chosen][has_pixels], scores[chosen][has_pixels].astype(np.float32), heights


def _distinct(shapes: Sequence[Shape], *, most_overlap: float) -> tuple[list[int], list[Shape]]:
    """Returns which of the shapes, the best first, overlap no better one too much, and these."""
    from scipy.spatial import cKDTree
    kept: list[int] = []
    if not shapes:
        return kept, []
    middles = np.array([[shape.top + shape.mask.shape[0] / 2, shape.left + shape.mask.shape[1] / 2] for shape in shapes])
    areas = np.array([np.count_nonzero(shape.mask) for shape in shapes])
    reach = max(max(shape.mask.shape) for shape in shapes)
    near = cKDTree(middles).query_ball_point(middles, reach)
    is_kept = np.zeros(len(shapes), bool)
    for index, shape in enumerate(shapes):
        better = [other for other in near[index] if other < index and is_kept[other]]
        shared = np.array([overlap(shape, shapes[other]) for other in better])
        is_kept[index] = bool(areas[index]) and not (shared > most_overlap * (areas[index] + areas[better] - shared)).any()
        if is_kept[index]:
            kept.append(index)
    return kept, [shapes[index] for index in kept]


def _owners(places: Candidates, shapes: Sequence[Shape], *, grid: int) -> tuple[np.ndarray, list[list[int]]]:
    """Says of each candidate whose it is: of the shapes about it the one whose distances its own resemble most.

    Returns:
      Indices of shapes, int [n], -1 where no shape is; and the indices of all shapes about each candidate.
    """
    from scipy.spatial import cKDTree
    from stardist.geometry import star_dist
    errors, owners = np.full(len(places.points), np.inf), np.full(len(places.points), -1)
    covering: list[list[int]] = [[] for _ in places.points]
    tree = cKDTree(places.points)
    for index, shape in enumerate(shapes):
        middle, half = (shape.top + shape.mask.shape[0] / 2, shape.left + shape.mask.shape[1] / 2), max(shape.mask.shape) / 2
        near = np.array(tree.query_ball_point(middle, half, p=np.inf), int)
        rows, columns = (places.points[near] - (shape.top, shape.left)).T
        inside = (rows >= 0) & (columns >= 0) & (rows < shape.mask.shape[0]) & (columns < shape.mask.shape[1])
        inside[inside] = shape.mask[rows[inside], columns[inside]] > 0
        near, rows, columns = near[inside], rows[inside], columns[inside]
        whole = star_dist(shape.mask.astype(np.uint16), places.distances.shape[1], grid=(grid, grid))[rows // grid, columns // grid]
        error = np.abs(whole - places.distances[near]).mean(axis=1)
        for candidate in near:
            covering[candidate].append(index)
        is_nearer = error < errors[near]
        errors[near[is_nearer]], owners[near[is_nearer]] = error[is_nearer], index
    return owners, covering


def _heights(owners: np.ndarray, covering: Sequence[Sequence[int]], scores: np.ndarray) -> np.ndarray:
    """Orders shapes from the bottom up, so that of two the one that owns more of the candidates in both is above.

    Where that goes round in a circle, the one that the fewest say to be above others comes first. Equal ones go by their scores.

    Returns:
      Each shape's place in the order, int [m].
    """
    votes: dict[tuple[int, int], int] = {}
    for owner, shapes in zip(owners, covering):
        for other in shapes:
            if other != owner:
                votes[owner, other] = votes.get((owner, other), 0) + 1
    below: list[dict[int, int]] = [{} for _ in scores]  # for each shape those above it, and by how many candidates
    waits = np.zeros(len(scores), int)
    for (owner, other), count in votes.items():
        margin = count - votes.get((other, owner), 0)
        if margin > 0:
            below[other][owner] = margin
            waits[owner] += margin
    queue = [(int(waits[index]), float(scores[index]), index) for index in range(len(scores))]
    heapq.heapify(queue)
    heights, placed = np.full(len(scores), -1), 0
    while queue:
        waiting, _, index = heapq.heappop(queue)
        if heights[index] >= 0 or waiting != waits[index]:
            continue
        heights[index], placed = placed, placed + 1
        for above, margin in below[index].items():
            waits[above] -= margin
            if heights[above] < 0:
                heapq.heappush(queue, (int(waits[above]), float(scores[above]), above))
    return heights
