"""Sizes of a cluster's things, against pictures whose sizes are known."""

import numpy as np
import pytest

from data import granularity, synthetic


def dots(*, distance, radius, ground=20):
    """Bright dots on a lattice of near-hexagons, shaken a little, on dark ground: uint8 [300, 300, 3]."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:300, :300]
    picture = np.full((300, 300), ground, np.uint8)
    for number, row in enumerate(np.arange(distance / 2, 300, 0.87 * distance)):
        for column in np.arange(distance / 2 * (1 + number % 2), 300, distance):
            y, x = generator.normal([row, column], 0.06 * distance)
            picture[np.hypot(rows - y, columns - x) <= radius] = 200
    return np.stack([picture] * 3, axis=-1)


@pytest.mark.parametrize("distance", [20, 34])
def test_dots_repeat_at_their_distance(distance):
    assert granularity.repetition_distance(dots(distance=distance, radius=0.4 * distance)) == pytest.approx(distance, rel=0.1)


def test_noise_does_not_repeat():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    assert granularity.repetition_distance(noise) is None
    assert granularity.repetition_distance(np.full((100, 100, 3), 90, np.uint8)) is None


def test_long_instances_repeat_at_no_one_distance():
    assert granularity.repetition_distance(synthetic.drawn_cluster("long_ellipses", size=384, seed=0)[0]) is None


def test_pieces_on_dark_ground_have_their_diameter():
    assert granularity.piece_diameter(dots(distance=40, radius=9)) == pytest.approx(18, rel=0.1)
    assert granularity.piece_diameter(np.zeros((50, 50, 3), np.uint8)) is None
