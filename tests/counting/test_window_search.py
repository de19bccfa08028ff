"""The window size that fits a photograph is found by what a student finds with it."""

import cv2
import numpy as np
import pytest

from counting import window_search
from counting.student import Found
from data.illumination import Light
from errors import UserError

LEARNT = 30.0  # pixels


class Finder:
    """Stands for a student: finds bright squares, the surer the nearer their size is to the learnt one."""

    metadata = {"learnt": {"diameter": LEARNT}}

    def __init__(self):
        self.shapes = []

    def find(self, picture):
        self.shapes.append(picture.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats((picture[..., 0] > 127).astype(np.uint8))
        boxes = stats[1:count, :4].astype(np.float32)
        corners = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for x, y, w, h in boxes], np.float32)
        sizes = 2.0 * np.sqrt(boxes[:, 2] * boxes[:, 3] / np.pi)
        return Found(corners.reshape(-1, 4, 2), np.exp(-np.abs(np.log(sizes / LEARNT))).astype(np.float32))


def squares(*, side: int, spacing: int, shape: tuple[int, int]) -> np.ndarray:
    picture = np.zeros((*shape, 3), np.uint8)
    for top in range(spacing // 2, shape[0] - side, spacing):
        for left in range(spacing // 2, shape[1] - side, spacing):
            picture[top:top + side, left:left + side] = 255
    return picture


@pytest.mark.parametrize("side", [20, 60])
def test_the_window_size_is_the_one_at_which_instances_have_the_learnt_size(side):
    picture = squares(side=side, spacing=side * 3 // 2, shape=(600, 800))
    best = window_search.best_window_size(Finder(), picture, light=Light(), name="a.png")
    expected = 64 * 2.0 * side / np.sqrt(np.pi) / LEARNT
    assert best == pytest.approx(expected, rel=window_search.STEP ** (1 / window_search.FINE_STEPS) - 1)


def test_of_a_large_photograph_the_middle_is_looked_at(monkeypatch):
    monkeypatch.setattr(window_search, "MOST_PIXELS", 40_000)
    finder = Finder()
    seen = window_search.look(finder, squares(side=20, spacing=30, shape=(600, 800)), window_size=32, light=Light(),
                              name="a.png")
    (height, width), = finder.shapes
    assert height * width == pytest.approx(40_000, rel=0.05) and width / height == pytest.approx(4 / 3, rel=0.05)
    assert seen.ratio == pytest.approx(64 / 32 * 2.0 * 20 / np.sqrt(np.pi) / LEARNT, rel=0.05)


def test_a_photograph_without_instances_of_the_learnt_size_is_refused():
    for picture in (np.zeros((100, 200, 3), np.uint8), squares(side=4, spacing=6, shape=(100, 200))):  # windows of 10 pixels
        with pytest.raises(UserError, match="no window size shows instances in a.png"):
            window_search.best_window_size(Finder(), picture, light=Light(), name="a.png")
    with pytest.raises(UserError, match="a.png is 200x12 pixels, smaller than the smallest window"):
        window_search.best_window_size(Finder(), np.zeros((12, 200, 3), np.uint8), light=Light(), name="a.png")
