"""CUB-200-2011's layout."""

import os

from PIL import Image
import pytest

from data import birds, images, masks
from errors import UserError

_REAL = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "CUB_200_2011")


@pytest.fixture(name="root")
def _root(tmp_path):
    root = tmp_path / "CUB_200_2011"
    for name in ("images/001.A/one.jpg", "images/002.B/two.jpg", "segmentations/002.B/two.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(path)
    (root / "images.txt").write_text("1 001.A/one.jpg\n2 002.B/two.jpg\n")
    (root / "bounding_boxes.txt").write_text("1 1.0 2.0 3.0 4.0\n2 0.0 0.0 20.0 10.0\n")
    (root / "train_test_split.txt").write_text("1 1\n2 0\n")
    return root


def test_names_boxes_masks_and_split_are_read(root):
    one, two = birds.list_photographs(str(root))
    assert (one.name, one.box, one.mask_path, one.is_training) == ("001.A/one.jpg", (1.0, 2.0, 3.0, 4.0), None, True)
    assert (two.name, two.box, two.is_training) == ("002.B/two.jpg", (0.0, 0.0, 20.0, 10.0), False)
    assert two.mask_path == str(root / "segmentations" / "002.B" / "two.png")
    assert os.path.isfile(one.path)


def test_the_folder_that_holds_the_data_set_is_accepted(root):
    assert birds.list_photographs(str(root.parent)) == birds.list_photographs(str(root))


def test_segmentations_beside_the_data_set_are_found(root):
    os.rename(root / "segmentations", root.parent / "segmentations")
    assert birds.list_photographs(str(root))[1].mask_path == str(root.parent / "segmentations" / "002.B" / "two.png")


def test_without_a_split_all_are_training_images(root):
    (root / "train_test_split.txt").unlink()
    assert all(photograph.is_training for photograph in birds.list_photographs(str(root)))


def test_missing_images_are_counted_and_the_first_named(root):
    (root / "images" / "001.A" / "one.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of the 2 images .* missing, the first .*one\.jpg"):
        birds.list_photographs(str(root))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("images.txt", "", r"images\.txt is empty"),
        ("images.txt", "1\n", r"images\.txt, line 1: found '1'.*nothing follows the id"),
        ("images.txt", "1 a.jpg\n1 b.jpg\n", r"images\.txt, line 2: .*twice"),
        ("bounding_boxes.txt", "1 1 2 3 4\n", r"bounding_boxes\.txt has no box for image 2"),
        ("bounding_boxes.txt", "1 1 2 3 4\n2 0 0 20\n", r"bounding_boxes\.txt, line 2: found the box '0 0 20'"),
        ("bounding_boxes.txt", "1 1 2 0 4\n2 0 0 20 0\n", r"bounding_boxes\.txt holds no box of any size"),
        ("train_test_split.txt", "1 1\n2 maybe\n", r"train_test_split\.txt, line 2: found '2 maybe'"),
        ("train_test_split.txt", "1 1\n", "has no line for image 2"),
    ],
)
def test_unreadable_lists_are_refused_with_file_and_line(root, file, text, message):
    (root / file).write_text(text)
    with pytest.raises(UserError, match=message):
        birds.list_photographs(str(root))


@pytest.mark.parametrize("text", ["1 2\n2 0\n3 1\n", "1 2\n2 1\n", "1\n", "001.A/one.jpg\n", "one.jpg\n\nelsewhere.jpg\n"])
def test_another_file_may_say_what_is_tested(root, tmp_path, text):
    (tmp_path / "split.txt").write_text(text)
    found = birds.list_photographs(str(root), split_file=str(tmp_path / "split.txt"))
    assert [photograph.is_training for photograph in found] == [False, True]  # the data set's own file says the opposite


@pytest.mark.parametrize("text, message", [
    ("1 1\n2 0\n", "no line that ends in 2"), ("1 2\n", "split.txt has no line for image 2"), ("three.jpg\n", "names no image"),
    ("", "names no image"),
])
def test_a_file_that_says_nothing_of_what_is_tested_is_refused(root, tmp_path, text, message):
    (tmp_path / "split.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        birds.list_photographs(str(root), split_file=str(tmp_path / "split.txt"))


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither images.txt nor CUB_200_2011"):
        birds.list_photographs(str(tmp_path))


def test_the_real_birds_can_be_cropped():
    if not os.path.isdir(_REAL):
        pytest.skip("needs CUB-200-2011 in ../shared/data")
    photographs = birds.list_photographs(_REAL)
    assert len({photograph.name for photograph in photographs}) == len(photographs)
    masked = [photograph for photograph in photographs if photograph.mask_path][:4]
    shares = masks.load_mask_crops(masked, size=64, crop_mode="box").mean(axis=(1, 2, 3))
    assert images.load_crops(masked, size=64, crop_mode="square").shape == (len(masked), 64, 64, 3)
    assert len(masked) and 0.1 < shares.min() and shares.max() < 0.8
