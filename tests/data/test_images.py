"""Decoding, cropping and the range conversions."""

import struct

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin
import pytest
import tensorflow as tf

from data import images
from data.images import Photograph
from data.windows import Window, crop_window, take_window
from errors import UserError


def _gradient(height, width):
    """An image whose red channel is the column and whose green channel is the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=-1)


def _save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return str(path)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    path = _save(tmp_path / "turned.png", _gradient(4, 6), exif=exif)
    loaded = images.load_image(path)
    assert loaded.shape == (6, 4, 3)
    np.testing.assert_array_equal(loaded, np.rot90(_gradient(4, 6), k=-1))


def _damaged_exif(orientation):
    """EXIF that asks for a turn, beside a resolution of undefined type, which Pillow cannot write again."""
    entries = struct.pack("<HHHIHH", 2, 0x0112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x011A, 7, 8, 38)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + entries + bytes(4) + bytes(8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_damaged_metadata_do_no_harm_and_orientation_is_applied(tmp_path, suffix):
    path = _save(tmp_path / f"damaged.{suffix}", _gradient(4, 6), exif=_damaged_exif(6))
    with Image.open(path) as stored:
        expected = np.rot90(np.asarray(stored.convert("RGB")), k=-1)
        with pytest.raises(TypeError):
            ImageOps.exif_transpose(stored)  # else this test would hold nothing
    np.testing.assert_array_equal(images.load_image(path), expected)


def test_metadata_that_are_no_metadata_are_passed_over(tmp_path):
    path = _save(tmp_path / "a.jpg", _gradient(4, 6), exif=b"Exif\0\0no EXIF at all")
    assert images.load_image(path).shape == (4, 6, 3)


@pytest.mark.parametrize("error", [TypeError("bad operand"), KeyError(7), AssertionError(), RecursionError("deep")])
def test_whatever_decoding_raises_names_the_file(tmp_path, monkeypatch, error):
    path = _save(tmp_path / "odd.png", _gradient(4, 6))

    def load(self):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(UserError, match=r"odd\.png could not be read as an image"):
        images.load_image(path)


def test_all_broken_pictures_are_named_and_each_once(tmp_path):
    paths = [_save(tmp_path / f"{name}.png", _gradient(4, 6)) for name in "abc"]
    for name in "ac":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    photographs = [Photograph(path, path, (0, 0, 2, 2), None) for path in paths for _ in range(2)]
    with pytest.raises(UserError) as caught:
        images.load_crops(photographs, size=4, crop_mode="box")
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 files or boxes cannot be used:" and len(lines) == 3
    assert lines[1].startswith(f"{paths[0]} could not be read") and lines[2].startswith(f"{paths[2]} could not be read")


def test_grey_image_has_three_equal_channels(tmp_path):
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    loaded = images.load_image(_save(tmp_path / "grey.png", grey))
    np.testing.assert_array_equal(loaded, np.repeat(grey[..., np.newaxis], 3, axis=-1))


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    loaded = images.load_image(_save(tmp_path / "deep.png", np.array([[0, 257 * 100], [32768, 65535]], np.uint16)))
    np.testing.assert_array_equal(loaded[..., 0], [[0, 100], [128, 255]])


def test_transparent_pixels_become_black(tmp_path):
    rgba = np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)
    loaded = images.load_image(_save(tmp_path / "clear.png", rgba))
    np.testing.assert_array_equal(loaded, [[[200, 100, 50], [0, 0, 0]]])


def test_palette_image_shows_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 150, 100])
    image.putdata([0, 1])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(images.load_image(str(tmp_path / "palette.png")), [[[10, 20, 30], [200, 150, 100]]])


def test_cmyk_image_is_converted(tmp_path):
    Image.new("CMYK", (2, 2), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    np.testing.assert_array_equal(images.load_image(str(tmp_path / "red.tif"))[0, 0], [255, 0, 0])


def test_truncated_jpeg_is_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = open(_save(tmp_path / "whole.jpg", noise), "rb").read()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.jpg could not be read as an image .*truncated"):
        images.load_image(str(tmp_path / "half.jpg"))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(UserError, match=r"odd\.png could not be read as an image"):
        images.load_image(str(tmp_path / "odd.png"))


def test_missing_image_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"no image file .*gone\.png"):
        images.load_image(str(tmp_path / "gone.png"))


def test_floating_point_image_is_refused(tmp_path):
    with pytest.raises(UserError, match="mode F"):
        images.load_image(_save(tmp_path / "float.tif", np.zeros((2, 2), np.float32)))


@pytest.mark.parametrize("limit", [30e-6, 99e-6])
def test_larger_images_than_allowed_are_refused_and_the_flag_is_named(tmp_path, limit):
    path = _save(tmp_path / "large.png", _gradient(10, 10))
    try:
        images.allow_megapixels(limit)
        with pytest.raises(UserError, match=r"large\.png .*--max_megapixels"):
            images.load_image(path)
        images.allow_megapixels(100e-6)
        assert images.load_image(path).shape == (10, 10, 3)
    finally:
        images.allow_megapixels(images.MAX_MEGAPIXELS)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 1, 1]], np.uint8),
        np.array([[127, 128, 255]], np.uint8),
        np.array([[False, True, True]]),
        np.array([[0, 1, 1]], np.uint16),
        np.array([[100, 200, 255]], np.uint16),
        np.array([[32767, 32768, 65535]], np.uint16),
        np.array([[[0, 0, 0], [255, 255, 255], [200, 0, 0]]], np.uint8),
        np.array([[[255, 0], [255, 255], [255, 128]]], np.uint8),
    ],
    ids=["0-1", "8 bits", "1 bit", "16 bits 0-1", "8 in 16 bits", "16 bits", "RGB", "alpha"],
)
def test_mask_of_any_mode_has_its_last_two_pixels_in_front(tmp_path, values):
    mask = images.load_mask(_save(tmp_path / "mask.png", values))
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, [[False, True, True]])


@pytest.mark.parametrize(
    ("indices", "palette"),
    [
        ([0, 1, 1], [level for level in range(256) for _ in range(3)]),
        ([0, 255, 128], [level for level in range(256) for _ in range(3)]),
        ([1, 0, 0], [255, 255, 255, 0, 0, 0]),
        ([0, 1, 2], [0, 0, 0, 128, 0, 0, 0, 128, 0]),
    ],
    ids=["0-1", "0-255", "white first", "class labels"],
)
def test_palette_mask_has_its_last_two_pixels_in_front(tmp_path, indices, palette):
    image = Image.new("P", (3, 1))
    image.putpalette(palette)
    image.putdata(indices)
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(images.load_mask(str(tmp_path / "mask.png")), [[False, True, True]])


def test_tight_box_is_rounded_outward_and_clipped():
    window = crop_window(box=(1.2, -3.0, 2.5, 5.1), image_size=(10, 20), crop_mode="box")
    assert window == Window(left=1, top=0, right=4, bottom=3)


def test_tight_crop_of_box_size_is_the_box():
    cropped = images.crop(_gradient(20, 30), box=(5, 6, 8, 8), crop_mode="box", size=8)
    np.testing.assert_array_equal(cropped, _gradient(20, 30)[6:14, 5:13])


def test_crop_without_box_is_the_whole_image():
    np.testing.assert_array_equal(
        images.crop(_gradient(12, 12), box=None, crop_mode="box", size=12), _gradient(12, 12)
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
        images.crop(_gradient(40, 50), box=box, crop_mode="box", size=8, name="cat.jpg")


def test_unknown_crop_mode_is_refused():
    with pytest.raises(ValueError, match="crop_mode is 'tight'"):
        crop_window(box=None, image_size=(4, 4), crop_mode="tight")


def test_mask_is_cropped_as_its_image(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:45] = 255
    image_path = _save(tmp_path / "image.png", picture)
    mask_path = _save(tmp_path / "mask.png", picture[..., 0])
    photographs = [Photograph("image", image_path, (15.0, 8.0, 40.0, 30.0), mask_path)]
    for mode in ("box", "square"):
        crops = images.load_crops(photographs, size=32, crop_mode=mode)
        masks = images.load_mask_crops(photographs, size=32, crop_mode=mode)
        assert masks.shape == (1, 32, 32, 1) and masks.dtype == np.uint8
        assert masks.min() == 0 and masks.max() == 1
        np.testing.assert_array_equal(masks[..., 0], crops[..., 0] >= 128)


def test_crops_keep_the_order_of_the_photographs(tmp_path):
    photographs = []
    for level in range(20):
        path = _save(tmp_path / f"{level}.png", np.full((5 + level, 9, 3), level, np.uint8))
        photographs.append(Photograph(str(level), path, None, None))
    crops = images.load_crops(photographs, size=4, crop_mode="box")
    assert crops.shape == (20, 4, 4, 3) and crops.dtype == np.uint8
    np.testing.assert_array_equal(crops[:, 0, 0, 0], np.arange(20))


def test_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    image_path = _save(tmp_path / "image.png", _gradient(4, 6))
    mask_path = _save(tmp_path / "mask.png", np.zeros((4, 5), np.uint8))
    with pytest.raises(UserError, match=r"mask\.png is 5x4 pixels and its image .*image\.png 6x4"):
        images.load_mask_crops([Photograph("a", image_path, None, mask_path)], size=4, crop_mode="box")


def test_absent_mask_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"image\.png has no mask"):
        images.load_mask_crops([Photograph("a", "image.png", None, None)], size=4, crop_mode="box")


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


@pytest.mark.parametrize("values", [[1, 2, 3], [0, 2, 2], [0, 38, 127]])
def test_a_map_of_labels_is_no_mask(tmp_path, values):
    Image.fromarray(np.array([values], np.uint8)).save(tmp_path / "trimap.png")
    with pytest.raises(UserError, match=f"trimap.png is no mask .* largest value is {values[-1]}, expected 1 or at least 128"):
        images.load_mask(str(tmp_path / "trimap.png"))
