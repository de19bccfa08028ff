"""Masks cut anew by colours: on drawn pictures whose masks are known."""

import sys

from PIL import Image, ImageFilter
import numpy as np
import pytest

from data.images import Photograph
from data.windows import Window
from errors import UserError
from extensions import grabcut
from inference.segmenter import Segmenter

BOX = (60.0, 40.0, 96.0, 64.0)
WINDOW = Window(60, 40, 156, 104)


def textured(shape, colour, *, seed):
    """Returns a uint8 picture of one colour with grain."""
    noise = np.random.default_rng(seed).normal(0, 12, (*shape, 3))
    return np.clip(noise + colour, 0, 255).astype(np.uint8)


def picture_of_a_disk(*, patch=False, green_outside=True):
    """Draws a red ellipse that touches its box on grey; a green patch in a corner of the box, green outside of it.

    Returns:
      (picture uint8 [150, 220, 3], bool [150, 220] where the ellipse is, bool [150, 220] where the patch is).
    """
    image = textured((150, 220), (120, 120, 120), seed=0)
    if green_outside:
        image[:, 170:] = textured((150, 50), (40, 180, 60), seed=1)
    rows, columns = np.mgrid[:150, :220] + 0.5
    ellipse = ((columns - 108) / 48) ** 2 + ((rows - 72) / 32) ** 2 < 1
    image[ellipse] = textured((150, 220), (200, 40, 40), seed=2)[ellipse]
    corner = (rows > 90) & (rows < 104) & (columns > 140) & (columns < 156) & ~ellipse & patch
    image[corner] = textured((150, 220), (40, 180, 60), seed=3)[corner]
    return image, ellipse, corner


def in_window(mask, *, size):
    """Reduces a mask of the whole picture, bool, to the window's float32 [size, size]."""
    part = mask[WINDOW.top:WINDOW.bottom, WINDOW.left:WINDOW.right].astype(np.float32)
    return np.array(Image.fromarray(part).resize((size, size), Image.Resampling.BOX))


def rough(mask, *, radius):
    """Blurs a mask float32 [S, S] into a soft one."""
    blurred = Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred, np.float32) / 255


def iou(found, expected):
    """Intersection over union of masks that are at least 0.5."""
    found, expected = found >= 0.5, expected >= 0.5
    return (found & expected).sum() / (found | expected).sum()


def test_a_rough_mask_becomes_the_things_own():
    image, ellipse, _ = picture_of_a_disk()
    start = rough(np.roll(in_window(ellipse, size=64), (4, -5), axis=(0, 1)), radius=5)
    expected = in_window(ellipse, size=128)
    assert iou(start, in_window(ellipse, size=64)) < 0.9
    found = grabcut.cut_mask(start, image, window=WINDOW, box=BOX, iterations=3)
    assert found.shape == (128, 128) and found.dtype == np.float32 and set(np.unique(found)) == {0.0, 1.0}
    assert iou(found, expected) > 0.97
    np.testing.assert_array_equal(found, grabcut.cut_mask(start, image, window=WINDOW, box=BOX, iterations=3))


@pytest.mark.parametrize("green_outside, kept", [(True, False), (False, True)])
def test_what_looks_as_the_surroundings_of_the_box_is_background(green_outside, kept):
    image, ellipse, corner = picture_of_a_disk(patch=True, green_outside=green_outside)
    start = 0.8 * in_window(ellipse | corner, size=64) + 0.1  # the network takes the patch for a part of the thing
    found = grabcut.cut_mask(start, image, window=WINDOW, box=BOX, iterations=2)
    patch = in_window(corner, size=128) > 0.9
    assert (found[patch].mean() > 0.9) == kept and (found[patch].mean() < 0.1) != kept


def test_nothing_outside_of_the_box_belongs_to_the_thing():
    image, ellipse, _ = picture_of_a_disk()
    window = Window(36, 0, 180, 144)  # a square with margins
    box = (60.0, 40.0, 48.0, 64.0)  # the left half of the ellipse
    part = ellipse[window.top:window.bottom, window.left:window.right].astype(np.float32)
    start = 0.8 * np.array(Image.fromarray(part).resize((64, 64), Image.Resampling.BOX)) + 0.1
    found = grabcut.cut_mask(start, image, window=window, box=box, iterations=1)
    columns = (np.arange(128) + 0.5) * 144 / 128 + 36
    assert found[:, columns > 108].max() == 0 and found[:, columns < 108].sum() > 500


@pytest.mark.parametrize("value, expected", [(0.0, 0.0), (0.3, 0.0), (1.0, 1.0)])
def test_without_foreground_or_background_to_fit_a_mask_is_only_binarised(value, expected):
    image = textured((40, 40), (120, 90, 60), seed=0)
    found = grabcut.cut_mask(np.full([32, 32], value, np.float32), image, window=Window(0, 0, 40, 40), box=None,
                             iterations=2)
    np.testing.assert_array_equal(found, np.full([64, 64], expected, np.float32))


@pytest.mark.parametrize("window", [Window(-20, -15, 60, 65), Window(0, 0, 40, 50), Window(35, 45, 39, 50),
                                    Window(38, 0, 118, 80)])
def test_windows_at_and_beyond_the_pictures_edges_are_cut(window):
    image = textured((50, 40), (120, 120, 120), seed=0)
    image[10:30, 5:25] = textured((20, 20), (200, 40, 40), seed=1)
    start = rough(np.pad(np.ones([16, 16], np.float32), 8), radius=4)
    found = grabcut.cut_mask(start, image, window=window, box=None, iterations=1)
    assert found.shape == (64, 64) and set(np.unique(found)) <= {0.0, 1.0}
    scale = (window.right - window.left) / 64
    centres = (np.arange(64) + 0.5) * scale + window.left
    assert not found[:, (centres < 0) | (centres > 40)].any()


def test_a_picture_of_one_colour_does_no_harm():
    start = rough(np.pad(np.ones([16, 16], np.float32), 8), radius=4)
    found = grabcut.cut_mask(start, np.full([50, 40, 3], 90, np.uint8), window=Window(0, 0, 40, 50), box=None,
                             iterations=2)
    assert np.isfinite(found).all() and found.shape == (64, 64)


def saved_photograph(tmp_path, image, *, box=BOX):
    """Writes a picture and returns it as a `Photograph`."""
    Image.fromarray(image).save(tmp_path / "disk.png")
    return Photograph("disk.png", str(tmp_path / "disk.png"), box, None)


def test_masks_of_photographs_are_cut_at_their_own_resolution(tmp_path):
    image, ellipse, _ = picture_of_a_disk()
    photographs = [saved_photograph(tmp_path, image)] * 3
    start = rough(in_window(ellipse, size=64), radius=5)
    masks = np.stack([start] * 3)[..., np.newaxis]
    cut = grabcut.cut_masks(masks, photographs, crop_mode="box", iterations=2)
    assert cut.shape == masks.shape and cut.dtype == np.float32
    assert iou(cut[0, ..., 0], in_window(ellipse, size=64)) > 0.97 > iou(start, in_window(ellipse, size=64))
    np.testing.assert_array_equal(cut[0], cut[1])
    assert grabcut.cut_masks(masks, photographs, crop_mode="box", iterations=0) is masks


def test_masks_of_other_photographs_and_missing_photographs_are_refused(tmp_path):
    photograph = saved_photograph(tmp_path, picture_of_a_disk()[0])
    masks = np.zeros([2, 64, 64, 1], np.float32)
    with pytest.raises(ValueError, match="2 masks of 1 photographs"):
        grabcut.cut_masks(masks, [photograph], crop_mode="box", iterations=1)
    with pytest.raises(UserError, match="gone.png"):
        grabcut.cut_masks(masks[:1], [photograph._replace(path=str(tmp_path / "gone.png"))], crop_mode="box",
                          iterations=1)


def test_without_opencv_a_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match="--grabcut_iterations and --suggest need OpenCV"):
        grabcut.cut_mask(np.zeros([32, 32], np.float32), picture_of_a_disk()[0], window=WINDOW, box=BOX, iterations=1)


def test_a_segmenter_cuts_in_the_whole_picture():
    image, ellipse, _ = picture_of_a_disk()
    start = rough(in_window(ellipse, size=64), radius=5)

    class Fixed:
        """A network that gives one mask."""

        variables = ()

        def __call__(self, images, training):
            return np.tile(start[np.newaxis, ..., np.newaxis], [images.shape[0] or 1, 1, 1, 1])

    plain = Segmenter(Fixed(), image_size=64, crop_mode="box").mask(image, box=BOX)
    cut = Segmenter(Fixed(), image_size=64, crop_mode="box", grabcut_iterations=2).mask(image, box=BOX)
    assert cut.shape == plain.shape == ellipse.shape
    assert iou(cut, ellipse) > 0.97 > iou(plain, ellipse)
