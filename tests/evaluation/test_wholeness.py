"""`evaluation.wholeness`: each condition by an instance that fails it alone."""

import numpy as np
import pytest

from evaluation import wholeness

SIZE = 20
PHOTOGRAPH = np.linspace(0, 255, 100).astype(np.uint8).repeat(3).reshape(10, 10, 3)  
DARKEST = 0.16


def square(side, *, top=5, left=5, value=1.0):
    mask = np.zeros((SIZE, SIZE, 1))
    mask[top:top + side, left:left + side] = value
    return mask


def measured(masks, *, appearance=0.8, better_than_disk=None):
    appearances = np.full((len(masks), SIZE, SIZE, 3), appearance)
    return wholeness.whole_metrics(appearances, np.stack(masks), darkest=DARKEST,
                                    better_than_disk=better_than_disk)


def test_a_bright_decided_piece_is_whole():
    assert measured([square(8)]) == {"whole_fraction": 1.0, "decided_fraction": 1.0, "not_dark_fraction": 1.0,
                                     "dark_share": 0.0}


def test_two_pieces_and_no_piece_are_not_whole():
    two = square(3) + square(3, top=12, left=12)
    assert measured([two, np.zeros((SIZE, SIZE, 1)), square(8)])["whole_fraction"] == pytest.approx(1 / 3)


def test_an_undecided_mask_is_not_whole():
    figures = measured([square(8, value=0.7), square(8)])  # 64 of 400 pixels are between 0.1 and 0.9
    assert figures["decided_fraction"] == figures["whole_fraction"] == 0.5


def test_a_mask_that_holds_a_gap_is_not_whole():
    appearances = np.full((2, SIZE, SIZE, 3), 0.8)
    appearances[0, 5, 5:13] = 0.1  # 8 of 64 pixels: 0.125
    figures = wholeness.whole_metrics(appearances, np.stack([square(8)] * 2), darkest=DARKEST)
    assert figures["not_dark_fraction"] == figures["whole_fraction"] == 0.5
    assert figures["dark_share"] == pytest.approx(0.0625)


def test_where_shapes_are_known_they_must_be_fitted_better_than_by_a_disk():
    figures = measured([square(8), square(8)], better_than_disk=np.array([True, False]))
    assert figures["better_than_disk_fraction"] == figures["whole_fraction"] == 0.5


def test_darkness_is_relative_to_the_photograph():
    assert wholeness.dark_level(PHOTOGRAPH) == pytest.approx(0.16, abs=0.01)
    assert wholeness.dark_level(PHOTOGRAPH // 4) == pytest.approx(0.04, abs=0.01)
