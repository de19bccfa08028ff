"""Label images, which number the true instances of a picture: read, cut apart and scaled."""

from typing import Optional

import cv2
import numpy as np
from PIL import Image

from errors import UserError


def read_labels(path: str, *, shape: Optional[tuple[int, int]] = None, picture: str = "the picture") -> np.ndarray:
    """Reads a label image of 8 or 16 bits.

    Args:
      path: PNG of one channel; 0 is ground.
      shape: height and width of the picture that it belongs to; None where they are not known.
      picture: that picture's name, for errors.

    Returns:
      int64 [H, W].

    Raises:
      UserError: it cannot be read, has another size or more channels, or numbers nothing.
    """
    try:
        with Image.open(path) as image:
            labels = np.array(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read as a label image ({error}).") from error
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{path} is no label image: it has {labels.shape[2] if labels.ndim > 2 else 1} channels of "
                        f"{labels.dtype}; expected one channel of whole numbers.")
    shape = labels.shape if shape is None else shape
    if labels.shape != tuple(shape) or not labels.any():
        raise UserError(f"{path} is no label image of {picture}: it is {labels.shape[1]}x{labels.shape[0]} pixels and the "
                        f"picture {shape[1]}x{shape[0]}, or it numbers nothing.")
    return labels.astype(np.int64)


def shapes_of(labels: np.ndarray, *, scale: float) -> np.ndarray:
    """Cuts the instances of a label image apart, those that touch the border left out.

    Args:
      labels: int [H, W].
      scale: factor by which they are scaled.

    Returns:
      bool [m, T, T], each in the middle; T is the side of the largest.

    Raises:
      UserError: every instance touches the border.
    """
    size = tuple(max(1, round(side * scale)) for side in labels.shape[::-1])
    scaled = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int64)
    border = np.unique(np.concatenate([scaled[0], scaled[-1], scaled[:, 0], scaled[:, -1]]))
    places = np.flatnonzero(~np.isin(scaled, [0, *border]))
    places = places[np.argsort(scaled.flat[places], kind="stable")]
    starts = np.flatnonzero(np.diff(scaled.flat[places])) + 1
    cut = []
    for rows, columns in (np.unravel_index(own, scaled.shape) for own in np.split(places, starts) if len(own)):
        shape = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), bool)
        shape[rows - rows.min(), columns - columns.min()] = True
        cut.append(shape)
    if not cut:
        raise UserError("the label image has no instance that lies wholly inside of the picture.")
    side = max(max(shape.shape) for shape in cut)
    shapes = np.zeros((len(cut), side, side), bool)
    for whole, shape in zip(shapes, cut):
        top, left = ((side - length) // 2 for length in shape.shape)
        whole[top:top + shape.shape[0], left:left + shape.shape[1]] = shape
    return shapes
