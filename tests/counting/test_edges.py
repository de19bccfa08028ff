"""Outlines move to where the picture changes most, and stay where it does not change."""

import numpy as np
import pytest

from counting import edges
from counting.found import Found


def ellipse(*, axes, middle=(40.0, 40.0), count=32):
    """Corners of an ellipse, x and y."""
    angles = 2 * np.pi * np.arange(count) / count
    return np.array(middle) + np.stack([axes[0] * np.cos(angles), axes[1] * np.sin(angles)], axis=1)


def found_of(*outlines):
    return Found(np.stack(outlines).astype(np.float32), np.linspace(1.0, 0.5, len(outlines)).astype(np.float32))


def picture_of(*, axes, middle=(40.0, 40.0)):
    """A bright ellipse on a darker, uneven ground, uint8 [80, 80, 3]."""
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(80) + 0.5)
    inside = ((x - middle[0]) / axes[0]) ** 2 + ((y - middle[1]) / axes[1]) ** 2 <= 1
    ground = 60 + 15 * np.sin(x / 9)
    return np.where(inside[..., np.newaxis], np.array([200, 150, 90]), ground[..., np.newaxis]).astype(np.uint8)


def radii(outline, axes):
    """How far corners lie from the middle, as shares of the ellipse's own radius there."""
    return np.hypot(*((outline - 40.0) / axes).T)


@pytest.mark.parametrize("off", [-3.0, -1.5, 0.0, 1.5, 3.0])
@pytest.mark.parametrize("turned", [False, True])
def test_outlines_that_are_a_little_off_move_to_the_edge(off, turned):
    axes = (22.0, 11.0)
    before = ellipse(axes=(axes[0] + off, axes[1] + off))
    moved = edges.at_edges(found_of(before[::-1] if turned else before), picture_of(axes=axes)).outlines[0]
    assert moved.shape == (edges.NUM_CORNERS, 2) and moved.dtype == np.float32
    np.testing.assert_allclose(radii(moved, axes), 1.0, atol=0.06)


def test_on_a_flat_picture_nothing_moves_and_scores_and_heights_are_kept():
    found = found_of(ellipse(axes=(20, 10)), ellipse(axes=(8, 8)))._replace(heights=np.array([1, 0]))
    moved = edges.at_edges(found, np.full((80, 80, 3), 90, np.uint8))
    np.testing.assert_allclose(radii(moved.outlines[0], (20, 10)), 1.0, atol=0.02)
    assert moved.scores is found.scores and moved.heights is found.heights


def test_one_strong_edge_nearby_does_not_tear_an_outline():
    picture = picture_of(axes=(18.0, 18.0))
    picture[:, 59:61] = 255  # a line that touches nothing, two pixels beyond the edge at the right
    moved = edges.at_edges(found_of(ellipse(axes=(17, 17))), picture).outlines[0]
    shifts = radii(moved, (1, 1))
    assert np.abs(np.diff(np.append(shifts, shifts[0]))).max() < 3.5 and np.median(shifts) == pytest.approx(18.0, abs=0.6)


def test_points_and_outlines_beyond_the_picture_and_none_at_all_are_no_trouble():
    found = found_of(ellipse(axes=(0, 0)), ellipse(axes=(30, 30), middle=(0, 0)))
    assert np.isfinite(edges.at_edges(found, picture_of(axes=(20, 10))).outlines).all()
    none = Found(np.zeros((0, 32, 2), np.float32), np.zeros(0, np.float32))
    assert edges.at_edges(none, picture_of(axes=(20, 10))) is none


def test_batches_of_outlines_give_what_each_gives_alone(monkeypatch):
    found, picture = found_of(*(ellipse(axes=(9 + size, 8)) for size in range(5))), picture_of(axes=(11.0, 9.0))
    together = edges.at_edges(found, picture).outlines
    monkeypatch.setattr(edges, "_BATCH", 2)
    np.testing.assert_array_equal(edges.at_edges(found, picture).outlines, together)
