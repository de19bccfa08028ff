"""Reference masks: decoding, and cropping as their images are cropped."""

import sys
from typing import Any, Callable, Optional, Sequence

import numpy as np

from data import codings, decoding
from data.decoding import load_image
from data.images import Photograph, map_in_threads
from data.windows import Box, crop_window, take_window
from errors import UserError


def load_coded(path: str) -> codings.Coded:
    """Decodes a mask file and says how it is coded.

    Of several channels the brightest counts, an alpha channel multiplies. A grey palette counts by its grey values, a
    coloured one (class labels) by its indices, non-zero being foreground. `codings` says what values mean.

    Args:
      path: a file of any format that Pillow reads.

    Raises:
      UserError: as for `load_image`, and if the values are no mask's, as in a map of labels.
    """
    image = decoding.decode(path)
    try:
        if image.mode in decoding.SIXTEEN_BIT_MODES:
            return codings.from_grey(decoding.sixteen_bit_values(image, path=path))
        if decoding.has_alpha(image):
            codings.check_transparency(np.asarray(image.convert("RGBA")))
        rgb = decoding.to_rgb(image, path=path)
        if np.any(rgb != rgb[..., :1]):
            if image.mode == "P":
                colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
                return codings.from_palette(np.asarray(image), colours)
            codings.check_colours(rgb)
        return codings.from_grey(rgb.max(axis=-1))
    except ValueError as error:
        raise UserError(f"{path} is no mask of background and foreground: {error}.") from error


def load_mask(path: str) -> np.ndarray:
    """Decodes a mask file as `load_coded` does: uint8 [H, W], 0 background, 1 foreground, or `codings.IGNORED`."""
    return load_coded(path).mask


def crop_mask(
    mask: np.ndarray, *, box: Optional[Box], crop_mode: str, size: int, name: str = "the mask"
) -> np.ndarray:
    """Crops a mask uint8 [H, W] as `crop` does its image: uint8 [S, S, 1], resized, cut at one half.

    A pixel of which at least half is ignored is ignored. Of the others the part that counts is cut.
    """
    window = crop_window(box=box, image_size=mask.shape, crop_mode=crop_mode, name=name)
    foreground = take_window((mask == 1).astype(np.float32), window, size=size)
    ignored = take_window((mask == codings.IGNORED).astype(np.float32), window, size=size)
    cut = (foreground >= 0.5 * (1.0 - ignored)).astype(np.uint8)
    return np.where(ignored >= 0.5, np.uint8(codings.IGNORED), cut)[..., np.newaxis]


def load_mask_crops(photographs: Sequence[Photograph], *, size: int, crop_mode: str) -> np.ndarray:
    """Decodes and crops the photographs' masks as `load_crops` does the images.

    Masks of 0 and 255 beside others of 0, 1 and 255 are of the same coding, in which 255 is ignored.

    Returns:
      uint8 [n, S, S, 1], 0 background, 1 foreground, or `codings.IGNORED`, in the order given.

    Raises:
      UserError: a mask is absent, cannot be read, differs from its image in size, or has no pixel in its crop that
        counts.
    """
    def crop(index: int, mask: np.ndarray) -> np.ndarray:
        return crop_mask(mask, box=photographs[index].box, crop_mode=crop_mode, size=size, name=photographs[index].path)

    loaded = map_masks(photographs, crop)
    for photograph, mask in zip(photographs, loaded):
        if (mask == codings.IGNORED).all():
            raise UserError(f"The mask {photograph.mask_path} has no pixel that counts within the crop of "
                            f"{photograph.name}; leave it out.")
    return np.array(loaded, np.uint8).reshape(-1, size, size, 1)


def map_masks(photographs: Sequence[Photograph], use: Callable[[int, np.ndarray], Any]) -> list:
    """Decodes the photographs' masks in threads and uses each at once, so that few whole masks are in memory.

    Args:
      photographs: photographs with masks.
      use: called with a photograph's index and its mask, uint8 [H, W] as of `load_mask`. It is called twice for masks of
        0 and 255, since what 255 means depends on the other masks (`load_mask_crops`).

    Returns:
      What `use` returned, in the order given.

    Raises:
      UserError: a mask is absent, cannot be read, or differs from its image in size.
    """
    def load(index: int) -> tuple[bool, Any, Any]:
        coded = _load_of(photographs[index])
        used = use(index, coded.mask)
        return coded.has_ones, used, use(index, codings.white_ignored(coded).mask) if coded.is_white else used

    loaded = map_in_threads(load, range(len(photographs)))
    num_white = sum(ignored is not used for _, used, ignored in loaded)
    if not num_white or not any(has_ones for has_ones, _, _ in loaded):
        return [used for _, used, _ in loaded]
    print(f"{num_white} masks hold 0 and 255 alone, others 0, 1 and 255: 255 is ignored in all of them",
          file=sys.stderr, flush=True)
    return [ignored for _, _, ignored in loaded]


def _load_of(photograph: Photograph) -> codings.Coded:
    """Loads a photograph's mask; UserError where there is none or it is of another size than its image."""
    if photograph.mask_path is None:
        raise UserError(f"{photograph.path} has no mask, and one is needed here; add it or leave the image out.")
    coded = load_coded(photograph.mask_path)
    height, width = load_image(photograph.path).shape[:2]
    if coded.mask.shape != (height, width):
        raise UserError(f"The mask {photograph.mask_path} is {coded.mask.shape[1]}x{coded.mask.shape[0]} pixels and its "
                        f"image {photograph.path} {width}x{height}; masks must be of their image's size.")
    return coded
