"""Outlines drawn on pictures."""

import numpy as np
import pytest

from visualization import outlines


@pytest.mark.parametrize("diameter, shape, expected", [
    (10.0, (100, 100), 6), (100.0, (100, 100), 1), (0.1, (100, 100), 40), (10.0, (1500, 2000), 2), (10.0, (3000, 4000), 1)])
def test_small_instances_are_enlarged_and_large_pictures_are_not(diameter, shape, expected):
    assert outlines.drawing_factor(shape, diameter=diameter) == expected


def test_an_outline_and_its_number_are_drawn_where_they_are():
    square = np.array([[10, 10], [70, 10], [70, 70], [10, 70]], np.float32)
    drawn = outlines.numbered(np.zeros((80, 80, 3), np.uint8), [square], centres=np.array([[40.0, 40.0]]), diameter=60.0)
    assert drawn.shape == (80, 80, 3)
    assert tuple(drawn[10, 20]) == tuple(drawn[50, 70]) == outlines.COLOURS[0]
    assert drawn[30:50, 30:50].max() == 255 and not drawn[15:25, 15:25].any() and not drawn[:6].any()


def test_borders_lie_between_labels():
    labels = np.zeros((1, 4, 4), int)
    labels[0, :, 2:] = 1
    drawn = outlines.with_borders(np.full((1, 4, 4, 3), 7, np.uint8), labels)[0]
    assert drawn.shape == (8, 8, 3)
    np.testing.assert_array_equal(drawn[:, 3], [outlines.COLOURS[0]] * 8)
    assert (np.delete(drawn, 3, axis=1) == 7).all()


def test_a_sheet_has_two_rows_for_each_row_of_pictures():
    pictures, labels = np.zeros((7, 64, 64, 3), np.uint8), np.ones((7, 64, 64), int)
    four, two = outlines.sheet(pictures, labels), outlines.sheet(pictures[:2], labels[:2])
    assert four.shape[0] == two.shape[0] == 2 * (128 + 2) + 2 and four.shape[1] - two.shape[1] == 2 * (128 + 2)
