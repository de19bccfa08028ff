"""Figures of masks that need no references, on masks that are known."""

import numpy as np
import pytest

from evaluation import unlabelled


def disk(radius, *, centre=31.5):
    axis = np.arange(64) - 31.5
    inside = np.hypot(axis[:, np.newaxis], axis - (centre - 31.5)) <= radius
    return np.repeat(inside[np.newaxis, ..., np.newaxis], 2, axis=0).astype(np.float32)


def test_agreement_of_masks():
    small, large = disk(10), disk(20)
    assert unlabelled.soft_iou(small, small) == unlabelled.correlation(small, small) == pytest.approx(1.0)
    assert unlabelled.soft_iou(small, large) == pytest.approx(0.25, abs=0.01)
    assert unlabelled.correlation(small, 1 - small) == pytest.approx(-1.0)
    assert unlabelled.correlation(small, 0.3 * small + 0.2) == pytest.approx(1.0, abs=1e-5)  # areas do not matter
    assert unlabelled.correlation(small, np.full_like(small, 0.5)) == 0.0


def test_a_true_mask_follows_edges_and_colours_and_leaves_the_border():
    true, wrong = disk(16), disk(16, centre=52)
    pictures = (50 + 150 * true * np.ones(3)).astype(np.uint8)
    assert unlabelled.colour_separation(pictures, true) == pytest.approx(1.0, abs=1e-4)
    assert unlabelled.colour_separation(pictures, wrong) < 0.3
    assert unlabelled.edge_alignment(pictures, true) > 5 * unlabelled.edge_alignment(pictures, wrong)
    assert unlabelled.border_share(true) == 0.0 < unlabelled.border_share(wrong)
    assert unlabelled.border_share(np.ones_like(true)) == pytest.approx(1.0)


def test_all_figures_of_masks():
    masks = disk(16)
    found = unlabelled.measure(masks, masks, np.zeros([2, 64, 64, 3], np.uint8), area_constant=0.25)
    assert found["area"] == pytest.approx(masks.mean()) and found["over_a"] == pytest.approx(masks.mean() / 0.25)
    assert found["undecided"] == found["flip_difference"] == 0.0 and found["flip_iou"] == pytest.approx(1.0)
    ghosts = unlabelled.measure(0.5 * np.ones_like(masks), masks, np.zeros([2, 64, 64, 3], np.uint8), area_constant=0.25)
    assert ghosts["undecided"] == 1.0 and ghosts["flip_difference"] == pytest.approx(0.5)
