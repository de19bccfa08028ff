"""Cropping, many images at a time, and the range conversions."""

import numpy as np
import pytest
import tensorflow as tf

from data import images
from data.images import Photograph
from data.windows import Window, crop_window, take_window
from errors import UserError
from pictures import gradient, save


def test_all_broken_pictures_are_named_and_each_once(tmp_path):
    paths = [save(tmp_path / f"{name}.png", gradient(4, 6)) for name in "abc"]
    for name in "ac":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    photographs = [Photograph(path, path, (0, 0, 2, 2), None) for path in paths for _ in range(2)]
    with pytest.raises(UserError) as caught:
        images.load_crops(photographs, size=4, crop_mode="box")
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 files or boxes cannot be used:" and len(lines) == 3
    assert lines[1].startswith(f"{paths[0]} could not be read") and lines[2].startswith(f"{paths[2]} could not be read")


def test_of_many_broken_pictures_ten_are_named_and_the_rest_is_counted(tmp_path):
    for number in range(13):
        (tmp_path / f"{number:02d}.png").write_bytes(b"broken")
    photographs = [Photograph(path.name, str(path), None, None) for path in sorted(tmp_path.iterdir())]
    for count, rest in ((10, []), (13, ["and 3 more."])):
        with pytest.raises(UserError) as caught:
            images.load_crops(photographs[:count], size=4, crop_mode="box")
        lines = str(caught.value).splitlines()
        assert lines[0] == f"{count} files or boxes cannot be used:" and lines[11:] == rest
        assert all(f"{number:02d}.png could not be read" in line for number, line in enumerate(lines[1:11]))


def test_tight_box_is_rounded_outward_and_clipped():
    window = crop_window(box=(1.2, -3.0, 2.5, 5.1), image_size=(10, 20), crop_mode="box")
    assert window == Window(left=1, top=0, right=4, bottom=3)


def test_tight_crop_of_box_size_is_the_box():
    cropped = images.crop(gradient(20, 30), box=(5, 6, 8, 8), crop_mode="box", size=8)
    np.testing.assert_array_equal(cropped, gradient(20, 30)[6:14, 5:13])


def test_crop_without_box_is_the_whole_image():
    np.testing.assert_array_equal(
        images.crop(gradient(12, 12), box=None, crop_mode="box", size=12), gradient(12, 12)
    )


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((40, 40, 20, 10), Window(35, 30, 65, 60)),  # side 30 about (50, 45)
        ((0, 0, 20, 10), Window(0, 0, 30, 30)),  # shifted inside
        ((90, 95, 10, 5), Window(85, 85, 100, 100)),
        ((0, 10, 100, 20), Window(-25, -50, 125, 100)),  # larger than the image: contains it
    ],
    ids=["inside", "first corner", "last corner", "larger"],
)
def test_square_window_is_one_and_a_half_boxes_inside_where_it_fits(box, window):
    assert crop_window(box=box, image_size=(100, 100), crop_mode="square") == window


def test_square_window_without_box_has_the_longer_side_and_no_margin():
    assert crop_window(box=None, image_size=(10, 40), crop_mode="square") == Window(0, -15, 40, 25)


def test_beyond_the_border_the_image_is_reflected():
    row = np.array([[10, 20, 30]], np.float32)
    taken = take_window(row, Window(-7, -4, 8, 11), size=15)
    expected = np.pad(row, ((0, 0), (7, 5)), mode="reflect")[0]
    np.testing.assert_array_equal(taken, np.tile(expected, (15, 1)))


def test_reduction_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    cropped = images.crop(stripes, box=None, crop_mode="box", size=8)
    assert np.all(np.abs(cropped.astype(int) - 127) <= 8)


@pytest.mark.parametrize(
    "box", [(50, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, -1), (float("nan"), 0, 5, 5), (-9, 0, 9, 5)]
)
def test_box_without_area_in_the_image_is_refused_by_name(box):
    with pytest.raises(UserError, match=r"The box of cat\.jpg .* has no area inside the image of 50x40 pixels"):
        images.crop(gradient(40, 50), box=box, crop_mode="box", size=8, name="cat.jpg")


def test_unknown_crop_mode_is_refused():
    with pytest.raises(ValueError, match="crop_mode is 'tight'"):
        crop_window(box=None, image_size=(4, 4), crop_mode="tight")


def test_crops_keep_the_order_of_the_photographs(tmp_path):
    photographs = []
    for level in range(20):
        path = save(tmp_path / f"{level}.png", np.full((5 + level, 9, 3), level, np.uint8))
        photographs.append(Photograph(str(level), path, None, None))
    crops = images.load_crops(photographs, size=4, crop_mode="box")
    assert crops.shape == (20, 4, 4, 3) and crops.dtype == np.uint8
    np.testing.assert_array_equal(crops[:, 0, 0, 0], np.arange(20))


def test_known_values_of_the_range_conversions():
    unit = images.to_unit_range(tf.constant([0, 51, 255], tf.uint8))
    np.testing.assert_allclose(unit, [0.0, 0.2, 1.0], rtol=1e-6)
    np.testing.assert_allclose(images.to_network_range(unit), [-1.0, -0.6, 1.0], rtol=1e-6)


def test_uint8_survives_the_unit_range():
    levels = tf.reshape(tf.range(256), [2, 8, 16])
    levels = tf.cast(levels, tf.uint8)
    np.testing.assert_array_equal(images.to_uint8(images.to_unit_range(levels)), levels)


def test_to_uint8_rounds_and_clips():
    np.testing.assert_array_equal(images.to_uint8(tf.constant([-0.5, 0.5 / 256, 0.6 / 255, 2.0])), [0, 0, 1, 255])


def test_to_unit_range_refuses_what_is_not_uint8():
    with pytest.raises(ValueError, match="takes uint8, got float32"):
        images.to_unit_range(tf.zeros([2]))


def test_channel_statistics_are_those_of_all_pixels_together():
    pictures = [np.random.default_rng(seed).integers(0, 50 * seed, [8 * seed, 9, 3], np.uint8) for seed in (1, 2, 3)]
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255.0
    means, deviations = images.channel_statistics(pictures)
    np.testing.assert_allclose(means, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(deviations, pixels.std(axis=0), rtol=1e-9)


def test_a_channel_without_contrast_has_a_deviation_to_divide_by():
    means, deviations = images.channel_statistics([np.full([4, 4, 3], 51, np.uint8)])
    np.testing.assert_allclose(means, 0.2)
    np.testing.assert_allclose(deviations, 1.0 / 255.0)


def test_a_square_is_scaled_about_its_middle():
    square = np.zeros((8, 8, 2))
    square[2:6, 1:7, 0], square[..., 1] = 1.0, 0.5
    np.testing.assert_array_equal(images.scaled(square, 1.0), square)
    doubled = images.scaled(square[..., 0], 2.0)
    assert doubled.shape == (16, 16) and doubled.sum() == pytest.approx(4 * square[..., 0].sum())
    np.testing.assert_allclose(doubled, doubled[::-1, ::-1], atol=1e-5)
    placed = images.scaled(square, 1.5, size=20)
    assert placed.shape == (20, 20, 2) and (placed[:3] == 0).all() and placed[10, 10, 1] == 0.5
    assert placed[..., 0].sum() == pytest.approx(1.5**2 * square[..., 0].sum())
