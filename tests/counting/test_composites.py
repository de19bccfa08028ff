"""Composites of known instances: who is seen where, and that they are the scenes of Eq. (5)."""

import numpy as np
import pytest
import tensorflow as tf

from counting import composites, sprites
from counting.composites import Placed, Recipe
from counting.sprites import Sprite
from models import composition
from models.composition import Instance


def square(colour, *, size=4, alpha=1.0, opacity=0.0):
    """A sprite of one colour."""
    rgba = np.concatenate([np.full((size, size, 3), colour), np.full((size, size, 1), alpha)], axis=-1)
    return Sprite(rgba.astype(np.float32), np.full((size, size), opacity, np.float32), (size // 2, size // 2))


def disks(count=6, size=32):
    """RGBA disks of several radii and colours."""
    offset = np.arange(size) + 0.5 - size / 2
    distance = np.hypot(offset[:, np.newaxis], offset)
    made = [np.dstack([np.full((size, size, 3), 0.3 + 0.1 * index), np.clip(5.5 + 0.5 * index - distance, 0, 1)])
            for index in range(count)]
    return np.stack(made).astype(np.float32)


def full_masks(composite):
    """The masks of whole instances inside of a composite, bool [k, H, W]."""
    masks = np.zeros((len(composite.shapes), *composite.labels.shape), bool)
    for mask, (top, left, pixels) in zip(masks, composite.shapes):
        mask[top:top + pixels.shape[0], left:left + pixels.shape[1]] = pixels
    return masks


def test_a_scene_of_two_has_the_labels_that_it_was_made_with():
    scene = composites.compose([Placed(square(0.2), 1, 1), Placed(square(0.8), 3, 2)], size=8, min_visible=0.2)
    expected = np.zeros((8, 8), int)
    expected[1:5, 1:5], expected[3:7, 2:6] = 1, 2  # the second lies above the first
    np.testing.assert_array_equal(scene.labels, expected)
    assert full_masks(scene).sum(axis=(1, 2)).tolist() == [16, 16]
    assert np.bincount(scene.labels.ravel())[1:].tolist() == [10, 16]  # what is seen is below the whole
    np.testing.assert_array_equal(scene.image[expected == 1], 51)
    np.testing.assert_array_equal(scene.image[expected == 2], 204)
    assert not scene.image[expected == 0].any()


def test_a_scene_is_composed_as_by_the_composition_module():
    rng = np.random.default_rng(0)
    sprites = [Sprite(rng.random((5, 5, 4), np.float32), rng.random((5, 5), np.float32), (2, 2)) for _ in range(3)]
    image = composites.compose([Placed(sprite, 1, 1) for sprite in sprites], size=7, min_visible=0.0).image
    layers = []
    for sprite in sprites:
        layers += [np.dstack([np.zeros((5, 5, 3)), sprite.shadow]), sprite.rgba]
    layers = composition.split_rgba(tf.constant(np.stack(layers)[:, np.newaxis], tf.float32))
    expected = 255.0 * composition.composite(Instance(*layers))[0].numpy()
    np.testing.assert_allclose(image[1:6, 1:6], expected, atol=0.51)


def test_the_largest_contribution_wins_where_the_instance_itself_is_not_faint():
    alphas = np.array([[[0.9, 0.9, 0.4, 0.0]], [[0.4, 0.6, 0.4, 0.4]]])
    np.testing.assert_array_equal(composites.visible_labels(alphas, min_visible=0.0), [[1, 2, 0, 0]])


def test_fragments_become_ground():
    alphas = np.zeros((2, 1, 10))
    alphas[0], alphas[1, :, :9] = 1.0, 1.0
    assert composites.visible_labels(alphas, min_visible=0.15).tolist() == [[2] * 9 + [0]]
    assert composites.visible_labels(alphas, min_visible=0.05).tolist() == [[2] * 9 + [1]]
    assert composites.visible_labels(alphas[:0], min_visible=0.1).tolist() == [[0] * 10]


def test_a_shadow_darkens_what_is_below_and_not_the_instance():
    ground, above = square(0.8, size=8), square(0.8, size=4, opacity=0.5)
    above = above._replace(rgba=np.where(np.arange(4)[:, np.newaxis, np.newaxis] < 2, above.rgba, 0.0))
    image = composites.compose([Placed(ground, 0, 0), Placed(above, 2, 2)], size=8, min_visible=0.0).image
    assert image[2, 2, 0] == 204 and image[4, 2, 0] == 102 and image[0, 0, 0] == 204


def test_a_dense_composite_has_no_ground_and_a_black_one_has():
    dense, = composites.make(disks(), Recipe(size=64, shadow_strength=0.0, min_visible=0.0), count=1, seed=0)
    assert (dense.labels == 0).mean() < 2 * composites.MOST_UNCOVERED
    numbers = set()
    for made in composites.make(disks(), Recipe(size=64, ground="black", shadow_strength=0.0), count=6, seed=0):
        numbers.add(len(made.shapes))
        assert np.median(made.image[~full_masks(made).any(axis=0)]) == 0  # black but for soft edges
    assert len(numbers) > 2


def test_equal_seeds_make_equal_composites_and_the_number_is_any():
    first, again, other = (list(composites.make(disks(), Recipe(size=64), count=count, seed=seed))
                           for count, seed in ((2, 3), (3, 3), (2, 4)))
    for one, two in zip(first, again):
        for name in ("image", "labels"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(full_masks(one), full_masks(two))
    assert not np.array_equal(first[0].image, first[1].image)
    assert not np.array_equal(first[0].image, other[0].image)


def test_the_median_diameter_is_that_of_a_disk_of_as_many_pixels():
    square = np.zeros((1, 32, 32, 4), np.float32)
    square[0, 2:30, 2:30] = 1.0
    assert composites.median_diameter(square) == pytest.approx(2 * 28 / np.pi**0.5)


def test_what_no_composite_can_be_made_of_is_refused():
    with pytest.raises(ValueError, match="ground is 'grey'"):
        Recipe(ground="grey")
    with pytest.raises(ValueError, match="scales"):
        Recipe(min_scale=2.0)
    with pytest.raises(ValueError, match="max_stretch is 0.5, at least 1, and max_bend"):
        Recipe(max_stretch=0.5)
    with pytest.raises(ValueError, match="no instance"):
        list(composites.make(np.zeros((2, 32, 32, 4), np.float32), Recipe(), count=1, seed=0))


def test_instances_on_black_are_as_far_apart_as_the_spacing_says():
    recipe = Recipe(size=96, ground="black", min_scale=1.0, max_scale=1.0, shadow_strength=0.0, spacing=1.0)
    available = sprites.make(disks(count=1), scales=(1.0, 1.0), upright=False, shadow_strength=0.0, seed=0)
    for seed in range(3):
        placed = composites.arrange(available, recipe, rng=np.random.default_rng(seed))
        middles = np.array([[one.row + one.sprite.centre[0], one.column + one.sprite.centre[1]] for one in placed])
        distances = np.linalg.norm(middles[:, np.newaxis] - middles, axis=-1)[np.triu_indices(len(placed), k=1)]
        assert len(placed) < 2 or distances.min() >= 9.0  # disks of radius 5.5, in whole pixels


def test_a_heap_has_instances_below_those_that_are_well_apart():
    recipe = Recipe(size=64, min_scale=1.0, max_scale=1.0, shadow_strength=0.0, spacing=1.0, min_visible=0.0)
    one = next(composites.make(disks(count=1), recipe, count=1, seed=0))
    seen = np.bincount(one.labels.ravel(), minlength=len(one.shapes) + 1)[1:]
    inside = full_masks(one).sum(axis=(1, 2)) >= 80  # not cut by the border; a whole disk has about 95 pixels
    assert (one.labels == 0).mean() < 0.05
    assert (seen[inside] >= 80).sum() >= 5 and (seen[inside] < 50).sum() >= 5


def test_the_ground_may_be_a_picture():
    recipe = Recipe(size=32, ground="own", shadow_strength=0.0)
    one = next(composites.make(disks(), recipe, count=1, seed=0, ground=np.full((40, 50, 3), 99, np.uint8)))
    assert (one.image[full_masks(one).sum(axis=0) == 0] >= 70).all() and (one.labels == 0).any()
    with pytest.raises(ValueError, match="a picture of at least 32 pixels"):
        next(composites.make(disks(), recipe, count=1, seed=0))
