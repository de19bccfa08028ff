"""Pixel-adaptive refinement of masks (S20)."""

import numpy as np
import pytest
import tensorflow as tf

from extensions import refinement


def refined(masks, images, *, iterations):
    return refinement.refine_masks(tf.constant(masks, tf.float32), tf.constant(images, tf.float32),
                                   iterations=iterations).numpy()


def one_pixel_by_hand(mask, image, *, row, column):
    """One iteration at one pixel, far from the borders, from the docstring's formula."""
    places = [(row + down * dilation, column + right * dilation) for dilation in refinement.DILATIONS
              for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    colours = np.array([image[place] for place in places])
    deviation = np.std(np.vstack([colours, image[row, column]]), axis=0)
    logits = -np.mean(np.abs(colours - image[row, column]) / (0.1 * deviation), axis=1)
    weights = np.exp(logits - logits.max())
    return np.sum(weights / weights.sum() * np.array([mask[place][0] for place in places]))


def square(size=48, low=12, high=36):
    """A bright textured square on a dark textured ground, and its mask."""
    generator = np.random.default_rng(0)
    mask = np.zeros([1, size, size, 1])
    mask[:, low:high, low:high] = 1
    image = 0.2 + 0.5 * mask * [1.0, 0.8, 0.3] + 0.05 * generator.standard_normal([1, size, size, 3])
    return mask, np.clip(image, 0, 1)


def test_one_iteration_is_the_weighted_mean_of_the_formula():
    _, image = square()
    mask = np.random.default_rng(1).uniform(size=[1, 48, 48, 1])
    found = refined(mask, image, iterations=1)
    for row, column in ((20, 20), (13, 30), (12, 24)):
        assert found[0, row, column, 0] == pytest.approx(one_pixel_by_hand(mask[0], image[0], row=row, column=column),
                                                         abs=1e-4)


def test_a_mask_that_is_a_few_pixels_off_finds_the_edge():
    mask, image = square()
    shifted = np.roll(mask, (3, -3), axis=(1, 2))
    found = refined(shifted, image, iterations=10) > 0.5

    def overlap(masks):
        return np.sum((masks > 0) & (mask > 0)) / np.sum((masks > 0) | (mask > 0))

    assert overlap(shifted) < 0.65
    assert overlap(found) > 0.95


def test_uniform_masks_and_uniform_pictures_stay_finite_and_in_range():
    mask, image = square()
    np.testing.assert_allclose(refined(np.full_like(mask, 0.3), image, iterations=10), 0.3, atol=1e-5)
    flat = refined(mask, np.full_like(image, 0.5), iterations=10)
    assert np.isfinite(flat).all() and flat.min() >= 0 and flat.max() <= 1 + 1e-6


def test_full_masks_stay_in_range_to_the_last_bit():
    images = np.random.default_rng(1).uniform(size=[2, 64, 64, 3])
    assert refined(np.ones([2, 64, 64, 1]), images, iterations=10).max() <= 1.0


def test_no_iteration_changes_nothing_and_fewer_is_refused():
    mask, image = square()
    np.testing.assert_array_equal(refined(mask, image, iterations=0), mask)
    with pytest.raises(ValueError, match="at least 0"):
        refined(mask, image, iterations=-1)


def test_a_threshold_leaves_the_share_of_pixels_that_is_asked_for():
    masks = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1), np.uint8)
    for area in (0.1, 0.5, 0.8):
        threshold = refinement.threshold_of_area(masks, area)
        assert np.mean(masks / 255 > threshold) == pytest.approx(area, abs=0.01)
        sharp = refinement.sharpen_masks(tf.constant(masks / 255, tf.float32), temperature=0.01, threshold=threshold)
        assert np.mean(sharp) == pytest.approx(area, abs=0.02)
    with pytest.raises(ValueError, match="strictly between"):
        refinement.sharpen_masks(tf.constant([0.5]), temperature=1.0, threshold=1.0)


def test_sharpened_masks_keep_their_halves():
    masks = tf.constant([0.0, 0.25, 0.5, 0.75, 1.0])
    found = refinement.sharpen_masks(masks, temperature=0.25).numpy()
    expected = masks.numpy()**4 / (masks.numpy()**4 + (1 - masks.numpy())**4)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(refinement.sharpen_masks(masks, temperature=1.0), masks)
    with pytest.raises(ValueError, match="more than 0"):
        refinement.sharpen_masks(masks, temperature=0.0)
