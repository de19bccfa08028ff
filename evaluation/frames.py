"""Frames other than the networks' crops in which masks are measured: parts of the pictures, at their own aspect.

The network still sees the crops it was trained on. Its masks are put back into the pictures (`data.windows.place_window`),
where everything outside of a crop is background, and are then cut at 0.5 in the frame.

| protocol | the frame of a photograph | resolution |
|---|---|---|
| `box` | the network's crop, squeezed to a square; not measured here, but by `report.evaluate_masks` | the network's |
| `square` | a square of 1.5 times the box's longer side about its centre, clipped at the picture's border | the picture's |
| `redo` | the middle square of the picture, as in the code of Chen, Artieres & Denoyer 2019 | 128 x 128 |
| `whole` | the picture | the picture's |

Chen et al. 2019 is *Unsupervised Object Segmentation by Redrawing* (ReDO). Their code resizes pictures and references to a
shorter side of 128 pixels by the nearest neighbour, and takes the middle 128 x 128. Of each mask and its complement they
count the better one, for each picture; here a mask is never exchanged for its complement.

Axis letters: n images, S side of the networks' crops, H rows and W columns of a picture.
"""

from typing import Mapping, Optional, Sequence

import numpy as np
from PIL import Image

from data.images import Photograph
from data.masks import map_masks
from data.windows import SQUARE_SCALE, Box, Window, crop_window, place_window
from evaluation import metrics

PROTOCOLS = ("box", "square", "redo", "whole")
REDO_SIZE = 128


def frame_counts(soft_masks: Mapping[str, np.ndarray], photographs: Sequence[Photograph], *, crop_mode: str,
                 protocol: str) -> dict[str, metrics.Counts]:
    """Counts the pixels of masks that agree with their references in the frame of a protocol, and that do not.

    Args:
      soft_masks: by name, masks of the photographs' crops, float32 [n, S, S, 1] in [0, 1].
      photographs: n photographs with reference masks.
      crop_mode: how their crops were taken.
      protocol: one of `PROTOCOLS` but 'box'.

    Returns:
      Counts [n] of each of the masks by name, and of two trivial ones: 'all_ones' in the frame, and 'the boxes'.

    Raises:
      UserError: as `data.masks.load_mask_crops`.
    """
    def count(index: int, reference: np.ndarray) -> dict[str, metrics.Counts]:
        box, size = photographs[index].box, reference.shape
        window = crop_window(box=box, image_size=size, crop_mode=crop_mode, name=photographs[index].path)
        placed = {name: place_window(masks[index, ..., 0], window, image_size=size) for name, masks in soft_masks.items()}
        placed.update({"all_ones": np.ones(size, np.float32), "the boxes": _filled(box, image_size=size)})
        framed = take_frame(reference, box=box, protocol=protocol)[np.newaxis]
        return {name: metrics.confusion_counts(
            metrics.binarize(take_frame(mask, box=box, protocol=protocol))[np.newaxis], framed)
                for name, mask in placed.items()}

    counted = map_masks(photographs, count)
    return {name: metrics.Counts(*map(np.concatenate, zip(*(counts[name] for counts in counted))))
            for name in counted[0]}


def take_frame(values: np.ndarray, *, box: Optional[Box], protocol: str) -> np.ndarray:
    """Returns a protocol's frame of a picture's values [H, W], uint8 or float32; without a box 'square' is all of it."""
    if protocol == "redo":
        return _middle_square(values)
    if protocol == "whole" or box is None:
        return values
    window = square_window(box, image_size=values.shape)
    return values[window.top:window.bottom, window.left:window.right]


def square_window(box: Box, *, image_size: tuple[int, int]) -> Window:
    """Returns the part of a square about a box's centre that is in the picture (height, width): whole pixels."""
    tight = crop_window(box=box, image_size=image_size, crop_mode="box")
    side = round(SQUARE_SCALE * max(tight.right - tight.left, tight.bottom - tight.top))
    left, top = ((first + last - side) // 2 for first, last in ((tight.left, tight.right), (tight.top, tight.bottom)))
    height, width = image_size
    return Window(max(left, 0), max(top, 0), min(left + side, width), min(top + side, height))


def _middle_square(values: np.ndarray) -> np.ndarray:
    """Resizes [H, W] by the nearest neighbour to a shorter side of 128 pixels, and cuts the middle [128, 128]."""
    height, width = values.shape
    width, height = (int(REDO_SIZE * side / min(width, height)) for side in (width, height))
    resized = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.NEAREST))
    left, top = (round((side - REDO_SIZE) / 2) for side in (width, height))
    return resized[top:top + REDO_SIZE, left:left + REDO_SIZE]


def _filled(box: Optional[Box], *, image_size: tuple[int, int]) -> np.ndarray:
    """Returns a box's own mask in its picture, float32 [H, W]; ones without a box."""
    window, filled = crop_window(box=box, image_size=image_size, crop_mode="box"), np.zeros(image_size, np.float32)
    filled[window.top:window.bottom, window.left:window.right] = 1.0
    return filled
