"""Tensors to uint8 panels laid out as the paper's figures, and their PNG files. NumPy and Pillow only.

Arrays of pixels (or tensors that NumPy can read) come in these kinds: floats in [0, 1], uint8 in [0, 255], bool, and
masks of one channel as uint8 in {0, 1}. In panels, a pixel that is not a finite number is magenta.

Axis letters: n images (tiles of a row), S side of a tile, H rows and W columns of pixels, h and w those of a panel.
"""

import io
import os
from typing import Mapping, Optional, Sequence, Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import atomic_file

FLAT_COLOUR = (0.55, 0.30, 0.70)  # a violet that photographs of nature seldom show
CHECKERBOARD = (0.6, 0.8)  # grey levels
MASK_THRESHOLD = 0.5
RANKED_LABELS = ("input", "soft mask", "binary mask", "reference", "carved")
_MAGENTA = (255, 0, 255)
_PAPER, _INK = (255, 255, 255), (32, 32, 32)
_GAP_GREY = 144  # seen between tiles whether they end in black or in white
_RANGE_TOLERANCE = 1e-3  # what rounding may add to [0, 1]; more is refused


def carve(images: np.ndarray, masks: np.ndarray, *, colour: Sequence[float] = FLAT_COLOUR) -> np.ndarray:
    """Foregrounds on a flat colour: uses Eq. (5), in NumPy, with a flat background.

    Args:
      images: [..., H, W, 3], any kind.
      masks: [..., H, W, 1], any kind.
      colour: red, green and blue in [0, 1].

    Returns:
      float32 [..., H, W, 3] in [0, 1]; ValueError where the shapes do not match.
    """
    return _compose(images, masks, np.asarray(colour, dtype=np.float32))


def on_checkerboard(rgb: np.ndarray, alpha: np.ndarray, *, square: int = 8) -> np.ndarray:
    """An RGBA picture on the usual grey checkerboard, which shows its transparency: uses Eq. (5), in NumPy.

    Args:
      rgb: [..., H, W, 3], any kind.
      alpha: [..., H, W, 1], any kind.
      square: side of the squares in pixels, at least 1; the one in the upper left corner is dark.

    Returns:
      float32 [..., H, W, 3] in [0, 1]; ValueError where the shapes do not match.
    """
    height, width = np.shape(rgb)[-3:-1]
    is_light = (np.arange(height)[:, np.newaxis] // square + np.arange(width) // square) % 2
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
      max_columns: at most the first so many tiles of each row are shown.

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
    return np.concatenate([_gutter(labels, size=size, gap=gap), grid], axis=1)


def foreground_panel(
    *, images: np.ndarray, masks: np.ndarray, composites: Optional[np.ndarray] = None,
    references: Optional[np.ndarray] = None, max_columns: int = 8
) -> np.ndarray:
    """The layout of Figures 6 and 7: one image per column, what was made of it below.

    Args:
      images: [n, S, S, 3], any kind.
      masks: soft masks [n, S, S, 1], floats in [0, 1].
      composites: [n, S, S, 3], any kind; their row is left out where None.
      references: masks [n, S, S, 1], any kind; their row is left out where None.
      max_columns: at most the first so many images are shown.

    Returns:
      uint8 [h, w, 3], rows input, soft mask, carved, composite, reference.

    Raises:
      ValueError: as `panel`.
    """
    rows = {"input": images, "soft mask": masks, "carved": carve(images, masks)}
    if composites is not None:
        rows["composite"] = composites
    if references is not None:
        rows["reference"] = references
    return panel(list(rows.values()), labels=list(rows), max_columns=max_columns)


def distillation_panel(
    *, images: np.ndarray, raw: np.ndarray, distilled: np.ndarray, references: Optional[np.ndarray] = None,
    max_columns: int = 8
) -> np.ndarray:
    """The layout of Figures 12 and 13: one image per column, the teacher's mask below it, then the student's.

    Args:
      images: [n, S, S, 3], any kind.
      raw: the teacher's soft masks [n, S, S, 1], floats in [0, 1].
      distilled: the student's.
      references: masks [n, S, S, 1], any kind; their row is left out where None.
      max_columns: at most the first so many images are shown.

    Returns:
      uint8 [h, w, 3], rows input, raw, distilled, reference, and the image carved by the distilled mask.

    Raises:
      ValueError: as `panel`.
    """
    rows = {"input": images, "raw": raw, "distilled": distilled}
    if references is not None:
        rows["reference"] = references
    rows["carved"] = carve(images, distilled)
    return panel(list(rows.values()), labels=list(rows), max_columns=max_columns)


def hoc_panel(
    *, reals: np.ndarray, layer_images: np.ndarray, layer_masks: np.ndarray, num_layers: int, composites: np.ndarray,
    appearances: np.ndarray, masks: np.ndarray, max_columns: int = 8
) -> np.ndarray:
    """The layout of Figures 8 to 11: one scene per column, its layers and what it is made of below the real windows.

    Args:
      reals: real windows [n, S, S, 3], any kind.
      layer_images: appearances of the last L layers where they were placed, [L, n, S, S, 3], any kind.
      layer_masks: their soft masks [L, n, S, S, 1], any kind; carved, they are shown on a checkerboard.
      num_layers: N, layers of a scene, by which they are numbered.
      composites: [n, S, S, 3], any kind.
      appearances: of the last layer before it was placed, [n, S, S, 3], any kind.
      masks: its soft masks [n, S, S, 1], any kind.
      max_columns: at most the first so many scenes are shown.

    Returns:
      uint8 [h, w, 3]; ValueError as `panel`.
    """
    rows = {"real": reals}
    for number, (image, mask) in enumerate(zip(layer_images, layer_masks), start=num_layers - len(layer_images) + 1):
        rows[f"layer {number}"] = on_checkerboard(image, mask)
    rows.update({"composite": composites, "appearance": appearances, "soft mask": masks})
    return panel(list(rows.values()), labels=list(rows), max_columns=max_columns)


def instance_sheet(appearances: np.ndarray, masks: np.ndarray, *, columns: int = 8) -> np.ndarray:
    """Sampled instances in rows and columns, on a checkerboard.

    Args:
      appearances: [n, S, S, 3], any kind, n at least 1.
      masks: soft masks [n, S, S, 1], any kind.
      columns: instances in a row; places that are left over in the last row stay empty checkerboard.

    Returns:
      uint8 [h, w, 3].
    """
    tiles = on_checkerboard(appearances, masks)
    columns = min(columns, len(tiles))
    num_missing = -len(tiles) % columns
    empty = on_checkerboard(np.zeros_like(tiles[:1]), np.zeros_like(tiles[:1, ..., :1]))
    tiles = np.concatenate([tiles, np.repeat(empty, num_missing, axis=0)])
    return panel(list(tiles.reshape(-1, columns, *tiles.shape[1:])), max_columns=columns)


def traversal_panel(appearances: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """What each latent does: a row per latent, its values from low to high in the columns, on a checkerboard.

    Args:
      appearances: [Z, k, S, S, 3], any kind.
      masks: soft masks [Z, k, S, S, 1], any kind.

    Returns:
      uint8 [h, w, 3].
    """
    rows = on_checkerboard(appearances, masks)
    return panel(list(rows), labels=[f"z{index}" for index in range(1, len(rows) + 1)], max_columns=rows.shape[1])


def ranked_panel(
    *, images: np.ndarray, masks: np.ndarray, references: np.ndarray, ranked: Mapping[str, Sequence[int]],
    mean_ious: Optional[Sequence[float]] = None
) -> np.ndarray:
    """The best, median and worst images of an evaluation in groups of columns side by side.

    Args:
      images: [n, S, S, 3], any kind.
      masks: soft masks [n, S, S, 1], floats in [0, 1].
      references: masks [n, S, S, 1], any kind.
      ranked: for each group its title and the indices of its images; groups without images are left out.
      mean_ious: figures [n], written above the images.

    Returns:
      uint8 [h, w, 3], rows input, soft mask, binary mask, reference, carved.

    Raises:
      ValueError: no group has images, or as `panel`.
    """
    images, masks, references = np.asarray(images), np.asarray(masks), np.asarray(references)
    size, gap = images.shape[1], 2
    blocks = []
    for title, indices in ranked.items():
        if not len(indices):
            continue
        image, mask, reference = (array[list(indices)] for array in (images, masks, references))
        rows = [image, mask, mask >= MASK_THRESHOLD, reference, carve(image, mask)]
        grid = panel(rows, gap=gap, max_columns=len(indices))
        captions = [] if mean_ious is None else [f"{mean_ious[i]:.2f}" for i in indices]
        blocks.append(_headed(grid, title=title, captions=captions, size=size, gap=gap))
    if not blocks:
        raise ValueError("A ranked panel needs at least one group with images.")
    gutter = _gutter(RANKED_LABELS, size=size, gap=gap)
    height_of_heads = len(blocks[0]) - len(gutter)
    parts = [np.pad(gutter, ((height_of_heads, 0), (0, 0), (0, 0)), constant_values=_PAPER[0])]
    for block in blocks[:-1]:
        parts.append(np.pad(block, ((0, 0), (0, size // 8), (0, 0)), constant_values=_PAPER[0]))
    return np.concatenate([*parts, blocks[-1]], axis=1)


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


def contact_sheet(
    pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], *, names: Sequence[str], size: int = 128,
    columns: int = 8
) -> np.ndarray:
    """Pictures of any shape in columns: the name, the input, its mask, and its cut-out on a checkerboard.

    Args:
      pictures: uint8 [h, w, 3] each, sides of at most `size` pixels.
      masks: their soft masks, float32 [h, w] in [0, 1].
      names: their names; of long ones the end is shown.
      size: side of the tiles in pixels.
      columns: pictures side by side; more go on below.

    Returns:
      uint8 [h, w, 3].

    Raises:
      ValueError: as `panel`.
    """
    gap, strips = 2, []
    for start in range(0, len(pictures), columns):
        rows = [[], [], []]
        for picture, mask in zip(pictures[start:start + columns], masks[start:start + columns]):
            mask = mask[..., np.newaxis]  # [h, w, 1]
            for row, tile in zip(rows, (picture, np.repeat(mask, 3, axis=-1), on_checkerboard(picture, mask))):
                row.append(_centred(_to_unit(tile), size=size))
        grid = panel([np.stack(row) for row in rows], gap=gap, max_columns=columns)
        captions = _captions(names[start:start + columns], size=size, gap=gap, width=grid.shape[1])
        strips.append(np.concatenate([captions, grid]))
    width = max((strip.shape[1] for strip in strips), default=0)
    return np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=_PAPER[0])
                           for strip in strips])


def save_png(array: np.ndarray, path: Union[str, os.PathLike], *, compress_level: int = 6) -> None:
    """Writes a PNG, whole or not at all, into a folder that is made where missing.

    Args:
      array: uint8 [h, w] grey, [h, w, 3] RGB or [h, w, 4] RGBA.
      path: the file's path.
      compress_level: zlib's, from 1 (with large photographs three times as fast, a sixth larger) to 9.

    Raises:
      UserError: the folder or file cannot be written, for example because the disk is full.
      ValueError: the array is no such picture.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8 or not (array.ndim == 2 or array.ndim == 3 and array.shape[-1] in (3, 4)):
        raise ValueError(f"A picture must be uint8 [h, w], [h, w, 3] or [h, w, 4], but is {array.dtype} "
                         f"{list(array.shape)}.")
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=compress_level)
    atomic_file.write(path, buffer.getvalue())


def _centred(picture: np.ndarray, *, size: int) -> np.ndarray:
    """A float picture [h, w, 3] in the middle of a square tile [S, S, 3] of the grey between tiles."""
    tile = np.full((size, size, 3), _GAP_GREY / 255, np.float32)
    height, width = picture.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    tile[top:top + height, left:left + width] = picture
    return tile


def _captions(names: Sequence[str], *, size: int, gap: int, width: int) -> np.ndarray:
    """A line of names, each above its column of tiles: uint8 [h, width, 3]; of a long name the end is shown."""
    font = _font(size)
    picture = Image.new("RGB", (width, int(font.size * 1.4) + gap), _PAPER)
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(names):
        text = shown = "".join(character if character.isprintable() else "?" for character in name)
        while font.getlength(shown) > size:
            text = text[1:]
            shown = f"..{text}"
        draw.text((gap + i * (size + gap) + size / 2, picture.height / 2), shown, font=font, fill=_INK, anchor="mm")
    return np.asarray(picture)


def _to_unit(array: np.ndarray) -> np.ndarray:
    """Any kind as float32: uint8 is divided by 255, unless it is a binary mask."""
    array = np.asarray(array)
    is_binary_mask = array.shape[-1:] == (1,) and array.max(initial=0) <= 1
    return array.astype(np.float32) / (255 if array.dtype == np.uint8 and not is_binary_mask else 1)


def _compose(images: np.ndarray, masks: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Eq. (5) for one layer on a background that broadcasts: float32 [..., H, W, 3]."""
    images, masks = _to_unit(images), _to_unit(masks)
    if images.shape[-1:] != (3,) or masks.shape != (*images.shape[:-1], 1):
        raise ValueError(f"Images [..., H, W, 3] need masks [..., H, W, 1] of the same size, but got "
                         f"{list(images.shape)} and {list(masks.shape)}.")
    return images * masks + background * (1 - masks)


def _to_tiles(row: np.ndarray) -> np.ndarray:
    """One row of a panel as uint8 [n, S, S, 3]: grey repeated, what is not finite magenta."""
    unit = _to_unit(row)
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


def _gutter(labels: Sequence[str], *, size: int, gap: int) -> np.ndarray:
    """Labels of rows, flush right beside their tiles: uint8 [rows (S + gap) + gap, w, 3]."""
    font = _font(size)
    width = int(max(font.getlength(label) for label in labels)) + 3 * gap + 2
    picture = Image.new("RGB", (width, len(labels) * (size + gap) + gap), _PAPER)
    draw = ImageDraw.Draw(picture)
    for i, label in enumerate(labels):
        draw.text((width - 2 * gap, gap + i * (size + gap) + size / 2), label, font=font, fill=_INK, anchor="rm")
    return np.asarray(picture)


def _headed(grid: np.ndarray, *, title: str, captions: Sequence[str], size: int, gap: int) -> np.ndarray:
    """A grid below its title, a line as wide as the grid, and captions (if any), one for each column."""
    font = _font(size)
    line_height = int(font.size * 1.4)
    height = line_height * (2 if captions else 1) + 2 * gap
    width = max(grid.shape[1], int(font.getlength(title)) + 2 * gap)
    picture = Image.new("RGB", (width, height + len(grid)), _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((width / 2, line_height / 2), title, font=font, fill=_INK, anchor="mm")
    draw.line((gap, line_height, grid.shape[1] - gap - 1, line_height), fill=_INK)
    for i, caption in enumerate(captions):
        centre = gap + i * (size + gap) + size / 2
        draw.text((centre, line_height * 1.5 + gap), caption, font=font, fill=_INK, anchor="mm")
    picture.paste(Image.fromarray(grid), (0, height))
    return np.asarray(picture)
