"""Deformed instances keep their area, become longer and bent, and stay inside of their pictures."""

import cv2
import numpy as np

from counting import deformation, sprites
from evaluation import instances


def disks(count, *, radius=12, side=32):
    """RGBA pictures of a disk in the middle."""
    offsets = np.arange(side) + 0.5 - side / 2
    inside = np.hypot(offsets, offsets[:, np.newaxis]) <= radius
    pictures = np.zeros((count, side, side, 4), np.float32)
    pictures[..., :3] = 0.5
    pictures[..., 3] = inside
    return pictures


def deformed(pictures, **given):
    return deformation.deformed(pictures, rng=np.random.default_rng(0), **given)


def test_stretched_instances_keep_their_area_and_are_up_to_so_much_longer():
    found = deformed(disks(60), max_stretch=3.0, max_bend=0.0)
    binary = found[..., 3] >= 0.5
    lengths = np.array([instances.elongations(one[np.newaxis])[0] for one in binary])
    np.testing.assert_allclose(found[..., 3].sum(axis=(1, 2)), disks(1)[..., 3].sum(), rtol=0.03)
    assert 1.0 <= lengths.min() < 1.2 and 2.6 < lengths.max() < 3.1
    np.testing.assert_allclose(np.median(lengths), np.sqrt(3.0), atol=0.3)  # logarithms are uniform
    assert not found[:, [0, -1], :, 3].any() and not found[:, :, [0, -1], 3].any()
    np.testing.assert_allclose(found[..., :3][binary], 0.5)


def test_bent_instances_are_hollow_on_one_side_and_round_ones_stay():
    straight, bent = (deformed(disks(60), max_stretch=3.0, max_bend=bend)[..., 3] >= 0.5 for bend in (0.0, 0.6))
    np.testing.assert_allclose(bent.sum(axis=(1, 2)), disks(1)[..., 3].sum(), rtol=0.04)
    assert instances.is_single_piece(bent).all()
    solid, hollow = (np.array([hull_share(mask) for mask in masks]) for masks in (straight, bent))
    assert solid.min() > 0.9 and hollow.min() < 0.85
    lengths = instances.elongations(straight)
    assert (hollow[lengths < 1.2] > 0.9).all()
    assert not bent[:, [0, -1]].any() and not bent[:, :, [0, -1]].any()


def hull_share(mask):
    """Area of a mask, as a share of that of its convex hull."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, cv2.convexHull(points), 1)
    return mask.sum() / drawn.sum()


def test_of_few_instances_many_sprites_are_made_where_they_are_deformed():
    few = dict(scales=(1.0, 1.0), upright=False, shadow_strength=0.0, seed=0)
    assert len(sprites.make(disks(3), **few)) == 3 * sprites.VARIANTS
    made = sprites.make(disks(3), **few, max_stretch=2.0)
    assert len(made) >= sprites.LEAST_DEFORMED
    areas = np.array([sprite.rgba[..., 3].sum() for sprite in made])
    np.testing.assert_allclose(areas, disks(1)[..., 3].sum(), rtol=0.05)  # nothing is cut off
