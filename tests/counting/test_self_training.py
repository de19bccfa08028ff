"""What was found in a photograph, cut out for the next student."""

import numpy as np
import pytest

from counting import composites, found, self_training
from data import hoc
from errors import UserError


def disks(centres, *, radius, shape=(160, 200)):
    """Labels of disks, int [H, W], numbered from 1 on, and a picture whose instances have their number as red."""
    rows, columns = np.mgrid[:shape[0], :shape[1]] + 0.5
    labels = np.zeros(shape, int)
    for number, (row, column) in enumerate(centres, start=1):
        labels[np.hypot(rows - row, columns - column) <= radius] = number
    picture = np.zeros((*shape, 3), np.uint8)
    picture[..., 0], picture[..., 2] = labels, 200
    return picture, labels


def test_instances_are_cut_out_in_the_middle_with_their_own_pixels():
    picture, labels = disks([(40, 50), (90, 120)], radius=10)
    cut = self_training.cut_out(picture, labels, blur=0.0, least_area=0.5)
    assert cut.shape == (2, hoc.WINDOW, hoc.WINDOW, 4) and cut.dtype == np.float32
    for number, one in enumerate(cut, start=1):
        inside = one[..., 3] == 1
        assert inside.sum() == (labels == number).sum()
        np.testing.assert_array_equal(np.unique(np.round(255 * one[inside][:, 0])), [number])
        np.testing.assert_allclose(np.argwhere(inside).mean(axis=0) + 0.5, hoc.WINDOW / 2, atol=1)


def test_what_is_cut_by_the_border_small_or_larger_than_a_window_is_left_out():
    picture, labels = disks([(40, 50), (40, 90), (40, 130), (100, 2)], radius=10)
    labels[150:152, 20:22] = 5
    labels[90:100, 60:60 + hoc.WINDOW + 1] = 6
    cut = self_training.cut_out(picture, labels, blur=0.0, least_area=0.5)
    assert len(cut) == 3
    assert not len(self_training.cut_out(picture, np.zeros_like(labels), blur=1.0, least_area=0.5))


def test_masks_are_soft_where_asked_and_keep_their_outline():
    picture, labels = disks([(80, 100)], radius=12)
    soft = self_training.cut_out(picture, labels, blur=2.0, least_area=0.5)[0, ..., 3]
    sharp = self_training.cut_out(picture, labels, blur=0.0, least_area=0.5)[0, ..., 3]
    assert 0 < soft[hoc.WINDOW // 2 - 12, hoc.WINDOW // 2] < 1
    assert np.count_nonzero((soft >= 0.5) != (sharp >= 0.5)) < 0.1 * sharp.sum()


def test_of_very_many_some_are_cut_out_spread_over_the_picture(monkeypatch):
    monkeypatch.setattr(self_training, "MOST_INSTANCES", 3)
    picture, labels = disks([(20 + 30 * (index // 5), 20 + 30 * (index % 5)) for index in range(10)], radius=8)
    cut = self_training.cut_out(picture, labels, blur=0.0, least_area=0.5)
    assert [round(255 * float(one[32, 32, 0])) for one in cut] == [1, 5, 10]


def many(number, *, radius=10):
    """A picture, and that many disks found in it."""
    picture, labels = disks([(30 + 40 * (index // 4), 30 + 45 * (index % 4)) for index in range(number)], radius=radius)
    corners = np.array([[(labels == one + 1).nonzero()[axis].min() for axis in (1, 0)] for one in range(number)], np.float32)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * 2 * radius
    return picture, found.Instances(corners[:, np.newaxis] + square, np.ones(number, np.float32), labels.astype(np.uint16))


def test_labels_of_the_photograph_are_scaled():
    picture, instances = many(self_training.LEAST_INSTANCES)
    cut = self_training.cut_instances(instances, picture.repeat(2, axis=0).repeat(2, axis=1), ground="dense")
    assert cut.shape == (self_training.LEAST_INSTANCES, hoc.WINDOW, hoc.WINDOW, 4)
    assert np.count_nonzero(cut[0, ..., 3] >= 0.5) == pytest.approx(4 * np.count_nonzero(instances.labels == 1), rel=0.1)


def test_of_whole_shapes_those_that_others_hide_are_left_out():
    picture, instances = many(12)
    middles = instances.outlines.mean(axis=1, keepdims=True)
    grown = middles + np.where(np.arange(12) == 3, 1.2, 0.9)[:, np.newaxis, np.newaxis] * (instances.outlines - middles)
    hidden = found.Instances(grown, instances.scores, instances.labels)  # of the fourth 0.55 is seen
    assert len(self_training.cut_instances(hidden, picture, ground="dense", amodal=True)) == 11
    assert len(self_training.cut_instances(hidden, picture, ground="dense")) == 12


def test_a_share_of_the_best_scores_is_cut_out():
    picture, instances = many(12)
    scores = np.linspace(0.4, 0.9, 12, dtype=np.float32)[::-1]
    scored = found.Instances(instances.outlines, scores, instances.labels)
    cut = self_training.cut_instances(scored, picture, ground="dense", share=0.75)
    assert [round(255 * float(one[32, 32, 0])) for one in cut] == list(range(1, 10))


def test_a_few_teach_nothing():
    picture, instances = many(self_training.LEAST_INSTANCES - 1)
    with pytest.raises(UserError, match="7 whole instances were found, and at least 8 are needed"):
        self_training.cut_instances(instances, picture, ground="own")


@pytest.mark.parametrize("ground, trained, expected", [("dense", 64, 64), ("own", 64, 40), ("black", 30, 30)])
def test_windows_are_smaller_where_things_lie_apart(ground, trained, expected):
    assert self_training.window_size(many(9)[1], trained=trained, ground=ground) == pytest.approx(expected, abs=1)


def test_windows_are_never_mostly_interpolation():
    assert self_training.window_size(many(9, radius=3)[1], trained=64, ground="own") == hoc.SMALLEST_WINDOW


def test_sizes_of_the_photograph_are_kept():
    recipe = self_training.recipe_of(composites.Recipe(min_scale=0.3, max_scale=3.0, spacing=0.6))
    assert (recipe.min_scale, recipe.max_scale, recipe.spacing) == (*self_training.SCALES, 0.6)


def test_a_student_knows_the_sizes_of_what_was_cut_out():
    picture, labels = disks([(80, 40), (80, 90), (80, 150)], radius=10)
    labels[disks([(80, 150)], radius=20)[1] == 1] = 3
    cut = self_training.cut_out(picture, labels, blur=0.0, least_area=0.5)
    recipe = composites.Recipe(min_scale=0.8, max_scale=1.25)
    learnt = self_training.learnt(cut, recipe)
    assert learnt["diameter"] == pytest.approx(20, rel=0.05)
    assert learnt["min_scale"] == pytest.approx(0.8) and learnt["max_scale"] == pytest.approx(2.5, rel=0.05)
