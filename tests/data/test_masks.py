"""Reference masks of every mode and coding, and their crops."""

import numpy as np
from PIL import Image
import pytest

from data import images, masks
from data.codings import IGNORED
from data.images import Photograph
from errors import UserError
from pictures import gradient, save


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
    mask = masks.load_mask(save(tmp_path / "mask.png", values))
    assert mask.dtype == np.uint8
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
    image_path = save(tmp_path / "image.png", picture)
    mask_path = save(tmp_path / "mask.png", picture[..., 0])
    photographs = [Photograph("image", image_path, (15.0, 8.0, 40.0, 30.0), mask_path)]
    for mode in ("box", "square"):
        crops = images.load_crops(photographs, size=32, crop_mode=mode)
        cropped = masks.load_mask_crops(photographs, size=32, crop_mode=mode)
        assert cropped.shape == (1, 32, 32, 1) and cropped.dtype == np.uint8
        assert cropped.min() == 0 and cropped.max() == 1
        np.testing.assert_array_equal(cropped[..., 0], crops[..., 0] >= 128)


def test_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    image_path = save(tmp_path / "image.png", gradient(4, 6))
    mask_path = save(tmp_path / "mask.png", np.zeros((4, 5), np.uint8))
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


def _areas(*values, dtype=np.uint8):
    """An image whose columns of 8 x 8 pixels have these values (numbers, or colours)."""
    return np.repeat(np.repeat(np.array([values], dtype), 8, axis=0), 8, axis=1)


@pytest.mark.parametrize(("values", "expected"), [
    (_areas(0, 1, 255), [0, 1, IGNORED]),
    (_areas(0, 1, 65535, dtype=np.uint16), [0, 1, IGNORED]),
    (_areas(0, 255, 128), [0, 1, IGNORED]),
    (_areas(0, 255, 127), [0, 1, IGNORED]),
    (_areas(0, 200, 255), [0, 1, 1]),
    (_areas(0, 51, 102, 153, 204, 255, 255, 255, 255, 255), [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
    (_areas(0, 51, 102, 153, 153, 204, 255), [0, 0, 0, 1, 1, 1, 1]),
    (_areas(0, 51, 102, 102, 204), [0, 0, 0, 0, 1]),
    (_areas(0, 128), [0, 1]),
], ids=["ignored", "16 bits", "unknown", "unknown 127", "nearly white", "votes", "votes that differ", "none of five", "one grey"])
def test_a_mask_of_a_known_coding_is_read_as_it_is_meant(tmp_path, values, expected):
    mask = masks.load_mask(save(tmp_path / "mask.png", values))
    np.testing.assert_array_equal(mask, np.repeat([expected] * 8, 8, axis=1))


@pytest.mark.parametrize("values", [
    _areas(0, 15, 15, 255), _areas(0, 38, 75, 220), _areas(0, 38, 220, 220), _areas(*range(18), 255),
    _areas(0, 15, 255, 255), _areas(0, 1, 2, 255, 255, 255), _areas(1, 2, 255, 255), _areas(0, 1, 254), _areas(
        (0, 0, 0), (128, 0, 0), (224, 224, 192)), _areas((0, 0, 0), (255, 0, 0), (0, 0, 255)),
], ids=["VOC's indices", "greys", "grey and border", "many labels", "small object", "two classes and border",
        "no background", "another border", "border in colour", "colours"])
def test_maps_of_labels_are_refused_by_name(tmp_path, values):
    with pytest.raises(UserError, match=r"labels\.png is no mask of background and foreground: it has areas of"):
        masks.load_mask(save(tmp_path / "labels.png", values))


def test_the_black_of_a_strongly_compressed_jpeg_is_no_label(tmp_path):
    square = np.zeros([64, 64], np.uint8)
    square[8:56, 8:56] = 255
    path = save(tmp_path / "square.jpg", square, quality=19)
    with Image.open(path) as stored:
        assert 1 < np.asarray(stored).min() < 10  # else this test would hold nothing
    np.testing.assert_array_equal(masks.load_mask(path), square == 255)


def test_soft_edges_and_jpeg_are_no_areas_of_labels(tmp_path):
    rows, columns = np.mgrid[:64, :64]
    soft = np.clip(128 + 40 * (20 - np.hypot(rows - 32, columns - 30)), 0, 255).astype(np.uint8)
    for name in ("soft.png", "soft.jpg"):
        np.testing.assert_array_equal(masks.load_mask(save(tmp_path / name, soft)), images.load_image(
            str(tmp_path / name))[..., 0] >= 128)


@pytest.mark.parametrize("void", [255, 2])
def test_the_border_of_a_palette_is_ignored(tmp_path, void):
    image = Image.fromarray(np.repeat([[0, 1, void]], 8, axis=0).astype(np.uint8)).convert("P")
    palette = np.zeros([256, 3], np.uint8)
    palette[1], palette[void] = (128, 0, 0), (224, 224, 192)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(masks.load_mask(str(tmp_path / "mask.png"))[0], [0, 1, IGNORED])
    palette[0] = (0, 0, 200)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "blue.png")
    with pytest.raises(UserError, match=r"blue\.png .* begins with the colour \(0, 0, 200\), expected black"):
        masks.load_mask(str(tmp_path / "blue.png"))


@pytest.mark.parametrize(("indices", "expected"), [
    ((1, 2, 3), None), ((2, 3, 255), None), ((1, 1, 255), [1, 1, IGNORED]), ((0, 2, 3), [0, 1, 1]),
])
def test_labels_of_a_palette_without_background_are_refused_where_they_are_several(tmp_path, indices, expected):
    image = Image.fromarray(_areas(*indices)).convert("P")
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200] + [90] * 756)
    image.save(tmp_path / "mask.png")
    if expected:
        np.testing.assert_array_equal(masks.load_mask(str(tmp_path / "mask.png"))[0, ::8], expected)
    else:
        with pytest.raises(UserError, match=rf"mask\.png is no mask .* the labels {indices[0]}, .* and no 0"):
            masks.load_mask(str(tmp_path / "mask.png"))


def _transparent(*colours):
    """An image of areas of these colours beside a transparent one."""
    return _areas(*((*colour, 255) for colour in colours), (0, 0, 0, 0))


def test_a_transparent_mask_is_white_or_of_few_colours_and_else_refused(tmp_path):
    for colour in ((255, 255, 255), (200, 30, 0)):
        mask = masks.load_mask(save(tmp_path / "mask.png", _transparent(colour)))
        np.testing.assert_array_equal(mask[0, ::8], [1, 0])
    with pytest.raises(UserError, match=r"black\.png is no mask .* transparent, and black or dark"):
        masks.load_mask(save(tmp_path / "black.png", _transparent((0, 0, 0))))
    cutout = _transparent((0, 0, 0))
    cutout[:, :8, :3] = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    cutout = np.concatenate([cutout, cutout[..., [1, 2, 0, 3]]])
    with pytest.raises(UserError, match=r"cutout\.png is no mask .* many colours, as a cut-out"):
        masks.load_mask(save(tmp_path / "cutout.png", cutout))
    assert masks.load_mask(save(tmp_path / "opaque.png", np.full((4, 4, 4), 255, np.uint8))).all()


def _labelled(tmp_path, **values):
    """Photographs of 24 x 24 pixels with masks of these values: three areas side by side."""
    photographs = []
    for name, areas in values.items():
        mask = np.repeat(_areas(*areas), 3, axis=0)
        paths = [save(tmp_path / f"{name}{kind}.png", array) for kind, array in (("", gradient(24, 24)), ("_m", mask))]
        photographs.append(Photograph(name, paths[0], None, paths[1]))
    return photographs


def test_white_is_ignored_in_all_masks_of_a_data_set_of_which_one_has_ones(tmp_path, capsys):
    photographs = _labelled(tmp_path, a=(0, 1, 255), b=(0, 0, 255), c=(0, 0, 0))
    cropped = masks.load_mask_crops(photographs, size=24, crop_mode="box")[:, 0, ::8, 0]
    np.testing.assert_array_equal(cropped, [[0, 1, IGNORED], [0, 0, IGNORED], [0, 0, 0]])
    assert "1 masks hold 0 and 255 alone" in capsys.readouterr().err
    alone = masks.load_mask_crops(photographs[1:], size=24, crop_mode="box")[:, 0, ::8, 0]
    np.testing.assert_array_equal(alone, [[0, 0, 1], [0, 0, 0]])


def test_a_mask_without_a_pixel_that_counts_is_refused(tmp_path):
    photographs = _labelled(tmp_path, a=(0, 1, 255), b=(255, 255, 255))
    with pytest.raises(UserError, match=r"b_m\.png has no pixel that counts"):
        masks.load_mask_crops(photographs, size=24, crop_mode="box")


def test_what_is_ignored_is_cropped_with_its_mask_and_the_rest_is_cut_at_one_half():
    mask = np.zeros([8, 8], np.uint8)
    mask[:, 2:4], mask[:, 4:] = 1, IGNORED
    np.testing.assert_array_equal(masks.crop_mask(mask, box=None, crop_mode="box", size=8)[0, :, 0], mask[0])
    narrow = masks.crop_mask(mask, box=(2, 0, 6, 8), crop_mode="box", size=6)
    np.testing.assert_array_equal(narrow[0, :, 0], [1, 1] + [IGNORED] * 4)
