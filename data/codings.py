"""What the pixels of a reference mask mean: foreground, background, or ignored. NumPy alone.

Values up to 255 are of 8 bits, larger ones of 16. T is the largest value that the bits hold.

| values | meaning |
|---|---|
| 0 and 1 | 1 is foreground |
| 0, 1 and T | 1 is foreground, T ignored (as in Pascal VOC) |
| 0, T and areas of half of T | T is foreground, half of T ignored (as in matting's trimaps) |
| any others that reach half of T | from half of T on foreground |

Maps of labels are refused. They have values from 2 up to below half of T alone, or areas of few values between that
cover more than those near T. Areas of several small numbers, 0 among them or not, are labels where values are few.
Values that are all multiples of a fifth of T are the votes of five annotators, as in CUB-200-2011, and no labels.
"""

from typing import NamedTuple

import numpy as np

IGNORED = 2  # beside 0 and 1: a pixel that no metric counts; not 255, which other programs' masks have for foreground
VOID_INDEX, VOID_COLOUR = 255, (224, 224, 192)  # Pascal VOC's border around objects
NUM_VOTES = 5  # of annotators of CUB-200-2011, whose masks have the share of them who say 'foreground'
_NEAR_TOP = 0.9
_MOST_LABELS = 64
_SMALL = 51  # labels are smaller numbers; a fifth of 255 may be a share of votes
_FEW_VALUES, _FEW_VALUES_WITH_ONES = 4, 16  # soft edges have more; so have JPEG's, which are 1 in places


class Coded(NamedTuple):
    """A mask whose coding is known.

    Attributes:
      mask: uint8 [H, W]: 0 background, 1 foreground, or `IGNORED`.
      has_ones: whether its values are 0, 1 and T, of which T is ignored.
      is_white: whether its values are 0 and T alone, or T alone: foreground, unless other masks of the data set have
        ones. Then it is ignored in them all.
    """

    mask: np.ndarray
    has_ones: bool = False
    is_white: bool = False


def from_grey(values: np.ndarray) -> Coded:
    """Reads grey values, integers [H, W] in [0, 65535]; ValueError says why they are no mask."""
    present = np.unique(values)
    largest = int(present[-1])
    if largest <= 1:
        return Coded((values == 1).astype(np.uint8))
    top, half = (255, 128) if largest <= 255 else (65535, 32768)
    if set(present) <= {0, 1, top} and 1 in present:
        return Coded(_with_ignored(values == 1, values == top), has_ones=True)
    if largest < half:
        raise ValueError(f"its largest value is {largest}, expected 1 or at least {half}; masks are 0 and 1, or 0 and "
                         f"{top}")
    if set(present) in ({0, half - 1, top}, {0, half, top}) and (values[_is_flat(values)] == present[1]).any():
        return Coded(_with_ignored(values == top, values == present[1]))
    if labels := _labels(values, present=present, top=top):
        raise ValueError(f"it has areas of the values {', '.join(map(str, labels[:5]))}, as a map of labels has them; "
                         f"masks are 0 and 1, or 0 and {top}")
    return Coded((values >= half).astype(np.uint8), is_white=set(present) <= {0, top})


def from_palette(indices: np.ndarray, colours: np.ndarray) -> Coded:
    """Reads class labels with a coloured palette: index 0 is background, which is black, and the border is ignored.

    Args:
      indices: uint8 [H, W].
      colours: uint8 [n, 3], the palette. Index 255 is the border, and whatever has its colour in Pascal VOC.

    Raises:
      ValueError: index 0 is not black, or there are several labels and no 0, as in trimaps of 1, 2 and 3.
    """
    if (indices == 0).any() and colours[0].any():
        raise ValueError(f"its palette begins with the colour {tuple(map(int, colours[0]))}, expected black for the "
                         "background; save it as 0 and 255")
    is_void = np.zeros(256, bool)
    is_void[:len(colours)] = (colours == VOID_COLOUR).all(axis=1)
    is_void[VOID_INDEX] = True
    labels = np.setdiff1d(indices, np.flatnonzero(is_void))
    if len(labels) > 1 and labels[0] > 0:
        raise ValueError(f"it has the labels {', '.join(map(str, labels[:5]))} and no 0, which is background; save it "
                         "as 0 and 255")
    return Coded(_with_ignored(indices > 0, is_void[indices]))


def check_colours(rgb: np.ndarray) -> None:
    """Raises ValueError where an image uint8 [H, W, 3] has areas of more than two colours, as maps of labels have."""
    codes = rgb.astype(np.int32) @ (65536, 256, 1)
    flat = np.unique(codes[_is_flat(codes)])
    if len(flat) > 2:
        raise ValueError(f"it has areas of {len(flat)} colours, as a map of labels has them; masks are 0 and 255")


def check_transparency(layer: np.ndarray) -> None:
    """Raises ValueError where an image uint8 [H, W, 4] is transparent and what is visible of it is no white mask.

    It may be black, where it is unknown whether colours or transparency are meant, or have many colours, as a cut-out.
    """
    if layer[..., 3].min() == 255:
        return
    visible = layer[layer[..., 3] > 0, :3]
    if visible.size and visible.max() < 128:
        raise ValueError("it is transparent, and black or dark where it is not; save it as 0 and 255 without "
                         "transparency")
    if len(np.unique(visible, axis=0)) > _MOST_LABELS:
        raise ValueError("it is transparent and has many colours, as a cut-out has them; masks are 0 and 255")


def white_ignored(coded: Coded) -> Coded:
    """Reads a mask of 0 and T again, whose T is ignored since other masks of its data set have ones."""
    return coded._replace(mask=np.where(coded.mask == 1, np.uint8(IGNORED), coded.mask))


def _with_ignored(foreground: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """uint8 of 0, 1 and `IGNORED`."""
    return np.where(ignored, np.uint8(IGNORED), foreground.astype(np.uint8))


def _is_flat(values: np.ndarray) -> np.ndarray:
    """Says which pixels are the middle of 3 x 3 equal ones: bool [H, W]. Edges, drawn softly, have none."""
    is_flat = np.zeros(values.shape, bool)
    if min(values.shape) < 3:
        return is_flat
    inner = np.ones((values.shape[0] - 2, values.shape[1] - 2), bool)
    for down in range(3):
        for right in range(3):
            inner &= values[1:-1, 1:-1] == values[down:down + inner.shape[0], right:right + inner.shape[1]]
    is_flat[1:-1, 1:-1] = inner
    return is_flat


def _labels(values: np.ndarray, *, present: np.ndarray, top: int) -> list[int]:
    """The values between 0 and T of which a map of labels has areas; empty where the values are a mask's.

    A mask's values between are few or of soft edges, or its areas of them are smaller than that near T. Areas of
    several small numbers are labels, whatever their size, where there are few values. Shares of five votes are none.
    """
    if not (present % (top // NUM_VOTES)).any():
        return []
    flat = np.unique(values[_is_flat(values)])
    small = flat[flat < _SMALL]  # one alone is the black of a strongly compressed JPEG
    if len(small) > 1 and len(present) <= (_FEW_VALUES_WITH_ONES if 1 in small else _FEW_VALUES):
        return small[small > 0].tolist()
    between = present[(present >= 2) & (present < _NEAR_TOP * top)]
    if len(present) <= 2 and present[0] == 0 or not len(between):
        return []
    flat = np.intersect1d(flat, between)
    is_few = 0 < len(flat) <= _MOST_LABELS and 2 * len(flat) >= len(between)
    is_wide = np.isin(values, flat).sum() > (values >= _NEAR_TOP * top).sum()
    return flat.tolist() if is_few and is_wide else []
