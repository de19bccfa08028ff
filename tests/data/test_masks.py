"""Reference masks of every mode and coding, and their crops."""

import numpy as np
from PIL import Image
import pytest

from data import images, masks
from data.images import Photograph
from errors import UserError


def _gradient(height, width):
    """An image whose red channel is the column and whose green channel is the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=-1)


def _save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return str(path)


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
    mask = masks.load_mask(_save(tmp_path / "mask.png", values))
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
    np.testing.assert_array_equal(masks.load_mask(str(tmp_path / "mask.png")), [[False, True, True]])


def test_mask_is_cropped_as_its_image(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:45] = 255
    image_path = _save(tmp_path / "image.png", picture)
    mask_path = _save(tmp_path / "mask.png", picture[..., 0])
    photographs = [Photograph("image", image_path, (15.0, 8.0, 40.0, 30.0), mask_path)]
    for mode in ("box", "square"):
        crops = images.load_crops(photographs, size=32, crop_mode=mode)
        cropped = masks.load_mask_crops(photographs, size=32, crop_mode=mode)
        assert cropped.shape == (1, 32, 32, 1) and cropped.dtype == np.uint8
        assert cropped.min() == 0 and cropped.max() == 1
        np.testing.assert_array_equal(cropped[..., 0], crops[..., 0] >= 128)


def test_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    image_path = _save(tmp_path / "image.png", _gradient(4, 6))
    mask_path = _save(tmp_path / "mask.png", np.zeros((4, 5), np.uint8))
    with pytest.raises(UserError, match=r"mask\.png is 5x4 pixels and its image .*image\.png 6x4"):
        masks.load_mask_crops([Photograph("a", image_path, None, mask_path)], size=4, crop_mode="box")


def test_absent_mask_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"image\.png has no mask"):
        masks.load_mask_crops([Photograph("a", "image.png", None, None)], size=4, crop_mode="box")


@pytest.mark.parametrize("values", [[1, 2, 3], [0, 2, 2], [0, 38, 127]])
def test_a_map_of_labels_is_no_mask(tmp_path, values):
    Image.fromarray(np.array([values], np.uint8)).save(tmp_path / "trimap.png")
    with pytest.raises(UserError, match=f"trimap.png is no mask .* largest value is {values[-1]}, expected 1 or at least 128"):
        masks.load_mask(str(tmp_path / "trimap.png"))
