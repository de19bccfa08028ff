"""CelebA's in-the-wild layout."""

import os

from PIL import Image
import pytest

from data import faces, images
from errors import UserError

_REAL = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "CelebA")
_HEADER = "image_id x_1 y_1 width height\n"


@pytest.fixture(name="root")
def _root(tmp_path):
    for folder in ("img_celeba", "Anno", "Eval"):
        (tmp_path / folder).mkdir()
    for name in ("000001.jpg", "000002.jpg", "000003.jpg"):
        Image.new("RGB", (20, 30)).save(tmp_path / "img_celeba" / name)
    (tmp_path / "Anno" / "list_bbox_celeba.txt").write_text(
        f"3\n{_HEADER}000001.jpg    1  2 10  20\n000002.jpg 0 0 5 6\n000003.jpg 3 3 4 4\n"
    )
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n")
    return tmp_path


def test_boxes_and_partition_are_read(root):
    photographs = faces.list_photographs(str(root))
    assert [photograph.name for photograph in photographs] == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert photographs[0].box == (1.0, 2.0, 10.0, 20.0)
    assert [photograph.is_training for photograph in photographs] == [True, False, False]
    assert all(photograph.mask_path is None and os.path.isfile(photograph.path) for photograph in photographs)


@pytest.mark.parametrize("place", ["Img", "Img/img_celeba.7z"])
def test_images_are_found_where_the_archive_is_unpacked(root, place):
    (root / place).mkdir(parents=True)
    (root / "img_celeba").rename(root / place / "img_celeba")
    assert all(os.path.isfile(photograph.path) for photograph in faces.list_photographs(str(root)))


def test_without_a_partition_all_are_training_images(root):
    (root / "Eval" / "list_eval_partition.txt").unlink()
    assert all(photograph.is_training for photograph in faces.list_photographs(str(root)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "should begin with the number of images"),
        (_HEADER + "000001.jpg 1 2 3 4\n000002.jpg 1 2 3 4\n", "should begin with the number of images"),
        (f"2\n{_HEADER}000001.jpg 1 2 3 4\n", "says that it lists 2 images and lists 1"),
        (f"1\n{_HEADER}000001.jpg 1 2 3\n", r"line 3: found '000001\.jpg 1 2 3', expected 'name x y width height'"),
        (f"1\n{_HEADER}000001.jpg 1 2 3 x\n", "line 3: found the box '1 2 3 x'"),
        (f"2\n{_HEADER}000001.jpg 1 2 3 4\n000001.jpg 1 2 3 4\n", "line 4: 000001.jpg stands there twice"),
        (f"1\n{_HEADER}000009.jpg 1 2 3 4\n", r"has no line for 000009\.jpg"),
    ],
)
def test_unreadable_list_of_boxes_is_refused_with_its_line(root, text, message):
    (root / "Anno" / "list_bbox_celeba.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        faces.list_photographs(str(root))


def test_unknown_part_is_refused_with_its_line(root):
    (root / "Eval" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 7\n")
    with pytest.raises(UserError, match=r"list_eval_partition\.txt, line 2: found the part '7'"):
        faces.list_photographs(str(root))


def test_missing_images_are_counted_and_the_first_named(root):
    (root / "img_celeba" / "000002.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of the 3 images .* missing, the first .*000002\.jpg"):
        faces.list_photographs(str(root))


def test_missing_list_of_boxes_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"no file .*list_bbox_celeba\.txt"):
        faces.list_photographs(str(tmp_path))


def test_the_real_faces_can_be_cropped():
    if not os.path.isdir(_REAL):
        pytest.skip("needs CelebA in ../shared/data")
    photographs = faces.list_photographs(_REAL)
    assert images.load_crops(photographs[:4], size=32, crop_mode="box").shape == (4, 32, 32, 3)
