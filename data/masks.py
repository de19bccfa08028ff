"""Reference masks: decoding, and cropping as their images are cropped."""

from typing import Optional, Sequence

import numpy as np

from data import decoding
from data.decoding import load_image
from data.images import Photograph, map_in_threads
from data.windows import Box, crop_window, take_window
from errors import UserError


def load_mask(path: str) -> np.ndarray:
    """Decodes a mask file: a pixel of at least half of the mode's maximum is foreground.

    Where no value exceeds 1 (masks of 0 and 1), non-zero is foreground. Of several channels the brightest counts, an
    alpha channel multiplies. A grey palette counts by its grey values, a coloured one (class labels) by its indices,
    non-zero being foreground. A 16-bit image whose values fit 8 bits counts as one of 8 bits.

    Args:
      path: a file of any format that Pillow reads.

    Returns:
      bool [H, W].

    Raises:
      UserError: as for `load_image`, and if the largest value is more than 1 and less than half of the mode's, as in a map
        of labels.
    """
    image = decoding.decode(path)
    if image.mode in decoding.SIXTEEN_BIT_MODES:
        values = decoding.sixteen_bit_values(image, path=path)
    else:
        rgb = decoding.to_rgb(image, path=path)
        is_label_map = image.mode == "P" and np.any(rgb != rgb[..., :1])
        if is_label_map:
            return np.asarray(image) > 0
        values = rgb.max(axis=-1)
    largest = int(values.max())
    threshold = 1 if largest <= 1 else 128 if largest <= 255 else 32768
    if 1 < largest < threshold:
        raise UserError(f"{path} is no mask of background and foreground: its largest value is {largest}, expected 1 or "
                        f"at least {threshold}; masks are 0 and 1, or 0 and 255.")
    return values >= threshold


def crop_mask(
    mask: np.ndarray, *, box: Optional[Box], crop_mode: str, size: int, name: str = "the mask"
) -> np.ndarray:
    """Crops a mask bool [H, W] as `crop` does its image: uint8 [S, S, 1] in {0, 1}, resized, cut at one half."""
    window = crop_window(box=box, image_size=mask.shape, crop_mode=crop_mode, name=name)
    resized = take_window(mask.astype(np.float32), window, size=size)
    return (resized >= 0.5).astype(np.uint8)[..., np.newaxis]


def load_mask_crops(photographs: Sequence[Photograph], *, size: int, crop_mode: str) -> np.ndarray:
    """Decodes and crops the photographs' masks as `load_crops` does the images.

    Returns:
      uint8 [n, S, S, 1] in {0, 1}, in the order given.

    Raises:
      UserError: a mask is absent, cannot be read, or differs from its image in size.
    """
    masks = np.empty((len(photographs), size, size, 1), np.uint8)

    def load(item: tuple[int, Photograph]) -> None:
        position, photograph = item
        if photograph.mask_path is None:
            raise UserError(f"{photograph.path} has no mask, and one is needed here; add it or leave the image out.")
        mask = load_mask(photograph.mask_path)
        height, width = load_image(photograph.path).shape[:2]
        if mask.shape != (height, width):
            raise UserError(
                f"The mask {photograph.mask_path} is {mask.shape[1]}x{mask.shape[0]} pixels and its image "
                f"{photograph.path} {width}x{height}; masks must be of their image's size."
            )
        masks[position] = crop_mask(
            mask, box=photograph.box, crop_mode=crop_mode, size=size, name=photograph.path
        )

    map_in_threads(load, list(enumerate(photographs)))
    return masks
