"""The layouts of the paper's figures, and sheets of pictures: uint8 panels made of `tiles`.

Arrays of pixels come in the kinds that `tiles` names, and axis letters are its: n images, S side of a tile. A panel is
uint8 [h, w, 3]. Rows that do not match raise ValueError, as of `tiles.panel`.
"""

from typing import Mapping, Optional, Sequence

import numpy as np

from visualization import tiles

MASK_THRESHOLD = 0.5
RANKED_LABELS = ("input", "soft mask", "binary mask", "reference", "carved")


def foreground_panel(
    *, images: np.ndarray, masks: np.ndarray, composites: Optional[np.ndarray] = None,
    references: Optional[np.ndarray] = None, max_columns: int = 8
) -> np.ndarray:
    """The layout of Figures 6 and 7: one image per column, and below it its mask and pictures.

    Args:
      images: [n, S, S, 3], any kind.
      masks: soft masks [n, S, S, 1], floats in [0, 1].
      composites: [n, S, S, 3], any kind; their row is left out where None.
      references: masks [n, S, S, 1], any kind; their row is left out where None.
      max_columns: at most the first so many images are drawn.

    Returns:
      Rows input, soft mask, carved, composite, reference.
    """
    rows = {"input": images, "soft mask": masks, "carved": tiles.carve(images, masks), "composite": composites,
            "reference": references}
    return _labelled(rows, max_columns=max_columns)


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
      max_columns: at most the first so many images are drawn.

    Returns:
      Rows input, raw, distilled, reference, and the image carved by the distilled mask.
    """
    rows = {"input": images, "raw": raw, "distilled": distilled, "reference": references,
            "carved": tiles.carve(images, distilled)}
    return _labelled(rows, max_columns=max_columns)


def hoc_panel(
    *, reals: np.ndarray, layer_images: np.ndarray, layer_masks: np.ndarray, num_layers: int, composites: np.ndarray,
    appearances: np.ndarray, masks: np.ndarray, max_columns: int = 8
) -> np.ndarray:
    """The layout of Figures 8 to 11: one scene per column, with its layers, below the real windows.

    Args:
      reals: real windows [n, S, S, 3], any kind.
      layer_images: appearances of the last L layers where they were placed, [L, n, S, S, 3], any kind.
      layer_masks: their soft masks [L, n, S, S, 1], any kind, with which they are drawn on a checkerboard.
      num_layers: N, layers of a scene, by which they are numbered.
      composites: [n, S, S, 3], any kind.
      appearances: of the last layer before it was placed, [n, S, S, 3], any kind.
      masks: its soft masks [n, S, S, 1], any kind.
      max_columns: at most the first so many scenes are drawn.
    """
    rows = {"real": reals}
    for number, (image, mask) in enumerate(zip(layer_images, layer_masks), start=num_layers - len(layer_images) + 1):
        rows[f"layer {number}"] = tiles.on_checkerboard(image, mask)
    rows.update({"composite": composites, "appearance": appearances, "soft mask": masks})
    return _labelled(rows, max_columns=max_columns)


def _labelled(rows: Mapping[str, Optional[np.ndarray]], *, max_columns: int) -> np.ndarray:
    """Returns the panel of rows by their labels, without those that are None."""
    present = {label: row for label, row in rows.items() if row is not None}
    return tiles.panel(list(present.values()), labels=list(present), max_columns=max_columns)


def instance_sheet(appearances: np.ndarray, masks: np.ndarray, *, columns: int = 8) -> np.ndarray:
    """Sampled instances in rows and columns, on a checkerboard.

    Args:
      appearances: [n, S, S, 3], any kind, n at least 1.
      masks: soft masks [n, S, S, 1], any kind.
      columns: instances in a row; places that are left over in the last row stay empty checkerboard.
    """
    columns = min(columns, len(appearances))
    filled = [(0, -len(appearances) % columns), (0, 0), (0, 0), (0, 0)]
    sheet = tiles.on_checkerboard(np.pad(appearances, filled), np.pad(masks, filled))
    return tiles.panel(list(sheet.reshape(-1, columns, *sheet.shape[1:])), max_columns=columns)


def traversal_panel(appearances: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The effect of each latent: a row per latent, its values from low to high in the columns, on a checkerboard.

    Args:
      appearances: [Z, k, S, S, 3], any kind.
      masks: soft masks [Z, k, S, S, 1], any kind.
    """
    rows = tiles.on_checkerboard(appearances, masks)
    return tiles.panel(list(rows), labels=[f"z{index}" for index in range(1, len(rows) + 1)],
                       max_columns=rows.shape[1])


def ranked_panel(
    *, images: np.ndarray, masks: np.ndarray, references: np.ndarray, ranked: Mapping[str, Sequence[int]],
    mean_ious: Optional[Sequence[float]] = None
) -> np.ndarray:
    """The best, median and worst images of an evaluation in groups of columns side by side.

    Args:
      images: [n, S, S, 3], any kind.
      masks: soft masks [n, S, S, 1], floats in [0, 1].
      references: masks [n, S, S, 1], any kind.
      ranked: for each group its title and the indices of its images; groups without images are left out, and
        ValueError if none has any.
      mean_ious: [n], written above the images.

    Returns:
      Rows input, soft mask, binary mask, reference, carved.
    """
    images, masks, references = np.asarray(images), np.asarray(masks), np.asarray(references)
    size, gap = images.shape[1], 2
    blocks = []
    for title, indices in ranked.items():
        if not len(indices):
            continue
        image, mask, reference = (array[list(indices)] for array in (images, masks, references))
        rows = [image, mask, mask >= MASK_THRESHOLD, reference, tiles.carve(image, mask)]
        grid = tiles.panel(rows, gap=gap, max_columns=len(indices))
        captions = [] if mean_ious is None else [f"{mean_ious[i]:.2f}" for i in indices]
        blocks.append(tiles.headed(grid, title=title, captions=captions, size=size, gap=gap))
    if not blocks:
        raise ValueError("A ranked panel needs at least one group with images.")
    gutter = tiles.gutter(RANKED_LABELS, size=size, gap=gap)
    height_of_heads = len(blocks[0]) - len(gutter)
    parts = [np.pad(gutter, ((height_of_heads, 0), (0, 0), (0, 0)), constant_values=tiles.PAPER[0])]
    for block in blocks[:-1]:
        parts.append(np.pad(block, ((0, 0), (0, size // 8), (0, 0)), constant_values=tiles.PAPER[0]))
    return np.concatenate([*parts, blocks[-1]], axis=1)


def contact_sheet(
    pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], *, names: Sequence[str], size: int = 128,
    columns: int = 8
) -> np.ndarray:
    """Pictures of any shape in columns: the name, the input, its mask, and its cut-out on a checkerboard.

    Args:
      pictures: uint8 [h, w, 3] each, sides of at most `size` pixels.
      masks: their soft masks, float32 [h, w] in [0, 1].
      names: their names; of long ones only the end is written.
      size: side of the tiles in pixels.
      columns: pictures side by side; more go on below.
    """
    gap, strips = 2, []
    for start in range(0, len(pictures), columns):
        rows = [[], [], []]
        for picture, mask in zip(pictures[start:start + columns], masks[start:start + columns]):
            mask = mask[..., np.newaxis]  # [h, w, 1]
            for row, tile in zip(rows, (picture, np.repeat(mask, 3, axis=-1), tiles.on_checkerboard(picture, mask))):
                row.append(tiles.centred(tiles.to_unit(tile), size=size))
        grid = tiles.panel([np.stack(row) for row in rows], gap=gap, max_columns=columns)
        captions = tiles.captions_row(names[start:start + columns], size=size, gap=gap, width=grid.shape[1])
        strips.append(np.concatenate([captions, grid]))
    width = max((strip.shape[1] for strip in strips), default=0)
    return np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)),
                                  constant_values=tiles.PAPER[0])
                           for strip in strips])
