"""The folder of masks that `segment.py` writes: pictures, a table, and contact sheets."""

import collections
from concurrent.futures import ThreadPoolExecutor
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
MAX_WAITING_PIXELS = 2**24  # of pictures that wait to be written, 270 MB; one picture may always wait
_MAX_WAITING = 16  # pictures
_COMPRESS_LEVEL = 1
_SHEET_NAME = "contact_sheet_{:03d}.png"
_ANY_SHEET = "contact_sheet_[0-9][0-9][0-9]*.png"


class MaskFolder:
    """Writes segmentations as they come, in threads; what is written stays, however the process ends.

    Each has `NAME_mask.png` (8-bit grey), `NAME_cutout.png` (RGBA; a picture's own transparency is kept) and a line of
    `masks.csv`. The line (`COLUMNS`) holds the picture, its sides in pixels, the soft mask's mean over the whole
    picture, a box and the mask's file. The box is the tight one of the mask cut at 0.5, in pixels, and empty where
    nothing reaches that. For every 24, and for the rest, there is `contact_sheet_NNN.png`. Lines are in the order of
    `add`, and each is written after its pictures. Pictures that a power cut left empty are seen
    to be missing by `finished`.

    Attributes:
      path: the folder.
      num_masks: masks written so far.
    """

    def __init__(self, path: Union[str, os.PathLike], *, kept: Sequence[tuple[str, ...]] = ()) -> None:
        """Makes the folder, where it is missing, with a table and sheets of what is kept and nothing else.

        Table and sheets of an earlier call stay until there is something else to put in them.

        Args:
          path: the folder.
          kept: rows of `finished` whose files stay.

        Raises:
          UserError: something cannot be written, or the folder has a table that no call of `segment.py` has written.
        """
        self.path = pathlib.Path(path)
        self.num_masks = len(kept)
        self._is_begun = False
        self._num_sheets = 0
        self._sheet = []  # (name, picture uint8 [h, w, 3], mask float32 [h, w]), all small
        self._pool = ThreadPoolExecutor(thread_name_prefix="masks")
        self._waiting = collections.deque()  # (pixels, future of `_write`), in the order of `add`
        if not _has_table(self.path) or kept:
            self._begin(kept)

    def _begin(self, kept: Sequence[tuple[str, ...]] = ()) -> None:
        """Writes the table of what is kept, takes an earlier call's sheets away, and shows what is kept on new ones."""
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
            self._show(stem, *_small(pixels[..., :3], pixels[..., 3].astype(np.float32) / 255))
        self._is_begun = True

    def has_room(self, stem: str) -> bool:
        """Says whether the file system takes the names of a mask and a cut-out; NAME may be too long."""
        try:
            os.lstat(self.path / f"{stem}{CUTOUT_SUFFIX}")  # the longer one
        except OSError as error:
            return error.errno != errno.ENAMETOOLONG
        return True

    def add(self, segmentation: Segmentation, *, stem: str) -> None:
        """Begins to write a segmentation that has a mask, and waits for earlier ones where many are being written.

        Args:
          segmentation: without error; its arrays are not changed afterwards.
          stem: NAME, a path relative to the folder; its folders are made where missing.

        Raises:
          UserError: something cannot be written, of this or of an earlier segmentation.
        """
        if not self._is_begun:
            self._begin()  # before anything of an earlier call is replaced
        self._waiting.append((segmentation.mask.size, self._pool.submit(self._write, segmentation, stem)))
        while (len(self._waiting) > _MAX_WAITING
               or len(self._waiting) > 1 and sum(pixels for pixels, _ in self._waiting) > MAX_WAITING_PIXELS):
            self._enter_first()

    def finish(self) -> None:
        """Waits until all is written, and writes the contact sheet of what is on none yet; UserError as `add`."""
        while self._waiting:
            self._enter_first()
        self._finish_sheet()

    def keep_written(self) -> None:
        """Enters what is written or being written after an error, and passes over what cannot be written."""
        while self._waiting:
            first = self._waiting[0]
            try:
                self._enter_first()
            except UserError:
                if self._waiting and self._waiting[0] is first:
                    return  # the table itself cannot be written

    def _write(self, segmentation: Segmentation, stem: str) -> tuple[tuple, str, tuple[np.ndarray, np.ndarray]]:
        """Writes a mask and its cut-out. Returns the table's row, the stem, and both as small as on a sheet."""
        mask = segmentation.mask
        for array, suffix in ((np.asarray(to_uint8(mask)), MASK_SUFFIX), (_cutout(segmentation), CUTOUT_SUFFIX)):
            tiles.save_png(array, self.path / f"{stem}{suffix}", compress_level=_COMPRESS_LEVEL, durable=False)
        height, width = mask.shape
        row = (segmentation.name, width, height, f"{mask.mean(dtype=np.float64):.6f}",
               *_box(tight_window(mask >= THRESHOLD)), f"{stem}{MASK_SUFFIX}")
        return row, stem, _small(segmentation.image, mask)

    def _enter_first(self) -> None:
        """Waits for the first that is being written, and enters it in the table and on the sheet."""
        _, future = self._waiting[0]  # which stays there if this is interrupted
        try:
            row, stem, small = future.result()
        except Exception:
            self._waiting.popleft()  # it will not come
            raise
        self._append(row)
        self._waiting.popleft()
        self.num_masks += 1
        self._show(stem, *small)

    def _show(self, stem: str, image: np.ndarray, mask: np.ndarray) -> None:
        """Puts a small picture and its mask on a contact sheet, which is written when it is full."""
        self._sheet.append((stem, image, mask))
        if len(self._sheet) == SHEET_SIZE:
            self._finish_sheet()

    def _finish_sheet(self) -> None:
        """Writes the contact sheet of what is on none yet, if there is anything."""
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


def _has_table(folder: pathlib.Path) -> bool:
    """Says whether a folder has a table of an earlier call; UserError where it is no such table."""
    path = folder / TABLE_NAME
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            header = file.readline()
            is_own = not header or tuple(next(csv.reader([header]), ())) == COLUMNS
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    if not is_own:
        raise UserError(f"{path} is no table of masks and would be overwritten; give another --out.")
    return True


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


def _small(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture uint8 [H, W, 3] and its mask float32 [H, W] in the size of a contact sheet's tiles."""
    return tiles.fit(image, size=TILE_SIZE), tiles.fit(mask, size=TILE_SIZE)


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
