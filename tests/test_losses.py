"""Eq. (6), Eq. (7)'s two terms and S12's schedule, by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

import losses


def logit(probability):
    return math.log(probability / (1 - probability))


def masks_of_areas(*areas):
    """One layer of masks of 10x10 pixels, each with its area as hard pixels. [1, B, 10, 10, 1]"""
    masks = np.zeros([1, len(areas), 100], np.float32)
    for index, area in enumerate(areas):
        masks[0, index, :round(100 * area)] = 1.0
    return tf.constant(masks.reshape([1, len(areas), 10, 10, 1]))


def test_equation_6_by_hand():
    real, fake = tf.constant([[logit(0.8)], [logit(0.5)]]), tf.constant([[logit(0.25)], [logit(0.1)]])
    assert float(losses.discriminator_real_loss(real)) == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 2, rel=1e-5)
    assert float(losses.discriminator_fake_loss(fake)) == pytest.approx(-(math.log(0.75) + math.log(0.9)) / 2, rel=1e-5)


def test_equation_6_at_chance_is_twice_log_two_and_averages_over_the_score_map():
    scores = tf.zeros([3, 8, 8, 1])
    total = losses.discriminator_real_loss(scores) + losses.discriminator_fake_loss(scores)
    assert float(total) == pytest.approx(2 * math.log(2), rel=1e-6)


def test_generators_term_is_not_saturating_and_falls_as_composites_look_real():
    loss = losses.generator_adversarial_loss(tf.constant([logit(0.2)]))
    assert float(loss) == pytest.approx(-math.log(0.2), rel=1e-5)
    score = tf.Variable(-10.0)  # surely fake: log(1 - D) would have a gradient of 5e-5 here
    with tf.GradientTape() as tape:
        loss = losses.generator_adversarial_loss(score)
    assert float(tape.gradient(loss, score)) == pytest.approx(-1.0, abs=1e-3)


def test_losses_stay_finite_at_huge_scores():
    huge = tf.constant([1e4, -1e4])
    for loss in (losses.discriminator_real_loss, losses.discriminator_fake_loss, losses.generator_adversarial_loss):
        assert np.isfinite(float(loss(huge)))


@pytest.mark.parametrize("kind, expected", [
    ("per_mask", ((0.4 - 0.25) ** 2 + (0.2 - 0.25) ** 2) / 2),  # 0.0125
    ("batch_mean", (0.3 - 0.25) ** 2),  # 0.0025
    ("above", (0.4 - 0.25) ** 2 / 2),  # 0.01125
])
def test_area_penalty_by_hand(kind, expected):
    penalty = losses.mask_area_penalty(masks_of_areas(0.4, 0.2), area=0.25, kind=kind)
    assert float(penalty) == pytest.approx(expected, rel=1e-4)


def test_area_penalty_averages_over_layers_and_images_alike():
    masks = masks_of_areas(0.4, 0.2, 0.9, 0.1)
    stacked = tf.reshape(masks, [2, 2, 10, 10, 1])
    assert float(losses.mask_area_penalty(stacked, area=0.3)) == pytest.approx(
        float(losses.mask_area_penalty(masks, area=0.3)), rel=1e-6)


def test_area_is_the_mean_of_a_soft_mask():
    np.testing.assert_allclose(losses.mask_areas(tf.fill([2, 3, 4, 4, 1], 0.3)), np.full([2, 3], 0.3), rtol=1e-6)


def test_unknown_area_penalty_is_refused():
    with pytest.raises(ValueError, match="kind of area penalty is 'below', expected one of per_mask"):
        losses.mask_area_penalty(masks_of_areas(0.1), area=0.2, kind="below")


def test_information_loss_by_hand():
    latents = tf.constant([[1.0, 0.0], [-1.0, 0.5]])
    estimates = tf.constant([[0.0, 0.0], [-1.0, -0.5]])
    assert float(losses.information_loss(latents, estimates)) == pytest.approx((1 + 0 + 0 + 1) / 4, rel=1e-6)
    assert float(losses.information_loss(latents, latents)) == 0.0


def test_information_loss_of_no_idea_is_the_latents_variance_of_a_third():
    latents = tf.random.stateless_uniform([20_000, 3], [1, 2], -1.0, 1.0)
    assert float(losses.information_loss(latents, tf.zeros_like(latents))) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("difference, expected", [
    (0.0, 0.0), (0.1, 0.04), (-0.1, 0.04), (0.25, 0.25), (-0.25, 0.25), (0.249999, 0.249998), (0.5, 0.5), (-1.0, 1.0)])
def test_smooth_l1_by_hand_and_whole_at_its_joint(difference, expected):
    assert float(losses.smooth_l1(tf.constant(difference))) == pytest.approx(expected, abs=1e-6)


def test_distillation_loss_is_the_mean_over_pixels():
    masks = tf.constant([0.5, 0.5, 0.0, 1.0], shape=[1, 2, 2, 1])
    labels = tf.constant([0.4, 0.5, 1.0, 0.5], shape=[1, 2, 2, 1])
    assert float(losses.distillation_loss(masks, labels)) == pytest.approx((0.04 + 0.0 + 1.0 + 0.5) / 4, abs=1e-6)
