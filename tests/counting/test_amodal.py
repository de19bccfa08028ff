"""Whole shapes: distances reach hidden outlines, and two parts of one instance are found as one."""

import numpy as np
import pytest

from counting import amodal, student
from counting.augmenter import Augmenter
from counting.found import Found, in_photograph
from counting.shapes import Shape, Turn
from counting.student import GRID, NUM_RAYS
from counting.tiling import Candidates
from training import environment


@pytest.fixture(autouse=True)
def stardist_fixture():
    """Skips without StarDist."""
    pytest.importorskip("stardist", reason="needs StarDist; `make count-install` installs it")


def crossing(size=64):
    """A bar that another one crosses: labels, and the shapes of the lower and the upper one."""
    labels = np.zeros((size, size), np.int32)
    labels[24:40, 6:58] = 1
    labels[6:58, 24:40] = 2
    return labels, [Shape(24, 6, np.ones((16, 52), np.uint8)), Shape(6, 24, np.ones((52, 16), np.uint8))]


def candidates(labels, shapes):
    """What a perfect student says at each place where an instance is seen."""
    rays = amodal.distances(labels, shapes, grid=GRID, num_rays=NUM_RAYS)
    from stardist.utils import edt_prob
    seen = labels[::GRID, ::GRID] > 0
    scores = edt_prob(np.ascontiguousarray(labels[::GRID, ::GRID]))
    return Candidates(GRID * np.argwhere(seen), scores[seen], np.maximum(rays[seen], 1e-3))


def found_labels(places, shape):
    """What is made of candidates, as labels."""
    corners, scores, heights = amodal.instances_of(places, most_overlap=0.4, grid=GRID)
    outlines = np.moveaxis(corners, 1, 2)[..., ::-1] + np.float32(0.5)
    return in_photograph(Found(outlines, scores, heights), scaled=shape, shape=shape)


def test_distances_are_those_to_the_whole_outline():
    labels, shapes = crossing()
    rays = amodal.distances(labels, shapes, grid=GRID, num_rays=NUM_RAYS)
    assert rays.shape == (32, 32, NUM_RAYS)
    left = rays[32 // GRID, 12 // GRID]  # in the left part of the lower bar: 6 pixels to its left end, 45 to its right one
    assert sorted(left)[0] == pytest.approx(6.0, abs=1.0) and sorted(left)[-1] == pytest.approx(45.0, abs=1.5)
    np.testing.assert_array_equal(rays[labels[::GRID, ::GRID] == 0], 0.0)
    assert rays[32 // GRID, 32 // GRID].max() < 28  # the middle is the upper bar's


def test_two_parts_of_one_instance_are_found_as_one_below_the_other():
    labels, shapes = crossing()
    found = found_labels(candidates(labels, shapes), labels.shape)
    assert len(found.scores) == 2
    upper = found.labels[14, 32]
    assert found.labels[32, 32] == upper  # where both are, the upper one is seen
    assert found.labels[32, 14] == found.labels[32, 48] != upper
    shares = [row.seen for row in found.rows]
    assert shares[upper - 1] > 0.95 and 0.6 < shares[2 - upper] < 0.8
    changed = labels.copy()
    changed[24:40, 6:58] = 1  # now the first is above
    found = found_labels(candidates(changed, shapes), labels.shape)
    assert found.labels[32, 32] == found.labels[32, 14] > 0


def test_nothing_is_found_among_no_candidates():
    empty = Candidates(np.zeros((0, 2), int), np.zeros(0, np.float32), np.zeros((0, NUM_RAYS), np.float32))
    corners, scores, heights = amodal.instances_of(empty, most_overlap=0.4, grid=GRID)
    assert corners.shape[0] == len(scores) == len(heights) == 0


@pytest.mark.parametrize("votes, expected", [
    ({(1, 0): 3, (0, 1): 1}, [0, 1]), ({(0, 1): 2}, [1, 0]), ({}, [1, 0]),
    ({(0, 1): 3, (1, 2): 3, (2, 0): 1}, [2, 1, 0])])  # of the circle the weakest vote gives way
def test_of_two_the_one_that_owns_more_of_both_is_above(votes, expected):
    owners = np.array([owner for (owner, _), count in votes.items() for _ in range(count)], int)
    covering = [list(pair) for pair, count in votes.items() for _ in range(count)]
    scores = np.array([0.9, 0.5, 0.7][:len(expected)])
    assert amodal._heights(owners, covering, scores).tolist() == expected


def test_a_student_of_whole_shapes_is_kept_with_its_thresholds(tmp_path):
    environment.set_up(seed=0, deterministic=True, mixed_precision="none")
    labels, shapes = crossing()
    images = np.stack([np.where(labels[..., np.newaxis] == 2, 220, 110 * (labels[..., np.newaxis] > 0)).astype(np.uint8)
                       .repeat(3, axis=-1)] * 4)
    learnt = {"diameter": 20.0, "min_scale": 0.8, "max_scale": 1.25}
    made = student.train(images, np.stack([labels] * 4), seed=0, num_steps=12, batch_size=2, width=4, shapes=[shapes] * 4,
                         metadata={"learnt": learnt})
    assert made.amodal and made.thresholds["nms"] in student.AMODAL_OVERLAPS
    (tmp_path / "student.npz").write_bytes(made.to_bytes())
    loaded = student.load(tmp_path / "student.npz")
    assert loaded.amodal and loaded.thresholds == made.thresholds
    for one, two in zip(made.find(images[0]), loaded.find(images[0])):
        np.testing.assert_array_equal(one, two)


def test_whole_masks_follow_their_picture_when_it_is_changed():
    labels, shapes = crossing()
    image = labels[..., np.newaxis].repeat(3, axis=-1) / np.float32(4.0)
    batches = amodal.Batches([image], [labels], [shapes], augment=Augmenter(0), batch_size=3, seed=0, grid=GRID, num_rays=NUM_RAYS)
    (images,), (scores, rays) = batches[0]
    assert images.shape == (3, 64, 64, 3) and scores.shape == (3, 32, 32, 1) and rays.shape == (3, 32, 32, NUM_RAYS + 1)
    np.testing.assert_array_equal(rays[..., -1:], scores)
    assert (rays[..., :-1].max(axis=(1, 2, 3)) > 40).all()  # along the lower bar, beyond the upper one


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("is_flipped", [False, True])
def test_a_shape_turns_with_its_picture(quarters, is_flipped):
    picture = np.zeros((12, 10), np.uint8)
    mask = np.array([[1, 1, 0], [0, 1, 1]], np.uint8)
    picture[7:9, 2:5] = mask
    turn = Turn(quarters, is_flipped)
    shape = turn.shape(Shape(7, 2, mask), size=(12, 10))
    expected = turn.array(picture)
    rows, columns = mask.shape[::-1] if quarters % 2 else mask.shape
    np.testing.assert_array_equal(expected[shape.top:shape.top + rows, shape.left:shape.left + columns], shape.mask)
    assert expected.sum() == shape.mask.sum() == 4
