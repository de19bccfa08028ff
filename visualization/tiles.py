"""Drawing: pictures carved and tiled, labels beside tiles, and PNG files. NumPy and Pillow only.

Arrays of pixels (or tensors that NumPy can read) come in these kinds: floats in [0, 1], uint8 in [0, 255], bool, and
masks of one channel as uint8 in {0, 1}. In panels, a pixel that is not a finite number is magenta.

Axis letters: n images (tiles of a row), S side of a tile, H rows and W columns of pixels, h and w those of a panel.
"""

import io
import os
from typing import Optional, Sequence, Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from storage import atomic

FLAT_COLOUR = (0.55, 0.30, 0.70)  # a violet that photographs of nature seldom have
CHECKERBOARD = (0.6, 0.8)  # grey levels
_SQUARE = 8  # side in pixels of its squares, of which the one in the upper left corner is dark
_MAGENTA = (255, 0, 255)
PAPER, _INK = (255, 255, 255), (32, 32, 32)
_GAP_GREY = 144  # seen between tiles whether they end in black or in white
_RANGE_TOLERANCE = 1e-3  # what rounding may add to [0, 1]; more is refused


def carve(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Foregrounds [..., H, W, 3] on a flat colour, of any kind, as `_compose`: float32 of the same shape."""
    return _compose(images, masks, np.asarray(FLAT_COLOUR, dtype=np.float32))


def on_checkerboard(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Pictures [..., H, W, 3] with their alpha [..., H, W, 1] on the usual grey checkerboard, as `_compose`."""
    height, width = np.shape(rgb)[-3:-1]
    is_light = (np.arange(height)[:, np.newaxis] // _SQUARE + np.arange(width) // _SQUARE) % 2
    background = np.asarray(CHECKERBOARD, dtype=np.float32)[is_light][..., np.newaxis]  # [H, W, 1]
    return _compose(rgb, alpha, background)


def panel(
    rows: Sequence[np.ndarray], *, labels: Optional[Sequence[str]] = None, gap: int = 2, max_columns: int = 8
) -> np.ndarray:
    """Tiles in rows and columns, each row with its label on the left.

    Args:
      rows: arrays [n, S, S, 3] or [n, S, S, 1] of one n and S, of any kind each.
      labels: one text for each row; without, there is no gutter for them.
      gap: pixels between tiles and around them.
      max_columns: at most the first so many tiles of each row are drawn.

    Returns:
      uint8 [h, w, 3].

    Raises:
      ValueError: there are no tiles, shapes or labels do not match, or floats are outside [0, 1].
    """
    tiles = [_to_tiles(row)[:max_columns] for row in rows]
    shapes = {np.shape(row)[:3] for row in rows}
    if len(shapes) != 1 or tiles[0].size == 0:
        raise ValueError("A panel needs rows of equally many tiles of one size, and at least one tile, but got rows of "
                         f"shape {', '.join(str(list(np.shape(row))) for row in rows) or 'none at all'}.")
    if labels is not None and len(labels) != len(rows):
        raise ValueError(f"A panel of {len(rows)} rows needs as many labels, but got {len(labels)}.")
    size = tiles[0].shape[1]
    gaps = ((0, 0), (0, gap), (0, gap), (0, 0))
    padded = [np.pad(row, gaps, constant_values=_GAP_GREY) for row in tiles]  # each [n, S + gap, S + gap, 3]
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in padded])
    grid = np.pad(grid, ((gap, 0), (gap, 0), (0, 0)), constant_values=_GAP_GREY)
    if labels is None:
        return grid
    return np.concatenate([gutter(labels, size=size, gap=gap), grid], axis=1)


def fit(picture: np.ndarray, *, size: int) -> np.ndarray:
    """Scales a picture, aspect kept, so that its longer side has `size` pixels.

    Args:
      picture: uint8 [H, W, 3], or a mask float32 [H, W].
      size: pixels.

    Returns:
      [h, w, 3] or [h, w] of the same type, sides from 1 to `size` pixels.
    """
    height, width = picture.shape[:2]
    sides = [max(1, round(side * size / max(height, width))) for side in (width, height)]
    return np.array(Image.fromarray(picture).resize(sides, Image.Resampling.BILINEAR, reducing_gap=3.0))


def save_png(array: np.ndarray, path: Union[str, os.PathLike], *, compress_level: int = 6, durable: bool = True) -> None:
    """Writes a PNG, whole or not at all, into a folder that is made where missing.

    Args:
      array: uint8 [h, w] grey, [h, w, 3] RGB or [h, w, 4] RGBA, or uint16 [h, w] labels.
      path: the file's path.
      compress_level: zlib's, from 1 (with large photographs three times as fast, a sixth larger) to 9.
      durable: as of `atomic.write`.

    Raises:
      UserError: the folder or file cannot be written, for example because the disk is full.
      ValueError: the array is no such picture.
    """
    atomic.write(path, png_bytes(array, compress_level=compress_level), durable=durable)


def png_bytes(array: np.ndarray, *, compress_level: int = 6) -> bytes:
    """Returns the content of the file that `save_png` writes; ValueError where the array is no such picture."""
    array = np.asarray(array)
    is_grey, is_coloured = array.ndim == 2, array.ndim == 3 and array.shape[-1] in (3, 4)
    if not (array.dtype == np.uint8 and (is_grey or is_coloured) or array.dtype == np.uint16 and is_grey):
        raise ValueError("A picture must be uint8 [h, w], [h, w, 3] or [h, w, 4], or uint16 [h, w], but is "
                         f"{array.dtype} {list(array.shape)}.")
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=compress_level)
    return buffer.getvalue()


def centred(picture: np.ndarray, *, size: int) -> np.ndarray:
    """A float picture [h, w, 3] in the middle of a square tile [S, S, 3] of the grey between tiles."""
    tile = np.full((size, size, 3), _GAP_GREY / 255, np.float32)
    height, width = picture.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    tile[top:top + height, left:left + width] = picture
    return tile


def captions_row(names: Sequence[str], *, size: int, gap: int, width: int) -> np.ndarray:
    """A line of names, each above its column of tiles: uint8 [h, width, 3]; of a long name only the end."""
    font = _font(size)
    picture = Image.new("RGB", (width, int(font.size * 1.4) + gap), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(names):
        text = caption = "".join(character if character.isprintable() else "?" for character in name)
        while font.getlength(caption) > size:
            text = text[1:]
            caption = f"..{text}"
        draw.text((gap + i * (size + gap) + size / 2, picture.height / 2), caption, font=font, fill=_INK, anchor="mm")
    return np.asarray(picture)


def to_unit(array: np.ndarray) -> np.ndarray:
    """Any kind as float32: uint8 is divided by 255, unless it is a binary mask."""
    array = np.asarray(array)
    is_binary_mask = array.shape[-1:] == (1,) and array.max(initial=0) <= 1
    return array.astype(np.float32) / (255 if array.dtype == np.uint8 and not is_binary_mask else 1)


def _compose(images: np.ndarray, masks: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Eq. (5) for one layer on a background that broadcasts: float32 [..., H, W, 3] in [0, 1].

    Raises ValueError where images [..., H, W, 3] and masks [..., H, W, 1], of any kind each, do not match.
    """
    images, masks = to_unit(images), to_unit(masks)
    if images.shape[-1:] != (3,) or masks.shape != (*images.shape[:-1], 1):
        raise ValueError(f"Images [..., H, W, 3] need masks [..., H, W, 1] of the same size, but got "
                         f"{list(images.shape)} and {list(masks.shape)}.")
    return images * masks + background * (1 - masks)


def _to_tiles(row: np.ndarray) -> np.ndarray:
    """One row of a panel as uint8 [n, S, S, 3]: grey repeated, what is not finite magenta."""
    unit = to_unit(row)
    if unit.ndim != 4 or unit.shape[-1] not in (1, 3) or unit.shape[1] != unit.shape[2]:
        raise ValueError(f"A row must have shape [n, S, S, 3] or [n, S, S, 1], but has {list(unit.shape)}.")
    is_finite = np.isfinite(unit)
    unit = np.where(is_finite, unit, 0)
    if unit.size and (unit.min() < -_RANGE_TOLERANCE or unit.max() > 1 + _RANGE_TOLERANCE):
        raise ValueError(f"Floats must lie in [0, 1] to be shown, but range from {unit.min()} to {unit.max()}.")
    tiles = np.repeat(np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8), 3 // unit.shape[-1], axis=-1)
    tiles[~is_finite.all(axis=-1)] = _MAGENTA
    return tiles


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, in proportion to tiles of side `size` but always readable."""
    return ImageFont.load_default(size=float(np.clip(size / 8, 12, 18)))


def gutter(labels: Sequence[str], *, size: int, gap: int) -> np.ndarray:
    """Labels of rows, flush right beside their tiles: uint8 [rows (S + gap) + gap, w, 3]."""
    font = _font(size)
    width = int(max(font.getlength(label) for label in labels)) + 3 * gap + 2
    picture = Image.new("RGB", (width, len(labels) * (size + gap) + gap), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, label in enumerate(labels):
        draw.text((width - 2 * gap, gap + i * (size + gap) + size / 2), label, font=font, fill=_INK, anchor="rm")
    return np.asarray(picture)


def headed(grid: np.ndarray, *, title: str, captions: Sequence[str], size: int, gap: int) -> np.ndarray:
    """A grid below its title, a line as wide as the grid, and captions (if any), one for each column."""
    font = _font(size)
    line_height = int(font.size * 1.4)
    height = line_height * (2 if captions else 1) + 2 * gap
    width = max(grid.shape[1], int(font.getlength(title)) + 2 * gap)
    picture = Image.new("RGB", (width, height + len(grid)), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((width / 2, line_height / 2), title, font=font, fill=_INK, anchor="mm")
    draw.line((gap, line_height, grid.shape[1] - gap - 1, line_height), fill=_INK)
    for i, caption in enumerate(captions):
        centre = gap + i * (size + gap) + size / 2
        draw.text((centre, line_height * 1.5 + gap), caption, font=font, fill=_INK, anchor="mm")
    picture.paste(Image.fromarray(grid), (0, height))
    return np.asarray(picture)
