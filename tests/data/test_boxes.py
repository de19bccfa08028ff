"""Lists of boxes: formats, what looks like another one, and the pictures that they name."""

import json
import unicodedata

import pytest
from PIL import Image

from data import birds, box_checks, boxes, faces, folder
from data.images import load_image
from errors import UserError

SIZE = (160, 120)


@pytest.fixture(name="images")
def _images(tmp_path):
    """Paths of four pictures of 160x120 by name, the last of which is stored so and shown turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    paths = {name: str(tmp_path / name) for name in ("a.png", "b.png", "c.png", "turned.jpg")}
    for name, path in paths.items():
        Image.new("RGB", SIZE).save(path, **({"exif": exif} if name == "turned.jpg" else {}))
    return paths


@pytest.fixture(name="read")
def _read(images, tmp_path):
    """Callable that reads a list of some text."""

    def read(text, boxes_format=None, *, name="boxes.txt"):
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        return boxes.read_boxes(str(tmp_path / name), images=images, boxes_format=boxes_format)

    return read


def test_all_formats_say_the_same_boxes(read, images, tmp_path):
    expected = {"a.png": [(16.0, 12.0, 80.0, 60.0)], "turned.jpg": [(12.0, 16.0, 60.0, 80.0), (0.0, 0.0, 120.0, 160.0)]}
    assert read("a.png 16 12 80 60\nturned.jpg 12 16 60 80\nturned.jpg 0 0 120 160\n") == expected
    assert read("a.png 16 12 96 72\nturned.jpg 12 16 72 96\nturned.jpg 0 0 120 160\n", "corners") == expected
    shares = read("a.png .35 .35 .5 .5\nturned.jpg .35 .35 .5 .5\nturned.jpg .5 .5 1 1\n", "yolo")
    assert {name: [pytest.approx(box) for box in found] for name, found in expected.items()} == shares
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("3 .35 .35 .5 .5\n")
    (tmp_path / "labels" / "turned.txt").write_text("0 .35 .35 .5 .5\n1 .5 .5 1 1 .97\n")
    (tmp_path / "labels" / "classes.txt").write_text("dog\ncat\n")
    assert boxes.read_boxes(str(tmp_path / "labels"), images=images, boxes_format="yolo") == shares
    coco = {"images": [{"id": 7, "file_name": "turned.jpg"}, {"id": 8, "file_name": "a.png"}], "annotations": [
        {"image_id": 8, "bbox": [16, 12, 80, 60]}, {"image_id": 7, "bbox": [12, 16, 60, 80]},
        {"image_id": 7, "bbox": [0, 0, 120, 160]}, {"image_id": 7, "segmentation": []}]}
    assert read(json.dumps(coco), "coco", name="boxes.json") == expected


@pytest.mark.parametrize("text, boxes_format, message", [
    ("a.png .25 .2 .5 .6\nb.png 0 0 1 1\n", None, "no number above 1.* shares of the sides; give --boxes_format=yolo if"),
    ("0 .5 .5 .5 .6\n1 .5 .5 .5 .6\n", None, "looks like lines 'class .*' of YOLO; give the folder .* --boxes_format=yolo"),
    ("0 .5 .5 .5 .6\n", "yolo", "no image '0' among the images.*if these are classes, give the folder of YOLO's .txt files"),
    ("a.png 100 50 150 110\nb.png 20 20 100 90\n", None, "looks like corners.* 1 of 2 boxes .* --boxes_format=corners"),
    ("turned.jpg 125 20 30 80\n", None, "looks like boxes on the stored pixels, before EXIF rotation: 1 of 1"),
    ("turned.jpg 100 20 50 80\na.png 1 1 9 9\n", None, "before EXIF rotation: 1 of 1 boxes of turned pictures"),
    ("a.png 80 60 40 30\nb.png 80 60 40 30\n", "corners", "looks like x y width height: as corners, 2 of 2"),
    ("a.png 80 60 40 30\n", "yolo", "holds 80, and YOLO's boxes are shares of the sides, at most 1"),
    ("a.png 80 60 40 30\n", "coco", "is no COCO file"),
    ('{"images": [], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}', "coco", "no image with the id 1"),
    ('{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3]}]}', "coco",
     "annotation 1: found the box '1 2 3', expected four numbers"),
])
def test_another_format_is_refused_with_what_it_looks_like(read, text, boxes_format, message):
    with pytest.raises(UserError, match=message):
        read(text, boxes_format)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_sides_are_known_before_and_after_rotation_in_any_file(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(tmp_path / f"a.{suffix}", exif=exif)
    sides = box_checks.read_sides(str(tmp_path / f"a.{suffix}"))
    assert sides.shown == load_image(str(tmp_path / f"a.{suffix}")).shape[1::-1] == SIZE[::-1]
    assert sides.stored == SIZE


def test_a_json_file_and_a_folder_ask_for_their_formats(read, images, tmp_path):
    with pytest.raises(UserError, match="looks like COCO's JSON; give --boxes_format=coco"):
        read("{}", name="boxes.json")
    with pytest.raises(UserError, match="is a folder; give --boxes_format=yolo if"):
        boxes.read_boxes(str(tmp_path), images=images)


@pytest.mark.parametrize("text, boxes_format, message", [
    ("a.png 40 24 120 96\nb.png 50 30 110 90\n", None, "looks like corners"),
    ("a.png 100 50 150 110\n", "xywh", "looks like corners"),
    ("turned.jpg 125 20 30 80\n", "xywh", "before EXIF rotation"),
    ("turned.jpg 125 20 155 100\n", "corners", "before EXIF rotation"),
    ("a.png .25 .2 .8 .6\n", "yolo", "x and y are no centres"),
])
def test_a_doubt_about_a_format_that_is_named_or_likely_is_a_warning(read, capsys, text, boxes_format, message):
    assert read(text, boxes_format)
    printed = capsys.readouterr().err
    assert printed.startswith("warning: ") and message in printed


@pytest.mark.parametrize("text", [
    "a.png 16 12 80 60\nb.png 100 70 60 50\nc.png 0 0 160 120\n", "a.png 0 0 1 1\nb.png 2 2 1 1\n",
    "a.png 40 24 80 72\nb.png 41 24 80 72\nc.png 42 24 85 72\n", "turned.jpg 10 10 100 140\n"])
def test_usual_boxes_give_no_doubt(read, capsys, text):
    assert len(read(text)) == text.count("\n")
    assert not capsys.readouterr().err


def test_lines_of_other_pictures_are_counted_in_one_line(read, capsys):
    assert read("x.png 1 1 2 2\nb.png 1 2 3 4\ny.png 1 1 2 2\n") == {"b.png": [(1.0, 2.0, 3.0, 4.0)]}
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "2 of 3 boxes are passed over" in printed and "the first is of 'x.png'" in printed


def test_a_box_without_size_is_named_and_passed_over(read, capsys):
    assert read("a.png 0 0 0 0\nb.png 1 2 3 4\nc.png 5 5 4 -1\n") == {"b.png": [(1.0, 2.0, 3.0, 4.0)]}
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2 and "boxes.txt, line 1: the box of a.png has no size (0 0 0 0)" in printed[0]
    with pytest.raises(UserError, match="holds no box of any size"):
        read("a.png 0 0 0 0\n")
    capsys.readouterr()
    read("a.png 0 0 0 0\n" * 9 + "b.png 1 2 3 4\n")
    assert capsys.readouterr().err.splitlines()[-1] == "passed over: 4 more boxes without size"


def test_data_sets_boxes_without_size_are_passed_over_too(tmp_path, capsys):
    (tmp_path / "img_celeba").mkdir()
    (tmp_path / "Anno").mkdir()
    (tmp_path / "images").mkdir()
    for name in ("1.jpg", "2.jpg"):
        Image.new("RGB", SIZE).save(tmp_path / "img_celeba" / name)
        Image.new("RGB", SIZE).save(tmp_path / "images" / name)
    (tmp_path / "Anno" / "list_bbox_celeba.txt").write_text("2\nid x y w h\n1.jpg 0 0 0 0\n2.jpg 1 2 3 4\n")
    (tmp_path / "images.txt").write_text("1 1.jpg\n2 2.jpg\n")
    (tmp_path / "bounding_boxes.txt").write_text("1 0 0 0 0\n2 1 2 3 4\n")
    for layout in (faces, birds):
        assert [(one.name, one.box) for one in layout.list_photographs(str(tmp_path))] == [("2.jpg", (1.0, 2.0, 3.0, 4.0))]
        assert "the box of 1.jpg has no size" in capsys.readouterr().err


@pytest.mark.parametrize("stored, written", [
    ("é.png", unicodedata.normalize("NFD", "é.png")), (unicodedata.normalize("NFD", "é.png"), "é.png"),
    ("a b.png", "a b.png"), (" a\u00a0b.png", "a b.png"), ("new\nline.png", "new line.png"), ("#1.png", "#1.png"),
    ("latin\udce9.png", "latin\udce9.png"), ("deep/a.png", "./deep/a.png"), ("per%cent,\"q.png", "per%cent,\"q.png"),
    ("-dash.png", "-dash.png"), ("日本語😀.png", "日本語😀.png")])
def test_any_name_is_found_in_a_list(tmp_path, stored, written):
    path = tmp_path / "images" / stored
    path.parent.mkdir(parents=True)
    Image.new("RGB", SIZE).save(path)
    (tmp_path / "boxes.txt").write_bytes(f"# comment 1 2 3 4\n{written} 1 2 3 4\n".encode("utf-8", "surrogateescape"))
    found = folder.list_photographs(str(tmp_path / "images"), boxes_file=str(tmp_path / "boxes.txt"))
    assert [(one.name, one.box) for one in found] == [(stored, (1.0, 2.0, 3.0, 4.0))]


def test_a_name_that_may_be_either_of_two_is_refused_and_one_that_is_exact_is_not(tmp_path):
    names = [unicodedata.normalize(form, "é  é.png") for form in ("NFC", "NFD")]
    for name in names:
        Image.new("RGB", SIZE).save(tmp_path / name)
    (tmp_path / "boxes.txt").write_text(f"{names[1]} 1 2 3 4\n")
    found = folder.list_photographs(str(tmp_path), boxes_file=str(tmp_path / "boxes.txt"))
    assert [one.name for one in found] == [names[1]]
    (tmp_path / "boxes.txt").write_text("é é.png 1 2 3 4\n")
    with pytest.raises(UserError, match="line 1: 'é é.png' may be .* or .*; rename one of them"):
        folder.list_photographs(str(tmp_path), boxes_file=str(tmp_path / "boxes.txt"))


def test_masks_of_decomposed_names_are_those_of_composed_ones(tmp_path):
    for part, name in (("images", unicodedata.normalize("NFC", "é.png")), ("masks", unicodedata.normalize("NFD", "é.png"))):
        (tmp_path / part).mkdir()
        Image.new("L", SIZE).save(tmp_path / part / name)
    found = folder.list_photographs(str(tmp_path / "images"), mask_dir=str(tmp_path / "masks"))
    assert found[0].mask_path is not None


def test_bytes_that_are_no_utf8_and_utf16_are_said(read):
    with pytest.raises(UserError, match="its bytes are no UTF-8; save the list as UTF-8"):
        read("gr\udcfcn.png 1 2 3 4\n")
    with pytest.raises(UserError, match="it holds zeros, as UTF-16"):
        read("a\0.\0p\0n\0g\0 1 2 3 4\n")


def test_a_broken_picture_keeps_its_box_so_that_it_is_named_when_it_is_read(read, images):
    with open(images["b.png"], "w", encoding="utf-8") as file:
        file.write("no picture")
    assert set(read("a.png .5 .5 .5 .5\nb.png .5 .5 .5 .5\n", "yolo")) == {"a.png", "b.png"}
    assert set(read("a.png 1 2 3 4\nb.png 1 2 3 4\n")) == {"a.png", "b.png"}


def test_a_file_given_itself_is_known_by_any_ending_of_its_path(tmp_path, capsys):
    for name in ("photos/cats/x.png", "photos/y.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(tmp_path / name)
    inputs = [str(tmp_path / name) for name in ("photos/cats/x.png", "photos/y.png")]
    lists = {"cats/x.png 1 2 3 4\nx.png 5 6 7 8\ny.png 9 9 9 9\n": [1, 9], "x.png 5 6 7 8\n": [5],
             f"{inputs[0]} 3 2 3 4\ndogs/x.png 4 6 7 8\n": [3]}
    for text, expected in lists.items():
        (tmp_path / "boxes.txt").write_text(text)
        pictures = folder.list_pictures(inputs, boxes_file=str(tmp_path / "boxes.txt"))
        assert [one.boxes[0][0] for one in pictures] == expected and all(len(one.boxes) == 1 for one in pictures)
    assert "the first is of 'dogs/x.png'" in capsys.readouterr().err
    assert [one.name for one in folder.list_pictures(inputs, boxes_file=str(tmp_path / "boxes.txt"))] == ["x.png"]
