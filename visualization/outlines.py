"""Outlines of instances, drawn on the pictures that they were found in."""

from typing import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from visualization import tiles

# Colours that are seen on dark and on light ground, and that neighbours by number do not share.
COLOURS = ((255, 64, 64), (64, 200, 255), (255, 220, 0), (255, 96, 255), (96, 255, 96), (255, 150, 40))
_READABLE = 60  # pixels that a typical instance should have for its number to be readable
_MOST_PIXELS = 16_000_000  # of a drawing
_FONT_SIZES = (9.0, 40.0)


def drawing_factor(shape: Sequence[int], *, diameter: float) -> int:
    """Returns by which whole number a picture is enlarged so that instances of a diameter, in pixels, have room."""
    most = int((_MOST_PIXELS / (shape[0] * shape[1])) ** 0.5)
    return max(1, min(int(np.ceil(_READABLE / max(diameter, 1.0))), most))


def numbered(picture: np.ndarray, outlines: Sequence[np.ndarray], *, centres: np.ndarray, diameter: float) -> np.ndarray:
    """Draws the outline and the number, from 1 on, of each instance.

    Args:
      picture: uint8 [H, W, 3].
      outlines: x and y of the corners of each, float [c, 2] in pixels, (0, 0) being the picture's corner.
      centres: where the numbers are written, float [m, 2].
      diameter: of a typical instance, in pixels; small ones are enlarged (`drawing_factor`).

    Returns:
      uint8 [h, w, 3], an enlarged picture.
    """
    factor = drawing_factor(picture.shape, diameter=diameter)
    drawing = Image.fromarray(picture).resize((factor * picture.shape[1], factor * picture.shape[0]),
                                              Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(drawing)
    width = max(1, round(factor * diameter / 24))
    for index, outline in enumerate(outlines):
        corners = [tuple(corner) for corner in factor * np.concatenate([outline, outline[:2]])]
        draw.line(corners, fill=COLOURS[index % len(COLOURS)], width=width, joint="curve")
    font = ImageFont.load_default(size=float(np.clip(0.36 * factor * diameter, *_FONT_SIZES)))
    for index, centre in enumerate(centres):
        draw.text(tuple(factor * centre), str(index + 1), font=font, fill=(255, 255, 255), anchor="mm",
                  stroke_width=max(1, round(font.size / 8)), stroke_fill=(0, 0, 0))
    return np.asarray(drawing)


def with_borders(pictures: np.ndarray, labels: np.ndarray, *, factor: int = 2) -> np.ndarray:
    """Enlarges pictures and draws the borders between their labels.

    Args:
      pictures: uint8 [n, S, S, 3].
      labels: int [n, S, S], 0 is ground.
      factor: whole number.

    Returns:
      uint8 [n, factor * S, factor * S, 3].
    """
    pictures, labels = (np.repeat(np.repeat(array, factor, axis=1), factor, axis=2) for array in (pictures, labels))
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:, :, :-1] |= labels[:, :, :-1] != labels[:, :, 1:]
    pictures[border] = COLOURS[0]
    return pictures


def sheet(pictures: np.ndarray, labels: np.ndarray, *, columns: int = 4, factor: int = 2) -> np.ndarray:
    """Shows pictures, in rows, and below each row the same with the borders of their labels.

    Args:
      pictures: uint8 [n, S, S, 3], n at least 1; what does not fill a row is left out, but for the first row.
      labels: int [n, S, S].
      columns: pictures in a row.
      factor: by which they are enlarged.

    Returns:
      uint8 [h, w, 3].
    """
    plain, bordered = with_borders(pictures, np.zeros_like(labels), factor=factor), with_borders(pictures, labels,
                                                                                                factor=factor)
    columns = min(columns, len(pictures))
    starts = range(0, len(pictures) - columns + 1, columns)
    rows = [part[start:start + columns] for start in starts for part in (plain, bordered)]
    return tiles.panel(rows, labels=["composite", "outlines"] * len(starts), max_columns=columns)
