"""Eq. (4): identity, translation by padding and cropping, and the general affine warp."""

import math

import numpy as np
import pytest
import tensorflow as tf

from models.composition import Instance
from models.layout import AffineLayout, IdentityLayout, TranslationLayout


def blob(*, size=16, top=5, left=6, side=4):
    mask = np.zeros([1, 1, size, size, 1], np.float32)
    mask[:, :, top:top + side, left:left + side] = 1.0
    image = np.random.default_rng(0).random([1, 1, size, size, 3], np.float32)
    return Instance(tf.constant(image), tf.constant(mask))


def centroid(mask):
    mask = np.asarray(mask)[0, 0, :, :, 0]
    rows, columns = np.indices(mask.shape)
    return np.array([(rows * mask).sum(), (columns * mask).sum()]) / mask.sum()


def test_identity_layout_leaves_instances_alone():
    instance = blob()
    warped = IdentityLayout().warp(instance, None)
    np.testing.assert_array_equal(warped.image, instance.image)
    np.testing.assert_array_equal(warped.mask, instance.mask)


@pytest.mark.parametrize("down, right", [(0, 0), (3, -2), (-5, 5)])
def test_a_shift_moves_the_centroid_by_as_much(down, right):
    instance = blob()
    warped = TranslationLayout(padding=5).warp(instance, tf.constant([[[down, right]]]))
    np.testing.assert_allclose(centroid(warped.mask) - centroid(instance.mask), [down, right], atol=1e-5)


def test_translation_moves_appearance_and_mask_together_and_brings_in_nothing():
    instance = blob()
    warped = TranslationLayout(padding=4).warp(instance, tf.constant([[[4, 1]]]))
    for before, after in zip(instance, warped):
        expected = np.zeros_like(before)
        expected[:, :, 4:, 1:] = np.asarray(before)[:, :, :-4, :-1]
        np.testing.assert_array_equal(after, expected)


def test_translations_are_uniform_whole_pixels_independent_per_instance_and_repeatable():
    layout = TranslationLayout(padding=2)
    drawn = layout.sample([50, 40], seed=[1, 2]).numpy()
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    np.testing.assert_allclose(counts / drawn.size, 0.2, atol=0.03)
    assert abs(np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(drawn, layout.sample([50, 40], seed=[1, 2]))
    assert (drawn != layout.sample([50, 40], seed=[1, 3]).numpy()).any()


def test_translation_passes_gradients_back_to_where_pixels_came_from():
    mask = tf.Variable(blob().mask)
    with tf.GradientTape() as tape:
        warped = TranslationLayout(padding=3).warp(Instance(blob().image, mask), tf.constant([[[3, 0]]]))
        total = tf.reduce_sum(warped.mask)
    gradient = tf.convert_to_tensor(tape.gradient(total, mask)).numpy()[0, 0, :, :, 0]
    assert gradient[:-3].min() == 1.0 and gradient[-3:].max() == 0.0  # the lowest rows left the picture


def test_affine_without_motion_is_the_identity():
    instance, layout = blob(), AffineLayout()
    warped = layout.warp(instance, layout.sample([1, 1], seed=[0, 0]))
    np.testing.assert_allclose(warped.image, instance.image, atol=1e-5)
    np.testing.assert_allclose(warped.mask, instance.mask, atol=1e-5)


def test_affine_translation_agrees_with_the_pad_and_crop_translation():
    instance = blob()
    matrix = tf.constant([[[[1.0, 0.0, -2 * 3 / 16], [0.0, 1.0, 2 * 2 / 16]]]])  # right by 3, up by 2
    warped = AffineLayout().warp(instance, matrix)
    expected = TranslationLayout(padding=4).warp(instance, tf.constant([[[-2, 3]]]))
    np.testing.assert_allclose(warped.mask, expected.mask, atol=1e-5)
    np.testing.assert_allclose(warped.image, expected.image, atol=1e-5)


def test_affine_quarter_turn_agrees_with_numpy():
    instance = blob()
    cos, sin = math.cos(math.pi / 2), math.sin(math.pi / 2)
    warped = AffineLayout().warp(instance, tf.constant([[[[cos, sin, 0.0], [-sin, cos, 0.0]]]]))
    np.testing.assert_allclose(warped.mask, np.rot90(instance.mask, k=-1, axes=(2, 3)), atol=1e-4)


def test_affine_magnification_scales_the_area_and_half_a_pixel_is_interpolated():
    layout = AffineLayout(scale_range=(2.0, 2.0))
    instance = blob(top=6, left=6)
    warped = layout.warp(instance, layout.sample([1, 1], seed=[0, 0]))
    assert float(tf.reduce_sum(warped.mask)) == pytest.approx(4 * 16, rel=0.02)
    half = AffineLayout().warp(instance, tf.constant([[[[1.0, 0.0, -1 / 16], [0.0, 1.0, 0.0]]]]))
    np.testing.assert_allclose(np.asarray(half.mask)[0, 0, 7, 5:12, 0], [0, 0.5, 1, 1, 1, 0.5, 0], atol=1e-5)


def test_affine_gradient_reaches_mask_and_warp():
    mask, matrix = tf.Variable(blob().mask), tf.Variable([[[[1.0, 0.0, 0.03], [0.0, 1.0, 0.02]]]])
    ramp = tf.reshape(tf.range(16.0), [1, 1, 16, 1, 1])
    with tf.GradientTape() as tape:
        warped = AffineLayout().warp(Instance(blob().image, mask), matrix)
        loss = tf.reduce_sum(warped.mask * ramp)
    for gradient in tape.gradient(loss, [mask, matrix]):
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0


@pytest.mark.parametrize("layout, delta_r", [
    (TranslationLayout(padding=9), tf.constant([[[9, -3]]])),  # a row of the blob leaves the window
    (AffineLayout(), tf.constant([[[[0.6, 0.3, 0.1], [-0.3, 0.6, -0.9]]]])),
], ids=["translation", "affine"])
def test_a_margin_shows_what_lies_about_the_window(layout, delta_r):
    instance = blob()
    narrow, wide = layout.warp(instance, delta_r), layout.warp(instance, delta_r, margin=7)
    for inside, about in zip(narrow, wide):
        assert about.shape[2:4] == (30, 30)
        np.testing.assert_allclose(about[:, :, 7:-7, 7:-7], inside, atol=1e-6)
    assert float(tf.reduce_sum(wide.mask)) > float(tf.reduce_sum(narrow.mask)) + 1


def test_impossible_layouts_are_refused():
    with pytest.raises(ValueError, match="padding is -1 pixels"):
        TranslationLayout(padding=-1)
    with pytest.raises(ValueError, match="scale range"):
        AffineLayout(scale_range=(0.0, 1.0))
