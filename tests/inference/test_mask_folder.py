"""The folder of masks that `segment.py` writes: pictures, a table, and contact sheets."""

import csv
import os
import threading

import numpy as np
import pytest

from conftest import file_size_limit
from errors import UserError
from inference import mask_folder
from inference.mask_folder import MaskFolder
from inference.segmenter import Segmentation
from visualization import panels, tiles


def test_what_was_written_stays_when_the_disk_is_full(tmp_path):
    out = MaskFolder(tmp_path / "out")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    mask = np.zeros([200, 200], np.float32)
    mask[20:50, 10:60] = 0.5
    out.add(Segmentation("small.png", "small.png", None, None, noise[:60, :80], mask[:60, :80], None), stem="small")
    with file_size_limit(30_000):
        with pytest.raises(UserError, match=r"big_cutout\.png cannot be written"):
            out.add(Segmentation("big.png", "big.png", None, None, noise, mask, None), stem="big")
            out.finish()
    out.finish()
    assert sorted(os.listdir(tmp_path / "out")) == [
        "big_mask.png", "contact_sheet_001.png", "masks.csv", "small_cutout.png", "small_mask.png"]
    with open(tmp_path / "out" / "masks.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"file": "small.png", "width": "80", "height": "60", "area_fraction": "0.156250", "box_x": "10",
                     "box_y": "20", "box_width": "50", "box_height": "30", "mask": "small_mask.png"}]


def test_after_an_error_what_is_written_is_in_the_table(tmp_path, monkeypatch):
    save = tiles.save_png

    def save_but_for_one(array, path, **options):
        if path.name == "1_mask.png":
            raise UserError(f"{path} cannot be written: no space.")
        save(array, path, **options)

    monkeypatch.setattr(tiles, "save_png", save_but_for_one)
    out = MaskFolder(tmp_path / "out")
    _added(out, 4)
    out.keep_written()
    assert _listed(tmp_path / "out") == ["0.png", "2.png", "3.png"] and out.num_masks == 3


def _added(out, count):
    for index in range(count):
        image, mask = np.full((8, 9, 3), index, np.uint8), np.ones((8, 9), np.float32)
        out.add(Segmentation(f"{index}.png", f"{index}.png", None, None, image, mask, None), stem=str(index))


def _listed(path):
    with open(path / "masks.csv", encoding="utf-8") as file:
        return [row["file"] for row in csv.DictReader(file)]


def test_masks_are_written_beside_each_other_and_listed_in_their_order(tmp_path, monkeypatch):
    others, save = threading.Event(), tiles.save_png

    def save_first_last(array, path, **options):
        if path.name == "0_mask.png":
            assert others.wait(60)
        save(array, path, **options)
        if path.name == "1_cutout.png":
            others.set()

    monkeypatch.setattr(tiles, "save_png", save_first_last)
    out = MaskFolder(tmp_path)
    _added(out, 2)
    out.finish()  # with one after the other the first would wait in vain
    assert _listed(tmp_path) == ["0.png", "1.png"] and out.num_masks == 2


def test_masks_do_not_wait_for_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    out = MaskFolder(tmp_path)
    assert len(synced) == 1  # the table
    _added(out, 3)
    out.finish()
    assert len(synced) == 2  # and the contact sheet


@pytest.mark.parametrize("max_pixels, num_waiting", [(1, 1), (2 * 8 * 9, 2), (2**24, 16)])
def test_few_masks_wait_to_be_written(tmp_path, monkeypatch, max_pixels, num_waiting):
    monkeypatch.setattr(mask_folder, "MAX_WAITING_PIXELS", max_pixels)
    out = MaskFolder(tmp_path)
    _added(out, 20)
    assert len(_listed(tmp_path)) == 20 - num_waiting
    out.finish()
    assert _listed(tmp_path) == [f"{index}.png" for index in range(20)]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.out.masks\.csv cannot be written"):
        MaskFolder(tmp_path / "file" / "out")


def test_a_contact_sheet_shows_input_mask_and_cut_out_below_each_name():
    red = np.zeros([10, 40, 3], np.uint8)
    red[..., 0] = 255
    half = np.zeros([10, 40], np.float32)
    half[:, 20:] = 1
    pictures = [tiles.fit(red, size=32)] * 3
    masks = [tiles.fit(half, size=32)] * 3
    assert pictures[0].shape == (8, 32, 3) and masks[0].shape == (8, 32)
    names = ["a", "x" * 300, "line\nbreak \udcff"]
    sheet = panels.contact_sheet(pictures, masks, names=names, size=32, columns=2)
    height = (len(sheet) - 2 * (3 * 34 + 2)) // 2  # of a line of names; two strips of three rows of tiles
    assert sheet.shape == (2 * (height + 3 * 34 + 2), 2 * 34 + 2, 3) and height >= 12
    middle = [height + 2 + row * 34 + 16 for row in range(3)]  # the tiles' middle rows
    left, right = 2 + 6, 2 + 26
    assert tuple(sheet[middle[0], left]) == tuple(sheet[middle[0], right]) == (255, 0, 0)
    assert sheet[middle[1], left].max() == 0 and sheet[middle[1], right].min() == 255
    assert tuple(sheet[middle[2], right]) == (255, 0, 0) and len(set(sheet[middle[2], left])) == 1  # a grey square
    assert (sheet[:height] < 128).any()  # there are names
    assert (sheet[-34:, 36:] == 255).all()  # the place of the fourth picture is empty


def test_sheets_of_an_earlier_call_go_and_nothing_else(tmp_path):
    for name in ("contact_sheet_001.png", "contact_sheet_1000.png", "contact_sheet_of_mine.png", "x_mask.png"):
        (tmp_path / name).touch()
    MaskFolder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact_sheet_of_mine.png", "masks.csv", "x_mask.png"]


def test_an_earlier_table_and_its_sheets_stay_until_there_is_a_mask(tmp_path):
    out = MaskFolder(tmp_path)
    _added(out, 3)
    out.finish()
    again = MaskFolder(tmp_path)
    again.finish()
    assert _listed(tmp_path) == ["0.png", "1.png", "2.png"] and (tmp_path / "contact_sheet_001.png").exists()
    _added(again, 1)
    again.finish()
    assert _listed(tmp_path) == ["0.png"]


def test_an_earlier_table_is_renewed_before_a_mask_of_its_is_replaced(tmp_path, monkeypatch):
    out = MaskFolder(tmp_path)
    _added(out, 3)
    out.finish()
    again = MaskFolder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(mask_folder.atomic, "write", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            _added(again, 1)
    again.finish()
    assert _listed(tmp_path) == ["0.png", "1.png", "2.png"]
    _added(again, 1)  # one that still waits to be written
    assert _listed(tmp_path) == []
    again.finish()
    assert _listed(tmp_path) == ["0.png"]


@pytest.mark.parametrize("content", ["", ",".join(mask_folder.COLUMNS) + "\r\n"], ids=["empty", "saved by a spreadsheet"])
def test_a_table_that_was_emptied_or_saved_again_is_taken(tmp_path, content):
    (tmp_path / "masks.csv").write_bytes(content.encode())
    out = MaskFolder(tmp_path)
    _added(out, 1)
    out.finish()
    assert _listed(tmp_path) == ["0.png"]


def test_another_table_is_not_overwritten(tmp_path):
    (tmp_path / "masks.csv").write_text("patient,age\n1,2\n")
    with pytest.raises(UserError, match=r"masks\.csv is no table of masks and would be overwritten; give another --out"):
        MaskFolder(tmp_path)
    assert (tmp_path / "masks.csv").read_text() == "patient,age\n1,2\n"
