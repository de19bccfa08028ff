"""Flat-field correction: light that changes slowly goes, things and the picture's mean stay."""

import cv2
import numpy as np

from data import hoc, illumination, synthetic

SIGMA = 40.0


def lit_from_one_side(picture):
    light = np.linspace(0.4, 1.0, picture.shape[1])[np.newaxis, :, np.newaxis]
    return np.rint(picture * light).astype(np.uint8)


def halves(picture):
    middle = picture.shape[1] // 2
    return picture[:, :middle].mean(), picture[:, middle:].mean()


def test_light_from_one_side_is_evened_out():
    lit = lit_from_one_side(synthetic.drawn_cluster("ellipses", size=256, seed=0)[0])
    dark, bright = halves(lit)
    left, right = halves(illumination.flat_field(lit, sigma=SIGMA))
    assert bright > 1.4 * dark
    assert abs(right - left) < 0.1 * left


def test_things_stay():
    picture = synthetic.drawn_cluster("ellipses", size=256, seed=0)[0]
    evened = illumination.flat_field(picture, sigma=SIGMA)
    assert evened.shape == picture.shape and evened.dtype == np.uint8
    np.testing.assert_allclose(evened.mean(axis=(0, 1)), picture.mean(axis=(0, 1)), rtol=0.05)
    detail, kept = (p - cv2.GaussianBlur(p, (0, 0), 8.0) for p in (picture.astype(np.float32), evened.astype(np.float32)))
    assert np.corrcoef(detail.ravel(), kept.ravel())[0, 1] > 0.95


def test_black_parts_stay_finite_and_black():
    picture = np.zeros([96, 96, 3], np.uint8)
    picture[:, 80:] = 200
    evened = illumination.flat_field(picture, sigma=4.0)
    assert evened[:, :40].max() == 0 and evened[:, 90:].min() > 0


def test_none_leaves_the_picture_and_windows_are_the_unit():
    picture = lit_from_one_side(synthetic.drawn_cluster("ellipses", size=256, seed=0)[0])
    assert hoc.relit(picture, illumination.Light()) is picture
    expected = illumination.flat_field(picture, sigma=0.5 * hoc.WINDOW)
    np.testing.assert_array_equal(hoc.relit(picture, illumination.Light(flat_field=0.5)), expected)


def test_gamma_brightens_what_is_shaded_and_keeps_black_and_white():
    picture = np.array([0, 16, 64, 255], np.uint8).reshape(2, 2, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(illumination.gamma_corrected(picture, 0.5)[..., 0], [[0, 64], [128, 255]])
    assert illumination.gamma_corrected(picture, 1.0) is picture
    np.testing.assert_array_equal(hoc.relit(picture, illumination.Light(gamma=0.5)), illumination.gamma_corrected(picture, 0.5))
