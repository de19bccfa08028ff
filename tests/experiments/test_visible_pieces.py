"""`experiments/visible_pieces.py`: pieces are counted as they lie, and composites as Eq. 4 and 5 make them."""

import numpy as np
import pytest

from errors import UserError
from experiments import visible_pieces


def test_pieces_of_known_windows():
    window = np.zeros((64, 64), int)
    window[:, 32:] = 1
    window[20, 20] = 2  # too small to count
    found = visible_pieces.measure(lambda: window, num_windows=2, instance_area=2048)
    assert found.in_middle == 2 and found.share_large == 1.0
    assert found.area == (40 * 20 - 1 + 40 * 20) / 2
    assert visible_pieces.measure(lambda: window, num_windows=1, instance_area=4096).share_large == 0.0


def test_composites_lay_ellipses_of_the_area_over_the_hole():
    composite = visible_pieces.composite(np.full((64, 64), 7), num_layers=1, padding=0, area=0.1, elongation=2.0,
                                         disk_radius=20, generator=np.random.default_rng(0))
    areas = dict(zip(*np.unique(composite, return_counts=True)))
    assert set(areas) == {-1, 0, 7}
    assert areas[-1] == pytest.approx(0.1 * 64**2, rel=0.03)
    assert areas[0] == pytest.approx(np.pi * 20**2 - 0.1 * 64**2, rel=0.03)
    rows, columns = np.nonzero(composite == -1)
    spread = np.linalg.eigvalsh(np.cov(rows, columns))
    assert np.sqrt(spread[1] / spread[0]) == pytest.approx(2.0, rel=0.03)


def test_the_same_seed_makes_the_same_composite():
    def made(seed):
        return visible_pieces.composite(np.zeros((64, 64), int), num_layers=4, padding=18, area=0.2, elongation=2.5,
                                        disk_radius=20, generator=np.random.default_rng(seed))
    np.testing.assert_array_equal(made(3), made(3))
    assert (made(3) != made(4)).any()


def test_a_cluster_smaller_than_a_window_is_refused():
    with pytest.raises(UserError, match="--drawn_size=40 is less than --window_size=46"):
        visible_pieces.scaled_labels("long_ellipses", size=40, window_size=46, seed=0)


def test_wider_places_make_smaller_pieces(run_script):
    result = run_script("experiments/visible_pieces.py", "--num_windows=40", "--drawn_size=256", "--layers=20",
                        "--paddings=18", "--paddings=28")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    narrow, wide = (float(line.split("area")[1].split(",")[0]) for line in lines[1:])
    assert lines[0].startswith("the picture") and narrow > wide
