"""Outlines that end half-way between an instance's colour and its ground's."""

import numpy as np
import pytest

from counting import found, half_maximum
from counting.found import Instances

pytest.importorskip("skimage", reason="needs scikit-image; `make count-install` installs it")


def blurred_disks(centres, *, radius, size=120, width=1.0, colour=(200.0, 150.0, 100.0), ground=(20.0, 30.0, 40.0)):
    """A picture of disks whose edges rise over some pixels, half at the radius, and the distance to each middle."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    distances = np.stack([np.hypot(rows - row, columns - column) for row, column in centres])
    share = 1.0 / (1.0 + np.exp((distances.min(axis=0) - radius) / width))[..., np.newaxis]
    return np.rint(share * np.array(colour) + (1.0 - share) * np.array(ground)).astype(np.uint8), distances


def iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("radius", [11, 18])
def test_a_border_that_is_a_little_off_moves_to_half_maximum(radius):
    picture, distances = blurred_disks([(60, 60)], radius=15, colour=(20, 30, 40), ground=(200, 150, 100))
    before = np.where(distances[0] <= radius, 1, 0)
    after = half_maximum.refined_labels(before, picture, diameter=30)
    assert iou(before == 1, distances[0] <= 15) < 0.75 and iou(after == 1, distances[0] <= 15) > 0.93


def test_neighbours_keep_their_own_sides_and_their_numbers():
    picture, distances = blurred_disks([(60, 40), (60, 69)], radius=15)
    nearest = distances.argmin(axis=0)
    before = np.where(distances.min(axis=0) <= 12, nearest + 1, 0)
    after = half_maximum.refined_labels(before, picture, diameter=30)
    for number in (1, 2):
        assert not np.any((after == number) & (nearest != number - 1) & (distances[number - 1] > 16))
        assert iou(after == number, (nearest == number - 1) & (distances.min(axis=0) <= 15)) > 0.93


def test_what_is_not_brighter_than_its_ground_or_would_change_much_stays():
    picture, distances = blurred_disks([(60, 60)], radius=15)
    labels = np.where(distances[0] <= 12, 1, 0)
    flat = np.full_like(picture, 90)
    np.testing.assert_array_equal(half_maximum.refined_labels(labels, flat, diameter=24), labels)
    small = np.where(distances[0] <= 6, 1, 0)  # a bright thing that is four times as large
    np.testing.assert_array_equal(half_maximum.refined_labels(small, picture, diameter=60), small)
    full = np.ones_like(labels)  # of no ground
    np.testing.assert_array_equal(half_maximum.refined_labels(full, picture, diameter=60), full)


def test_of_pieces_that_another_cuts_apart_the_largest_is_left_and_outlines_agree():
    rows, columns = np.mgrid[:60, :60]
    labels = np.where(np.hypot(rows - 30, columns - 30) <= 15, 1, 0).astype(np.uint16)
    labels[:, 34:38] = 2
    whole = np.array([[0, 0], [60, 0], [60, 60], [0, 60]], np.float32)
    after = half_maximum.refined(Instances([whole, whole], np.ones(2, np.float32), labels), np.full((60, 60, 3), 90, np.uint8))
    np.testing.assert_array_equal(after.labels == 1, (labels == 1) & (columns < 34))
    drawn = np.zeros(labels.shape, np.int32)
    for number, outline in enumerate(after.outlines, start=1):
        found._fill(drawn, outline, number)
    np.testing.assert_array_equal(drawn, after.labels)
    assert [row.area for row in after.rows] == np.bincount(after.labels.ravel())[1:].tolist()


def test_outlines_enclose_the_pixels_and_reach_the_border():
    picture, distances = blurred_disks([(60, 60), (10, 100)], radius=15)
    labels = np.where(distances.min(axis=0) <= 13, distances.argmin(axis=0) + 1, 0).astype(np.uint16)
    scores = np.array([0.7, 0.9], np.float32)
    whole = np.array([[0, 0], [120, 0], [120, 120], [0, 120]], np.float32)
    after = half_maximum.refined(Instances([whole, whole], scores, labels), picture)
    drawn = np.zeros(labels.shape, np.int32)
    for number, outline in enumerate(after.outlines, start=1):
        assert outline.dtype == np.float32 and outline.min() >= 0 and outline.max() <= 120
        found._fill(drawn, outline, number)
    np.testing.assert_array_equal(drawn, after.labels)
    assert after.labels.dtype == np.uint16 and after.outlines[1][:, 1].min() == 0
    np.testing.assert_array_equal(after.scores, scores)
    assert [row.area for row in after.rows] == np.bincount(after.labels.ravel())[1:].tolist()
