"""Any folder of images."""

import os

from PIL import Image
import pytest

from data import folder
from data.images import load_image
from errors import UserError
from inference.mask_folder import MaskFolder


@pytest.fixture(name="root")
def _root(tmp_path):
    for name in ("images/b.JPG", "images/a dog.png", "images/deep/c.webp", "images/notes.txt", "images/.hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            path.write_text("not an image")
        else:
            Image.new("RGB", (20, 10)).save(path)
    return tmp_path


def _names(photographs):
    return [photograph.name for photograph in photographs]


def test_images_are_found_below_the_folder_sorted_by_name(root):
    photographs = folder.list_photographs(str(root / "images"))
    assert _names(photographs) == ["a dog.png", "b.JPG", "deep/c.webp"]
    assert all(one.box is None and one.mask_path is None and one.is_training for one in photographs)
    assert all(os.path.isfile(one.path) for one in photographs)


def test_masks_that_were_written_among_photographs_are_none(root):
    before = folder.list_image_files(root)
    for name in ("masks", "other"):
        (root / name).mkdir()
        (root / name / "a_mask.png").touch()
    MaskFolder(root / "masks")
    (root / "other" / "masks.csv").write_text("a table of the user's own")
    assert folder.list_image_files(root) == sorted([*before, str(root / "other" / "a_mask.png")])
    assert folder.list_image_files(root / "masks") == [str(root / "masks" / "a_mask.png")]  # where it is asked for


def test_images_of_other_suffixes_are_counted_by_suffix_in_one_line(tmp_path, capsys):
    for name in ("a.jfif", "b.JPE", "c.gif"):
        Image.new("L", (9, 7)).save(tmp_path / name, format="GIF" if name == "c.gif" else "JPEG")
    for name in ("d.heic", "e.HEIC", "f.avif", "g.ppm", "notes.txt", ".h.heic", "boxes.json"):
        (tmp_path / name).touch()
    photographs = folder.list_photographs(str(tmp_path))
    assert _names(photographs) == ["a.jfif", "b.JPE", "c.gif"]
    assert [load_image(one.path).shape for one in photographs] == [(7, 9, 3)] * 3
    assert capsys.readouterr().err == f"left out of {tmp_path} by their suffix: 1 .avif and 2 .heic and 1 .ppm\n"
    for name in ("a.jfif", "b.JPE", "c.gif"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"holds no image but 1 \.avif and 2 \.heic and 1 \.ppm; expected files ending in"):
        folder.list_image_files(str(tmp_path))


def test_folders_inside_can_be_left_out(root):
    assert _names(folder.list_photographs(str(root / "images"), recursive=False)) == ["a dog.png", "b.JPG"]


def test_boxes_name_their_images_and_several_are_numbered(root):
    (root / "boxes.txt").write_text("# boxes\n\nb.JPG 1 2 3 4\na dog.png 0 0 5.5 6\n b.JPG 7 8 9 10\n")
    photographs = folder.list_photographs(str(root / "images"), boxes_file=str(root / "boxes.txt"))
    assert [(one.name, one.box) for one in photographs] == [
        ("a dog.png", (0.0, 0.0, 5.5, 6.0)),
        ("b.JPG#1", (1.0, 2.0, 3.0, 4.0)),
        ("b.JPG#2", (7.0, 8.0, 9.0, 10.0)),
    ]
    assert photographs[1].path == photographs[2].path == str(root / "images" / "b.JPG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gone.png 1 2 3 4\n", r"boxes\.txt, line 1: there is no image 'gone\.png' among the images, nor any other"),
        ("\nb.JPG 1 2 3\n", r"boxes\.txt, line 2: found 'b\.JPG 1 2 3', expected 'name x y width height'"),
        ("b.JPG 1 2 three 4\n", r"boxes\.txt, line 1: found the box '1 2 three 4'"),
        ("b.JPG 1 2 3 inf\n", r"boxes\.txt, line 1: found the box '1 2 3 inf'"),
        ("# nothing\n", r"boxes\.txt holds no box"),
    ],
)
def test_unreadable_boxes_are_refused_with_their_line(root, text, message):
    (root / "boxes.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        folder.list_photographs(str(root / "images"), boxes_file=str(root / "boxes.txt"))


def test_boxes_that_are_no_text_are_refused(root):
    with pytest.raises(UserError, match=r"b\.JPG could not be read as UTF-8 text"):
        folder.list_photographs(str(root / "images"), boxes_file=str(root / "images" / "b.JPG"))


def test_masks_are_found_by_name_and_png_is_preferred(root):
    for name in ("masks/b.jpg", "masks/b.png", "masks/b.tif", "masks/deep/c.bmp"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 10)).save(path)
    masks = [one.mask_path for one in folder.list_photographs(str(root / "images"), mask_dir=str(root / "masks"))]
    assert masks == [None, str(root / "masks" / "b.png"), str(root / "masks" / "deep" / "c.bmp")]


def test_masks_and_backgrounds_inside_the_images_folder_are_no_photographs(root):
    for name in ("images/masks/b.png", "images/walls/wall.jpg"):
        (root / name).parent.mkdir()
        Image.new("L", (20, 10)).save(root / name)
    photographs = folder.list_photographs(str(root / "images"), mask_dir=str(root / "images" / "masks"),
                                          excluded_dir=str(root / "images" / "walls"))
    assert _names(photographs) == ["a dog.png", "b.JPG", "deep/c.webp"]
    assert photographs[1].mask_path == str(root / "images" / "masks" / "b.png")
    with pytest.raises(UserError, match="holds no image but masks and backgrounds"):
        folder.list_photographs(str(root), excluded_dir=str(root / "images"))


def test_one_folder_of_images_and_masks_is_refused(root):
    with pytest.raises(UserError, match="is given for images and for masks; masks need a folder of their own"):
        folder.list_photographs(str(root / "images"), mask_dir=str(root / "deep" / ".." / "images"))


def test_a_link_that_leads_back_up_is_followed_no_second_time(root):
    (root / "images" / "deep" / "back").symlink_to(root / "images", target_is_directory=True)
    (root / "elsewhere").mkdir()
    Image.new("RGB", (4, 4)).save(root / "elsewhere" / "far.png")
    (root / "images" / "link").symlink_to(root / "elsewhere", target_is_directory=True)
    assert _names(folder.list_photographs(str(root / "images"))) == ["a dog.png", "b.JPG", "deep/c.webp",
                                                                     "link/far.png"]


def test_masks_of_other_images_are_refused(root):
    (root / "masks").mkdir()
    Image.new("L", (20, 10)).save(root / "masks" / "other.png")
    with pytest.raises(UserError, match="None of the masks in .*masks has the name of an image"):
        folder.list_photographs(str(root / "images"), mask_dir=str(root / "masks"))


def test_empty_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no image"):
        folder.list_photographs(str(tmp_path))
    with pytest.raises(UserError, match="no folder .*nowhere"):
        folder.list_image_files(str(tmp_path / "nowhere"))
