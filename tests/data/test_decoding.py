"""Decoding image files of every mode, sound and broken."""

import struct
import subprocess
import sys

from conftest import ROOT
import numpy as np
from PIL import Image, ImageOps, PngImagePlugin
import pytest

from data import decoding
from errors import UserError
from pictures import gradient, save


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    path = save(tmp_path / "turned.png", gradient(4, 6), exif=exif)
    loaded = decoding.load_image(path)
    assert loaded.shape == (6, 4, 3)
    np.testing.assert_array_equal(loaded, np.rot90(gradient(4, 6), k=-1))


def _damaged_exif(orientation):
    """EXIF that asks for a turn, beside a resolution of undefined type, which Pillow cannot write again."""
    entries = struct.pack("<HHHIHH", 2, 0x0112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x011A, 7, 8, 38)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + entries + bytes(4) + bytes(8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_damaged_metadata_do_no_harm_and_orientation_is_applied(tmp_path, suffix):
    path = save(tmp_path / f"damaged.{suffix}", gradient(4, 6), exif=_damaged_exif(6))
    with Image.open(path) as stored:
        expected = np.rot90(np.asarray(stored.convert("RGB")), k=-1)
        with pytest.raises(TypeError):
            ImageOps.exif_transpose(stored)  # else this test would hold nothing
    np.testing.assert_array_equal(decoding.load_image(path), expected)


def _turned_tiff(path, *, xmp_type):
    """Writes a TIFF of 6x4 pixels with EXIF orientation 6, whose XMP is a number of this type, 1 is sound (bytes)."""
    pixels, num_entries = gradient(4, 6).tobytes(), 11
    start = 8 + 2 + 12 * num_entries + 4
    entries = [(256, 3, 1, 6), (257, 3, 1, 4), (258, 3, 3, start), (259, 3, 1, 1), (262, 3, 1, 2),
               (273, 4, 1, start + 6), (274, 3, 1, 6), (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 1, len(pixels)),
               (700, xmp_type, 1, 7)]
    listed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, num_entries) + listed + bytes(4) + struct.pack("<HHH", 8, 8, 8)
                     + pixels)


@pytest.mark.parametrize("xmp_type", [1, 3], ids=["sound", "damaged"])
def test_damaged_xmp_of_a_turned_tiff_does_no_harm(tmp_path, xmp_type):
    _turned_tiff(tmp_path / "turned.tif", xmp_type=xmp_type)
    np.testing.assert_array_equal(decoding.load_image(str(tmp_path / "turned.tif")), np.rot90(gradient(4, 6), k=-1))


def test_pillows_warnings_of_damaged_metadata_and_of_sizes_are_not_shown(tmp_path):
    path = tmp_path / "tag.tif"
    Image.fromarray(gradient(4, 6)).save(path, tiffinfo={34675: b"profile" * 9})
    sound, damaged = (struct.pack("<HHI", 34675, 7, length) for length in (63, 63_000))
    path.write_bytes(path.read_bytes().replace(sound, damaged))
    with pytest.warns(UserWarning, match="larger than file"):
        Image.open(path).load()
    read = ("import sys; from data import decoding; decoding.load_image(sys.argv[1])\n"
            "decoding.allow_megapixels(20e-6)\ntry: decoding.load_image(sys.argv[1])\nexcept decoding.UserError: pass")
    done = subprocess.run([sys.executable, "-c", read, path], cwd=ROOT, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_metadata_that_are_no_metadata_are_passed_over(tmp_path):
    path = save(tmp_path / "a.jpg", gradient(4, 6), exif=b"Exif\0\0no EXIF at all")
    assert decoding.load_image(path).shape == (4, 6, 3)


@pytest.mark.parametrize("error", [TypeError("bad operand"), KeyError(7), AssertionError(), RecursionError("deep")])
def test_whatever_decoding_raises_names_the_file(tmp_path, monkeypatch, error):
    path = save(tmp_path / "odd.png", gradient(4, 6))

    def load(self):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(UserError, match=r"odd\.png could not be read as an image"):
        decoding.load_image(path)


def test_grey_image_has_three_equal_channels(tmp_path):
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    loaded = decoding.load_image(save(tmp_path / "grey.png", grey))
    np.testing.assert_array_equal(loaded, np.repeat(grey[..., np.newaxis], 3, axis=-1))


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    loaded = decoding.load_image(save(tmp_path / "deep.png", np.array([[0, 257 * 100], [32768, 65535]], np.uint16)))
    np.testing.assert_array_equal(loaded[..., 0], [[0, 100], [128, 255]])


def test_transparent_pixels_become_black(tmp_path):
    rgba = np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)
    loaded = decoding.load_image(save(tmp_path / "clear.png", rgba))
    np.testing.assert_array_equal(loaded, [[[200, 100, 50], [0, 0, 0]]])


def test_palette_image_shows_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 150, 100])
    image.putdata([0, 1])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(decoding.load_image(str(tmp_path / "palette.png")), [[[10, 20, 30], [200, 150, 100]]])


def test_cmyk_image_is_converted(tmp_path):
    Image.new("CMYK", (2, 2), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    np.testing.assert_array_equal(decoding.load_image(str(tmp_path / "red.tif"))[0, 0], [255, 0, 0])


def test_truncated_jpeg_is_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = open(save(tmp_path / "whole.jpg", noise), "rb").read()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.jpg could not be read as an image .*truncated"):
        decoding.load_image(str(tmp_path / "half.jpg"))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(UserError, match=r"odd\.png could not be read as an image"):
        decoding.load_image(str(tmp_path / "odd.png"))


def test_missing_image_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"no image file .*gone\.png"):
        decoding.load_image(str(tmp_path / "gone.png"))


def test_floating_point_image_is_refused(tmp_path):
    with pytest.raises(UserError, match="mode F"):
        decoding.load_image(save(tmp_path / "float.tif", np.zeros((2, 2), np.float32)))


@pytest.mark.parametrize("limit", [30e-6, 99e-6])
def test_larger_images_than_allowed_are_refused_and_the_flag_is_named(tmp_path, limit):
    path = save(tmp_path / "large.png", gradient(10, 10))
    try:
        decoding.allow_megapixels(limit)
        with pytest.raises(UserError, match=r"large\.png .*--max_megapixels"):
            decoding.load_image(path)
        decoding.allow_megapixels(100e-6)
        assert decoding.load_image(path).shape == (10, 10, 3)
    finally:
        decoding.allow_megapixels(decoding.MAX_MEGAPIXELS)


@pytest.mark.parametrize("name, noise", [("black.png", 0), ("grey.jpg", 1)])
def test_a_photograph_of_one_colour_is_refused(tmp_path, name, noise):
    pixels = np.full([32, 32, 3], 90 if noise else 0, np.uint8)
    pixels[::2] += np.uint8(noise)
    path = save(tmp_path / name, pixels)
    assert decoding.load_image(path).shape == (32, 32, 3)
    with pytest.raises(UserError, match=f"{name} shows nothing: all its pixels have nearly one colour"):
        decoding.load_photograph(path)


def test_a_faint_photograph_is_loaded(tmp_path):
    path = save(tmp_path / "faint.png", gradient(8, 8))
    np.testing.assert_array_equal(decoding.load_photograph(path), gradient(8, 8))


@pytest.mark.parametrize("bits", decoding.CAMERA_BITS)
def test_a_photograph_of_fewer_than_16_bits_is_scaled_by_those_it_has(tmp_path, bits):
    values = np.array([[0, 2 ** (bits - 1)], [2**bits // 5, 2**bits - 1]], np.uint16)
    path = save(tmp_path / "deep.png", values)
    grey = decoding.load_photograph(path)[..., 0]
    np.testing.assert_allclose(grey, [[0, 127.5], [51, 255]], atol=1.0)
    np.testing.assert_array_equal(decoding.load_image(path)[..., 0], np.round(values / 257).astype(np.uint8))
