"""Tiles of a picture: every pixel is used once, with what it needs to be seen about it."""

import numpy as np
import pytest

from counting import tiling


@pytest.mark.parametrize("side", [48, 64, 80, 112, 128, 400])
def test_tiles_use_each_pixel_once_and_show_what_is_about_it(side):
    found = list(tiling.spans(side, tile=64, reach=16))
    assert np.concatenate([np.arange(side)[span.used] for span in found]).tolist() == list(range(side))
    for span in found:
        assert span.shown.stop - span.shown.start == min(64, side)
        assert span.shown.start in (0, span.used.start - 16) and span.shown.start % tiling.STRIDE == 0
        assert span.shown.stop == side or span.shown.stop - span.used.stop >= 16


class Bright:
    """Stands for a network: the score of two pixels square is their brightness, distances are 1 to 4."""

    def predict_on_batch(self, pictures):
        scores = pictures[:, ::2, ::2, :1]
        return scores, np.ones_like(scores) * np.arange(1, 5, dtype=np.float32)


def test_candidates_are_the_best_of_their_block_inside_of_the_border():
    picture = np.zeros((41, 50, 3), np.uint8)
    picture[20, 20], picture[20, 22], picture[20, 24] = 200, 210, 190  # the first two are of one block
    picture[2, 20], picture[30, 30] = 250, 90  # at the border, and too dark
    places = tiling.candidates(Bright(), picture, prepare=lambda pixels: pixels / np.float32(255), threshold=0.5, grid=2)
    assert places.points.tolist() == [[20, 22], [20, 24]]
    np.testing.assert_allclose(places.scores, [210 / 255, 190 / 255])
    assert places.distances.tolist() == [[1, 2, 3, 4]] * 2
