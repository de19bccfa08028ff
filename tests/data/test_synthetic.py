"""Drawn scenes."""

import numpy as np
import pytest

from data import synthetic


@pytest.mark.parametrize("size", [16, 64])
def test_shapes_ranges_and_mask_areas(size):
    images, masks, backgrounds = synthetic.drawn_photographs(num_images=40, size=size, seed=0)
    assert images.shape == (40, size, size, 3) and images.dtype == np.uint8
    assert masks.shape == (40, size, size, 1) and masks.dtype == np.uint8 and set(np.unique(masks)) == {0, 1}
    areas = masks.mean(axis=(1, 2, 3))
    assert 0.12 <= areas.min() and areas.max() <= 0.3 and areas.std() > 0.02
    assert len(backgrounds) == 40
    for background in backgrounds:
        assert background.dtype == np.uint8 and background.shape[2] == 3
        assert all(1.25 * size <= length <= 2 * size for length in background.shape[:2])


def test_foregrounds_lie_off_the_centre_so_that_no_centred_mask_fits():
    _, masks, _ = synthetic.drawn_photographs(num_images=40, size=64, seed=1)
    rows = (np.arange(64) + 0.5) / 64
    centroids = (masks[..., 0] * rows[:, np.newaxis]).sum(axis=(1, 2)) / masks.sum(axis=(1, 2, 3))
    assert 0.3 < centroids.min() < 0.4 and 0.6 < centroids.max() < 0.7


def test_equal_seeds_draw_equal_scenes_and_others_do_not():
    first, again, other = (synthetic.drawn_photographs(num_images=3, size=32, seed=seed) for seed in (5, 5, 6))
    for one, same in zip(first[:2], again[:2]):
        np.testing.assert_array_equal(one, same)
    for one, same in zip(first[2], again[2], strict=True):
        np.testing.assert_array_equal(one, same)
    assert (first[0] != other[0]).any()


def test_foregrounds_are_saturated_and_backgrounds_are_alike_behind_and_apart():
    images, masks, backgrounds = synthetic.drawn_photographs(num_images=60, size=64, seed=2)

    def saturation(pixels):
        brightest = pixels.max(axis=-1).astype(float)
        return np.mean((brightest - pixels.min(axis=-1)) / np.maximum(brightest, 1.0))

    behind = images[masks[..., 0] == 0]
    apart = np.concatenate([background.reshape(-1, 3) for background in backgrounds])
    assert saturation(images[masks[..., 0] == 1]) > saturation(behind) + 0.25
    assert saturation(apart) == pytest.approx(saturation(behind), abs=0.05)
    assert np.abs(apart.mean() - behind.mean()) < 6.0
    assert np.abs(apart.std() - behind.std()) < 6.0


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_a_clusters_picture_is_covered_and_its_shapes_are_known(kind):
    picture, shapes = synthetic.drawn_cluster(kind, seed=0)
    assert picture.shape == (384, 384, 3) and picture.dtype == np.uint8
    assert (picture.max(axis=-1) < 20).mean() < 0.001  # the ground is black, and instances are not
    assert picture.max(axis=-1).std() > 25  # neither are they flat
    assert shapes.dtype == bool and shapes.shape[0] > 500 and shapes.shape[1:] == (48, 48)
    areas = shapes.sum(axis=(1, 2))  # semi-axes between 16 by 11 and 20 by 14 pixels
    assert 0.98 * np.pi * 16 * 11 < areas.min() and areas.max() < 1.02 * np.pi * 20 * 14
    assert areas.mean() == pytest.approx(np.pi * 18 * 12.5, rel=0.02)
    rim = np.ones((48, 48), bool)
    rim[1:-1, 1:-1] = False
    assert not shapes[:, rim].any()  # whole shapes, none cut off


def test_beans_are_bent_and_ellipses_are_not():
    """An ellipse is its own half turn about its middle; a bean is not."""

    def asymmetry(kind):
        _, shapes = synthetic.drawn_cluster(kind, size=64, seed=1)
        return np.mean(shapes != shapes[:, ::-1, ::-1]) / shapes.mean()

    assert asymmetry("ellipses") < 0.01
    assert asymmetry("beans") > 0.1


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_equal_seeds_draw_equal_clusters_of_any_size_and_others_do_not(kind):
    first, again, other = (synthetic.drawn_cluster(kind, size=100, seed=seed) for seed in (5, 5, 6))
    assert first[0].shape == (100, 100, 3)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any() and (first[1] != other[1]).any()


def test_an_unknown_kind_of_cluster_is_refused():
    with pytest.raises(ValueError, match="kind of cluster is 'apples', expected one of ellipses, beans"):
        synthetic.drawn_cluster("apples", seed=0)
