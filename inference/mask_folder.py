"""The folder of masks that `segment.py` writes: pictures, a table, and contact sheets."""

import csv
import errno
import fnmatch
import io
import os
import pathlib
from typing import Any, Optional, Sequence, Union

import numpy as np
from PIL import Image

from data.folder import MASK_TABLE
from data.images import to_uint8
from data.windows import Window, tight_window
from errors import UserError
from inference.segmenter import Segmentation
from storage import atomic
from visualization import panels, tiles

MASK_SUFFIX, CUTOUT_SUFFIX, TABLE_NAME = "_mask.png", "_cutout.png", MASK_TABLE[0]
COLUMNS = ("file", "width", "height", "area_fraction", "box_x", "box_y", "box_width", "box_height", "mask")
SHEET_SIZE = 24  # pictures on a contact sheet
TILE_SIZE = 128  # pixels
THRESHOLD = 0.5
_COMPRESS_LEVEL = 1
_SHEET_NAME = "contact_sheet_{:03d}.png"
_ANY_SHEET = "contact_sheet_[0-9][0-9][0-9]*.png"


class MaskFolder:
    """Writes segmentations as they come; what is written stays, however the process ends.

    Each has `NAME_mask.png` (8-bit grey), `NAME_cutout.png` (RGBA; a picture's own transparency is kept) and a line of
    `masks.csv`. The line (`COLUMNS`) holds the picture, its sides in pixels, the soft mask's mean over the whole
    picture, a box and the mask's file. The box is the tight one of the mask cut at 0.5, in pixels, and empty where
    nothing reaches that. For every 24, and for the rest, there is `contact_sheet_NNN.png`.

    Attributes:
      path: the folder.
      num_masks: masks written so far.
    """

    def __init__(self, path: Union[str, os.PathLike], *, kept: Sequence[tuple[str, ...]] = ()) -> None:
        """Makes the folder, where it is missing, with a table and sheets of what is kept and nothing else.

        Args:
          path: the folder.
          kept: rows of `finished` whose files stay.

        Raises:
          UserError: something cannot be written.
        """
        self.path = pathlib.Path(path)
        self.num_masks = len(kept)
        self._num_sheets = 0
        self._sheet = []  # (name, picture uint8 [h, w, 3], mask float32 [h, w]), all small
        atomic.write(self.path / TABLE_NAME, os.fsencode("".join(map(_csv_line, (COLUMNS, *kept)))))
        for old in self.path.glob(_ANY_SHEET):
            old.unlink(missing_ok=True)
        for row in kept:
            stem = row[-1].removesuffix(MASK_SUFFIX)
            path = self.path / f"{stem}{CUTOUT_SUFFIX}"
            try:
                with Image.open(path) as cutout:
                    pixels = np.asarray(cutout)
            except (OSError, SyntaxError, ValueError) as error:
                raise UserError(f"{path} is broken ({error}); remove it, and it is made again.") from error
            self._show(stem, pixels[..., :3], pixels[..., 3].astype(np.float32) / 255)

    def has_room(self, stem: str) -> bool:
        """Says whether the file system takes the names of a mask and a cut-out; NAME may be too long."""
        try:
            os.lstat(self.path / f"{stem}{CUTOUT_SUFFIX}")  # the longer one
        except OSError as error:
            return error.errno != errno.ENAMETOOLONG
        return True

    def add(self, segmentation: Segmentation, *, stem: str) -> None:
        """Writes a segmentation that has a mask.

        Args:
          segmentation: without error.
          stem: NAME, a path relative to the folder; its folders are made where missing.

        Raises:
          UserError: something cannot be written.
        """
        image, mask = segmentation.image, segmentation.mask
        visible = np.asarray(to_uint8(mask))
        for array, suffix in ((visible, MASK_SUFFIX), (_cutout(segmentation), CUTOUT_SUFFIX)):
            tiles.save_png(array, self.path / f"{stem}{suffix}", compress_level=_COMPRESS_LEVEL)
        height, width = mask.shape
        window = tight_window(mask >= THRESHOLD)
        self._append((segmentation.name, width, height, f"{mask.mean(dtype=np.float64):.6f}", *_box(window),
                      f"{stem}{MASK_SUFFIX}"))
        self.num_masks += 1
        self._show(stem, image, mask)

    def _show(self, stem: str, image: np.ndarray, mask: np.ndarray) -> None:
        """Puts a picture and its mask on a contact sheet, which is written when it is full."""
        self._sheet.append((stem, *(tiles.fit(array, size=TILE_SIZE) for array in (image, mask))))
        if len(self._sheet) == SHEET_SIZE:
            self.finish()

    def finish(self) -> None:
        """Writes the contact sheet of what is on none yet, if there is anything; UserError where it cannot."""
        if self._sheet:
            self._num_sheets += 1
            names, pictures, masks = zip(*self._sheet)
            self._sheet = []
            tiles.save_png(panels.contact_sheet(pictures, masks, names=names, size=TILE_SIZE),
                           self.path / _SHEET_NAME.format(self._num_sheets))

    def _append(self, row: Sequence[Any]) -> None:
        """Adds a row to the table."""
        path = self.path / TABLE_NAME
        try:
            with open(path, "a", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(_csv_line(row))
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def finished(path: Union[str, os.PathLike]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Returns the rows of a folder's table whose mask and cut-out are there, by picture and NAME; none of no table."""
    folder = pathlib.Path(path)
    try:
        with open(folder / TABLE_NAME, encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = [tuple(row) for row in csv.reader(file) if len(row) == len(COLUMNS)]
    except (OSError, csv.Error):
        return {}
    stems = ((row[-1].removesuffix(MASK_SUFFIX), row) for row in rows if row != COLUMNS)
    modes = {MASK_SUFFIX: "L", CUTOUT_SUFFIX: "RGBA"}
    return {(row[0], stem): row for stem, row in stems
            if all(_is_picture(folder / f"{stem}{suffix}", mode) for suffix, mode in modes.items())}


def _is_picture(path: pathlib.Path, mode: str) -> bool:
    """Says whether a file is a picture of a mode, by its beginning."""
    try:
        with Image.open(path) as picture:
            return picture.mode == mode
    except OSError:
        return False


def is_own_name(name: str) -> bool:
    """Says whether a file in the folder is called as its table or one of its contact sheets, which are replaced."""
    return name == TABLE_NAME or fnmatch.fnmatchcase(name, _ANY_SHEET)


def _cutout(segmentation: Segmentation) -> np.ndarray:
    """The picture with the mask as alpha, times the picture's own alpha where it has one: uint8 [H, W, 4]."""
    colours, alpha = segmentation.image, segmentation.mask
    if segmentation.layer is not None:
        colours, alpha = segmentation.layer[..., :3], alpha * (segmentation.layer[..., 3] / np.float32(255))
    return np.dstack([colours, np.asarray(to_uint8(alpha))])


def _csv_line(row: Sequence[Any]) -> str:
    """A row of a table as its line of text."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(row)  # both of which are then quoted in names
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _box(window: Optional[Window]) -> tuple:
    """x, y, width, height of a window, or as many empty fields."""
    if window is None:
        return ("",) * 4
    return window.left, window.top, window.right - window.left, window.bottom - window.top
