"""`evaluation.frames`: where squares and middle squares lie, and counts in them worked by hand."""

import numpy as np
from PIL import Image
import pytest

from data.images import Photograph
from evaluation import frames
from tool_flags import PROTOCOLS


@pytest.fixture(name="photograph")
def _photograph(tmp_path):
    """A picture of 60 x 40 pixels whose box, at (10, 10) of 20 x 10, is foreground in its left half."""
    reference = np.zeros((40, 60), np.uint8)
    reference[10:20, 10:20] = 255
    for name, values in (("image.png", np.zeros((40, 60, 3), np.uint8)), ("mask.png", reference)):
        Image.fromarray(values).save(tmp_path / name)
    return Photograph("image.png", str(tmp_path / "image.png"), (10.0, 10.0, 20.0, 10.0), str(tmp_path / "mask.png"))


def soft(rows):
    return {"masks": np.array(rows, np.float32)[np.newaxis, ..., np.newaxis]}


def counts_of(photograph, masks, protocol, crop_mode="box"):
    counts = frames.frame_counts(masks, [photograph], crop_mode=crop_mode, protocol=protocol)
    return {name: tuple(int(count[0]) for count in found) for name, found in counts.items()}


def test_flags_know_the_protocols():
    assert tuple(PROTOCOLS) == frames.PROTOCOLS


@pytest.mark.parametrize("box, window", [
    ((20, 14, 20, 10), (15, 4, 45, 34)),  # 30 = 1.5 x 20 about (30, 19)
    ((0, 14, 20, 10), (0, 4, 25, 34)),
    ((40, 0, 20, 40), (20, 0, 60, 40)),
])
def test_a_square_lies_about_the_boxs_centre_and_is_clipped(box, window):
    assert frames.square_window(box, image_size=(40, 60)) == window


def test_masks_are_put_back_and_counted_in_each_frame(photograph):
    right = soft([[1, 1, 0, 0]] * 4)
    # TP, FP, FN, TN; the square about (20, 15) is clipped to 30 rows, [5, 35) x [0, 30)
    assert counts_of(photograph, right, "square") == {
        "masks": (100, 0, 0, 800), "all_ones": (100, 800, 0, 0), "the boxes": (100, 100, 0, 700)}
    assert counts_of(photograph, right, "whole") == {
        "masks": (100, 0, 0, 2300), "all_ones": (100, 2300, 0, 0), "the boxes": (100, 100, 0, 2200)}
    wrong = soft([[0, 0, 1, 1]] * 4)
    assert counts_of(photograph, wrong, "whole")["masks"] == (0, 100, 100, 2200)
    inverted = {"masks": 1 - right["masks"]}  # never exchanged for its complement
    assert counts_of(photograph, inverted, "whole")["masks"] == (0, 100, 100, 2200)


def test_redo_counts_in_the_middle_square_at_128_pixels(photograph):
    """A shorter side of 40 becomes 128, 192 x 128 in all, of whose columns 32 to 160 count: 10 to 50 of 60."""
    tp, fp, fn, tn = counts_of(photograph, soft([[1, 1, 0, 0]] * 4), "redo")["masks"]
    assert tp + fp + fn + tn == 128 * 128 and fp == fn == 0
    assert tp == 32 * 32  # 10 x 10 pixels of a picture that is enlarged by 3.2
    assert counts_of(photograph, soft([[1, 1, 0, 0]] * 4), "redo")["all_ones"] == (32 * 32, 128 * 128 - 32 * 32, 0, 0)


def test_the_middle_square_is_what_resizing_and_cutting_by_hand_give():
    values = np.random.default_rng(0).integers(0, 256, (333, 500), np.uint8)
    resized = np.asarray(Image.fromarray(values).resize((192, 128), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(frames.take_frame(values, box=None, protocol="redo"), resized[:, 32:160])
    upright = frames.take_frame(values.T, box=None, protocol="redo")
    assert upright.shape == (128, 128)


def test_without_a_box_the_square_is_the_picture(photograph):
    found = counts_of(photograph._replace(box=None), soft([[1, 0], [0, 0]]), "square")
    assert sum(found["masks"]) == 2400 and found["the boxes"] == found["all_ones"]


def test_ignored_pixels_are_in_no_count_also_where_other_masks_have_ones(photograph, tmp_path):
    values = np.asarray(Image.open(photograph.mask_path)).copy()
    values[values == 255] = 1
    values[:, 40:] = 255
    Image.fromarray(values).save(tmp_path / "other.png")
    both = [photograph, photograph._replace(mask_path=str(tmp_path / "other.png"))]
    counts = frames.frame_counts({"masks": np.repeat(soft([[1, 1, 0, 0]] * 4)["masks"], 2, axis=0)}, both,
                                 crop_mode="box", protocol="whole")["masks"]
    assert [int(count[1]) for count in counts] == [100, 0, 0, 1500]
    assert [int(count[0]) for count in counts] == [0, 0, 0, 2300]  # its 255 are ignored since the other has ones


def test_a_network_of_square_crops_is_put_back_from_its_own_window(photograph):
    found = counts_of(photograph, {"masks": np.ones((1, 8, 8, 1), np.float32)}, "whole", crop_mode="square")
    assert found["masks"] == (100, 800, 0, 1500)  # its window of 30 pixels is moved into the picture
