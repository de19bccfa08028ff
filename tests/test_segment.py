"""segment.py as users start it: files, folders, boxes, broken files, refusals, and its memory."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import unicodedata

from PIL import Image
import numpy as np
import pytest

import segment
from conftest import ROOT, script
from data import samples
from data.folder import Picture
from data.images import load_image
from errors import UserError
from inference.mask_folder import MaskFolder
from inference.segmenter import Segmentation, Segmenter
from models.unet import build_unet
from storage.weights import save_weights

PETS = ("Abyssinian_1.jpg", "Abyssinian_10.jpg", "Abyssinian_102.jpg")
MAX_MEGABYTES = 1500
# Runs a script and says its own peak memory in the end. (What a parent reads as its child's, ru_maxrss, begins with the
# parent's own memory, which the child has until it starts the program.)
SAY_PEAK_MEMORY = """
import atexit, pathlib, runpy, sys
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(name="weights", scope="module")
def _weights(tmp_path_factory):
    """A weights file of an untrained network of 64 pixels, whose masks are not the same grey all over."""
    network = build_unet(width=1 / 16, size=64)
    network.mask_logits.kernel.assign(network.mask_logits.kernel * 10.0)
    path = tmp_path_factory.mktemp("weights") / "w.npz"
    save_weights(path, network, metadata={"task": "foreground", "network": "unet", "width": 1 / 16, "image_size": 64,
                                          "crop": "box", "flags": {}})
    return path


@pytest.fixture(name="tree", scope="module")
def _tree(run_script, tmp_path_factory, weights):
    """A folder of 26 pictures, two of one name, one turned, one broken, and what the script made of it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("dogs/x.jpg", "cats/x.jpg", "cats/broken.jpg", "many/a.png"):
        (tree / name).parent.mkdir(exist_ok=True)
    shutil.copy(os.path.join(samples.PETS_IMAGES, PETS[0]), tree / "dogs" / "x.jpg")
    shutil.copy(os.path.join(samples.PETS_IMAGES, PETS[1]), tree / "cats" / "x.jpg")
    (tree / "notes.txt").write_text("not a picture")
    data = (tree / "cats" / "x.jpg").read_bytes()
    (tree / "cats" / "broken.jpg").write_bytes(data[:len(data) // 2])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    rng = np.random.default_rng(0)
    for index in range(23):
        picture = Image.fromarray(rng.integers(0, 256, (20 + index, 50, 3), np.uint8))
        picture.save(tree / "many" / f"{index:02d}.png", **({"exif": exif} if index == 0 else {}))
    result = run_script("segment.py", f"--weights={weights}", tree, f"--out={tree / 'masks'}")
    return tree, result


def _rows(out):
    with open(out / "masks.csv", encoding="utf-8") as file:
        return {row["mask"]: row for row in csv.DictReader(file)}


def test_a_broken_file_is_named_and_passed_over_and_the_status_says_so(tree):
    folder, result = tree
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"{folder / 'cats' / 'broken.jpg'} could not be read as an image" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: 1 of 26 pictures failed")
    assert "25 masks are in" in result.stdout
    assert "%|" not in result.stderr  # no progress bar where there is no terminal
    assert len(_rows(folder / "masks")) == 25 and not (folder / "masks" / "cats" / "broken_mask.png").exists()


def test_masks_are_laid_out_as_the_folder_at_the_pictures_resolution(tree, weights):
    folder, _ = tree
    segmenter = Segmenter.from_weights(weights)
    for name in ("dogs/x", "cats/x"):
        picture = load_image(str(folder / f"{name}.jpg"))
        expected = segmenter.mask(picture)
        with Image.open(folder / "masks" / f"{name}_mask.png") as mask:
            assert mask.mode == "L" and mask.size == picture.shape[1::-1]
            np.testing.assert_allclose(np.asarray(mask, np.float32), expected * 255, atol=0.6)
            with Image.open(folder / "masks" / f"{name}_cutout.png") as cutout:
                assert cutout.mode == "RGBA"
                np.testing.assert_array_equal(np.asarray(cutout), np.dstack([picture, np.asarray(mask)]))


def test_a_turned_picture_has_the_mask_of_what_a_viewer_shows(tree, weights):
    folder, _ = tree
    picture = load_image(str(folder / "many" / "00.png"))
    assert picture.shape == (50, 20, 3)  # stored as 20 x 50
    with Image.open(folder / "masks" / "many" / "00_mask.png") as mask:
        expected = Segmenter.from_weights(weights).mask(picture)
        np.testing.assert_allclose(np.asarray(mask, np.float32), expected * 255, atol=0.6)


def test_the_table_measures_what_the_mask_files_hold(tree):
    folder, _ = tree
    for name, row in _rows(folder / "masks").items():
        with Image.open(folder / "masks" / name) as mask:
            values = np.asarray(mask)
        assert (int(row["width"]), int(row["height"])) == values.shape[::-1]
        assert float(row["area_fraction"]) == pytest.approx(values.mean() / 255, abs=0.003)
        rows, columns = np.nonzero(values >= 128)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1] if len(rows) else [""] * 4
        assert [row[f"box_{key}"] for key in ("x", "y", "width", "height")] == [str(value) for value in box]
        assert os.path.splitext(row["file"])[0] + "_mask.png" == name


def test_contact_sheets_hold_24_pictures_each(tree):
    folder, _ = tree
    sheets = sorted(path.name for path in (folder / "masks").glob("contact_sheet_*.png"))
    assert sheets == ["contact_sheet_001.png", "contact_sheet_002.png"]
    sizes = [Image.open(folder / "masks" / name).size for name in sheets]
    assert sizes[0][0] == 8 * 130 + 2 and sizes[1][0] == 130 + 2
    assert sizes[0][1] == 3 * sizes[1][1]


def test_several_boxes_of_a_picture_are_numbered_and_equal_stems_keep_their_suffix(run_script, weights, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    for name in ("a.png", "a.bmp", "unlisted.png"):
        Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "boxes.txt").write_text("a.png 10 5 30 20\na.bmp 0 0 50 50\na.png 40 20 50 40\n")
    out = tmp_path / "out"
    result = run_script("segment.py", tmp_path / "a.png", f"--boxes={tmp_path / 'boxes.txt'}", f"--out={out}",
                        tmp_path / "a.bmp", tmp_path / "unlisted.png", f"--weights={weights}", "--batch_size=2")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in out.glob("*_*t*.png")) == [
        "a.bmp_cutout.png", "a.png_1_cutout.png", "a.png_2_cutout.png", "contact_sheet_001.png"]
    segmenter = Segmenter.from_weights(weights)
    for stem, box in (("a.png_1", (10, 5, 30, 20)), ("a.png_2", (40, 20, 50, 40)), ("a.bmp", (0, 0, 50, 50))):
        with Image.open(out / f"{stem}_mask.png") as mask:
            np.testing.assert_allclose(np.asarray(mask, np.float32), segmenter.mask(picture, box=box) * 255, atol=0.6)
    assert [row["file"] for row in _rows(out).values()] == ["a.png", "a.png", "a.bmp"]


def test_a_photograph_of_twelve_million_pixels_needs_little_memory(weights, tmp_path):
    rows, columns = np.mgrid[:3000, :4000]
    noise = np.random.default_rng(0).integers(0, 8, (3000, 4000), np.uint8)
    Image.fromarray(np.dstack([rows // 12 + noise, columns // 17, (rows + columns) // 30]).astype(np.uint8)).save(
        tmp_path / "photograph.jpg", quality=92)
    del rows, columns, noise
    process = subprocess.run(
        [sys.executable, "-c", SAY_PEAK_MEMORY, *script("segment.py")[1:], f"--weights={weights}",
         tmp_path / "photograph.jpg", f"--out={tmp_path / 'out'}"],
        capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert process.returncode == 0, process.stderr
    with Image.open(tmp_path / "out" / "photograph_cutout.png") as cutout:
        assert cutout.size == (4000, 3000)
    peak = int(re.search(r"^VmHWM:\s+(\d+) kB", process.stdout, re.M).group(1)) / 1024
    assert 100 < peak < MAX_MEGABYTES


@pytest.mark.parametrize("arguments, message", [
    (["--weights=hoc.npz", "pictures", "--out=out"], "hoc.npz holds a 'instance_generator', expected a 'unet'"),
    (["--weights=w.npz", "pictures", "--out=hoc.npz/out"], "hoc.npz/out/masks.csv cannot be written"),
    (["--weights=w.npz", "--out=out"], "No picture is given"),
    (["--weights=w.npz", "", "--out=out"], "A path given is empty"),
    (["--weights=w.npz", "pictures", "--out=out", "--boxes_format=yolo"], "how --boxes are written, and none are"),
])
def test_what_cannot_be_done_is_refused_in_a_sentence(run_script, weights, tmp_path, arguments, message):
    shutil.copy(weights, tmp_path / "w.npz")
    (tmp_path / "pictures").mkdir()
    shutil.copy(os.path.join(samples.PETS_IMAGES, PETS[2]), tmp_path / "pictures")
    save_weights(tmp_path / "hoc.npz", build_unet(width=1 / 16, size=64), metadata={
        "task": "hoc", "network": "instance_generator"})
    result = run_script("segment.py", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_pictures_that_would_be_written_to_one_file_are_refused():
    pictures = [Picture("x.png", "monday/x.png", (None,)), Picture("x.png", "tuesday/x.png", (None,))]
    with pytest.raises(UserError, match="monday/x.png and tuesday/x.png would both be written as x.png_mask.png"):
        segment.output_stems(pictures)
    pictures = [Picture("x.png", "x.png", ((0, 0, 1, 1),) * 2), Picture("x_2.png", "x_2.png", (None,))]
    with pytest.raises(UserError, match="would both be written as x_2_mask.png"):
        segment.output_stems(pictures)


def test_a_picture_is_never_written_over(tmp_path):
    names = ("x.png", "x_mask.png")
    for name in names:
        (tmp_path / name).touch()
    pictures = [Picture(name, str(tmp_path / name), (None,)) for name in names]
    stems = segment.output_stems(pictures)
    with pytest.raises(UserError, match=r"x_mask\.png, which is to be read, would be overwritten"):
        segment.check_overwriting(pictures, stems, out=str(tmp_path))
    segment.check_overwriting(pictures, stems, out=str(tmp_path / "masks"))


def test_neither_a_picture_called_as_a_contact_sheet_nor_the_boxes_are_written_over(tmp_path):
    sheet = tmp_path / "contact_sheet_017.png"
    pictures = [Picture(sheet.name, str(sheet), (None,))]
    stems = segment.output_stems(pictures)
    with pytest.raises(UserError, match="contact_sheet_017.png, which is to be read, would be overwritten"):
        segment.check_overwriting(pictures, stems, out=str(tmp_path))
    with pytest.raises(UserError, match="masks.csv, which is to be read, would be overwritten"):
        segment.check_overwriting(pictures, stems, out=str(tmp_path / "out"), boxes=str(tmp_path / "out" / "masks.csv"))
    segment.check_overwriting(pictures, stems, out=str(tmp_path / "out"), boxes=str(tmp_path / "masks.csv"))


def _files(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_call_that_was_stopped_goes_on_to_what_a_whole_one_leaves(run_script, weights, tmp_path):
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for index in range(26):
        picture = Image.fromarray(rng.integers(0, 256, (20, 30 + index, 3), np.uint8))
        picture.save(tmp_path / "in" / f"{index:02d},\n.png")
    command = ("segment.py", f"--weights={weights}", tmp_path / "in", f"--out={tmp_path / 'out'}")
    assert run_script(*command).returncode == 0
    whole = _files(tmp_path / "out")
    table = (tmp_path / "out" / "masks.csv").read_text().split("\"\n")
    (tmp_path / "out" / "masks.csv").write_text("\"\n".join(table[:20]) + "\"\n")  # the header, and 20 lines
    (tmp_path / "out" / "contact_sheet_002.png").unlink()
    (tmp_path / "out" / "19,\n_cutout.png").write_bytes(b"")
    (tmp_path / "out" / "22,\n_mask.png").unlink()
    (tmp_path / "out" / "00,\n_mask.png").touch()
    before = (tmp_path / "out" / "00,\n_mask.png").stat().st_mtime_ns
    result = run_script(*command, "--skip_existing")
    assert result.returncode == 0, result.stderr
    assert "19 of 26 pictures are passed over, whose masks are there" in result.stdout
    assert "26 masks are in" in result.stdout
    assert (tmp_path / "out" / "00,\n_mask.png").stat().st_mtime_ns == before
    assert set(_files(tmp_path / "out")) == set(whole)
    for name, content in _files(tmp_path / "out").items():
        if name.startswith("contact_sheet"):  # of masks that are rounded to 8 bits
            sheets = [np.asarray(Image.open(io.BytesIO(one)), np.int16) for one in (content, whole[name])]
            np.testing.assert_allclose(*sheets, atol=2)
        else:
            assert content == whole[name], name
    again = run_script(*command, "--skip_existing")
    assert again.returncode == 0 and "26 of 26 pictures are passed over" in again.stdout
    assert _files(tmp_path / "out")["masks.csv"] == whole["masks.csv"]


def test_what_is_finished_is_of_the_same_picture_and_of_all_its_boxes(tmp_path):
    folder = MaskFolder(tmp_path)
    for name, stem, number in (("a.png", "a", None), ("b.png", "b_1", 1)):
        image, mask = np.zeros((4, 5, 3), np.uint8), np.ones((4, 5), np.float32)
        folder.add(Segmentation(name, name, number, None, image, mask, None), stem=stem)
    folder.finish()
    pictures = [Picture("a.png", "a.png", (None,)), Picture("b.png", "b.png", ((0, 0, 1, 1),) * 2)]
    left, kept = segment.split_finished(pictures, segment.output_stems(pictures), out=tmp_path)
    assert left == pictures[1:] and [row[0] for row in kept] == ["a.png"]
    other = [Picture("a.jpg", "a.jpg", (None,))]
    assert segment.split_finished(other, segment.output_stems(other), out=tmp_path) == (other, [])
    (tmp_path / "masks.csv").unlink()
    assert segment.split_finished(pictures, segment.output_stems(pictures), out=tmp_path) == (pictures, [])


def test_a_picture_of_any_name_has_its_mask_and_one_of_too_long_a_name_is_named(run_script, weights, tmp_path):
    names = ["#hash.png", "-dash.png", "new\nline\r.png", "latin\udce9.png", "per%cent,\"q.png", "日本語é😀.png",
             unicodedata.normalize("NFD", "é.png"), "n" * 244 + ".png", "m" * 245 + ".png"]
    (tmp_path / "in").mkdir()
    for name in names:
        Image.new("RGB", (30, 20), "red").save(tmp_path / "in" / name)
    result = run_script("segment.py", f"--weights={weights}", tmp_path / "in", f"--out={tmp_path / 'out'}")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"{'m' * 245}.png: its name leaves no room for _cutout.png; rename it" in result.stderr
    assert "8 masks are in" in result.stdout and "1 of 9 pictures failed" in result.stderr
    with open(tmp_path / "out" / "masks.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == set(names[:-1])
    assert all((tmp_path / "out" / row["mask"]).exists() for row in rows)
    assert len(list((tmp_path / "out").iterdir())) == 2 * 8 + 2


def test_boxes_of_many_pictures_serve_for_one(run_script, weights, tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (60, 40), "red").save(tmp_path / name)
    boxes = tmp_path / "boxes.txt"
    command = ("segment.py", f"--weights={weights}", f"--boxes={boxes}", f"--out={tmp_path / 'out'}")
    boxes.write_text("a.png 5 5 30 40\nb.png 10 10 50 30\ngone.png 1 1 2 2\n")
    result = run_script(*command, tmp_path / "b.png", "--boxes_format=corners")
    assert result.returncode == 0 and "1 masks are in" in result.stdout, result.stderr
    assert "2 of 3 boxes are passed over" in result.stderr and result.stderr.count("\n") == 1
    boxes.write_text("gone.png 1 1 2 2\n")
    result = run_script(*command, tmp_path / "b.png")
    assert result.returncode == 1 and "there is no image 'gone.png' among the images" in result.stderr
    boxes.write_text("b.png 1 1 20 20\na.png 1 1 20 20\na.png 5 5 20 20\n")
    (tmp_path / "a.png").write_bytes(b"broken")
    result = run_script(*command, tmp_path)
    assert result.returncode == 1 and "error: 1 of 2 pictures failed" in result.stderr, result.stderr
