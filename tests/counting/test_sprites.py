"""Sprites: they keep their size and their upper side, and are cut about their own middle."""

import numpy as np
import pytest

from counting import sprites


def make(instances, *, scale=1.0, upright=False, shadow_strength=0.0):
    return sprites.make(np.repeat(instances, 4, axis=0), scales=(scale, scale), upright=upright, shadow_strength=shadow_strength,
                        seed=1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_instances_are_scaled_and_stay_whole_however_they_are_turned(scale):
    corners = np.zeros((1, 32, 32, 4), np.float32)
    corners[0, 2:30, 2:30] = 1.0
    for sprite in make(corners, scale=scale, shadow_strength=0.5):
        assert sprite.rgba[..., 3].sum() == pytest.approx((28 * scale) ** 2, rel=0.02)
        assert sprite.shadow.max() > 0.0


@pytest.mark.parametrize("upright", [False, True])
def test_upright_instances_keep_their_lit_side_above(upright):
    lit_above = np.zeros((6, 32, 32, 4), np.float32)
    lit_above[:, 8:24, 8:24, 3] = 1.0
    lit_above[:, :16, :, :3] = 1.0
    brighter = []
    for sprite in make(lit_above, upright=upright):
        rows, seen = np.arange(len(sprite.rgba))[:, np.newaxis], sprite.rgba[..., 3]
        light = seen * sprite.rgba[..., 0]
        brighter.append((rows * light).sum() / light.sum() < (rows * seen).sum() / seen.sum())  # light lies above the middle
    assert np.mean(brighter) == 1.0 if upright else np.mean(brighter) < 0.8


@pytest.mark.parametrize("side, radius", [(32, 3), (33, 4), (32, 20)])
def test_pictures_are_cut_about_their_own_middle(side, radius):
    picture = np.zeros((1, side, side, 4), np.float32)
    offset = np.abs(np.arange(side) + 0.5 - side / 2)
    picture[0, np.maximum(offset[:, np.newaxis], offset) < radius] = 1.0
    cut, found = sprites._central(picture)
    assert cut.shape[1] == 2 * found and cut.sum() == picture.sum()
    np.testing.assert_array_equal(cut, cut[:, ::-1, ::-1])
