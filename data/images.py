"""Images and masks: decoding, cropping by a box, and the project's only conversions between ranges.

Axis letters: B or n images, H rows, W columns, C channels, S the side of a square crop in pixels.
"""

from concurrent.futures import ThreadPoolExecutor
import hashlib
from typing import Any, Callable, Iterable, NamedTuple, Optional, Sequence

import numpy as np
from PIL import Image
import tensorflow as tf
from tqdm import tqdm

from data.windows import Box, crop_window, take_window
from errors import UserError, first_line

_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
MAX_MEGAPIXELS = 179.0  # Pillow's limit, beyond which a file is taken for an attack on memory
_ORIENTATION = 0x0112  # EXIF's tag, and how the stored pixels are turned to be upright
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}


class Photograph(NamedTuple):
    """One instance in one image file: where it is, and where its mask is if there is one.

    Attributes:
      name: relative, unique among the photographs listed with it; reports use it.
      path: the image file.
      box: x, y, width, height in pixels of the stored image after EXIF orientation; None is the whole image.
      mask_path: the mask's file, of the same size as the image; None where there is none.
      is_training: whether the data set's own split puts it among the training images.
    """

    name: str
    path: str
    box: Optional[Box]
    mask_path: Optional[str]
    is_training: bool = True


def allow_megapixels(limit: float) -> None:
    """Lets this process decode pictures of up to so many million pixels; Pillow does no more than twice as many."""
    Image.MAX_IMAGE_PIXELS = round(limit * 1e6)


allow_megapixels(MAX_MEGAPIXELS)


def _check_size(image: Image.Image) -> None:
    """Refuses an image that is larger than this process allows, as Pillow refuses one of twice that size."""
    width, height = image.size
    if width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width}x{height} pixels are {width * height / 1e6:.0f} million")


def _decode(path: str) -> Image.Image:
    """Opens `path`, decodes all of it and applies its EXIF orientation; UserError where that cannot be done."""
    try:
        with Image.open(path) as image:
            _check_size(image)
            image.load()
            return _upright(image)
    except FileNotFoundError:
        raise UserError(f"There is no image file {path}; check the path.") from None
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is larger than {Image.MAX_IMAGE_PIXELS / 1e6:g} megapixels ({first_line(error)}); "
                        "--max_megapixels allows more.") from error
    except Exception as error:  # pylint: disable=broad-except  # a broken file may raise anything
        raise UserError(f"{path} could not be read as an image ({first_line(error)}); replace or remove the file.") from error


def _upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation, all that is taken from the metadata; damaged metadata count as none."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # pylint: disable=broad-except
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def _sixteen_bit_values(image: Image.Image, *, path: str) -> np.ndarray:
    """The grey values [H, W] of an image in one of Pillow's integer modes, refused outside [0, 65535]."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise UserError(f"{path} holds values from {values.min()} to {values.max()}; expected at most 16 bits.")
    return values.astype(np.int32)


def _has_alpha(image: Image.Image) -> bool:
    """Says whether an image has transparency, in a channel or as one of its colours."""
    return image.mode in _ALPHA_MODES or "transparency" in image.info and image.mode not in _SIXTEEN_BIT_MODES


def _to_rgb(image: Image.Image, *, path: str) -> np.ndarray:
    """Any mode as uint8 [H, W, 3]; see `load_image` for what happens to each."""
    if image.mode in _SIXTEEN_BIT_MODES:
        grey = np.round(_sixteen_bit_values(image, path=path) / 257.0).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    try:
        if _has_alpha(image):
            layer = image.convert("RGBA")
            return np.array(Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer))[..., :3]
        if image.mode == "F":
            raise ValueError("floating-point pixels have no known range")
        return np.array(image.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # pylint: disable=broad-except
        raise UserError(f"{path} is of mode {image.mode} ({first_line(error)}); save it as RGB or grey.") from error


def load_image(path: str) -> np.ndarray:
    """Decodes an image file as RGB, the way a viewer would show it on black.

    The EXIF orientation is applied. Grey and palette images are expanded, CMYK is converted, 16-bit grey is scaled
    (not clipped) to 8 bits. Transparent pixels are composited on black, the colour of an empty canvas in Eq. (5), since
    the colours stored under alpha 0 are arbitrary. Of an animation the first frame is taken.

    Args:
      path: a file of any format that Pillow reads.

    Returns:
      uint8 [H, W, 3] in [0, 255].

    Raises:
      UserError: the file is missing, broken, truncated, implausibly large, or of a mode without a known range.
    """
    return load_layer(path)[0]


def load_layer(path: str) -> tuple[np.ndarray, Optional[np.ndarray]]:
    """Decodes an image file as `load_image` does, and keeps its own transparency.

    Returns:
      image: as of `load_image`.
      layer: uint8 [H, W, 4], the colours as they are stored, and alpha; None where everything is opaque.

    Raises:
      UserError: as for `load_image`.
    """
    decoded = _decode(path)
    image = _to_rgb(decoded, path=path)
    layer = np.array(decoded.convert("RGBA")) if _has_alpha(decoded) else None
    return image, None if layer is None or layer[..., 3].min() == 255 else layer


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
    image = _decode(path)
    if image.mode in _SIXTEEN_BIT_MODES:
        values = _sixteen_bit_values(image, path=path)
    else:
        rgb = _to_rgb(image, path=path)
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


def crop(
    image: np.ndarray, *, box: Optional[Box], crop_mode: str, size: int, name: str = "the image"
) -> np.ndarray:
    """Crops an image by its box and scales it to a square; `crop_window` says what is taken, and raises.

    Args:
      image: uint8 [H, W, 3].
      box: x, y, width, height in pixels; None is the whole image.
      crop_mode: 'box' (the paper's tight box) or 'square' (with context, aspect kept).
      size: S in pixels.
      name: what error messages call the image.

    Returns:
      uint8 [S, S, 3].
    """
    window = crop_window(box=box, image_size=image.shape[:2], crop_mode=crop_mode, name=name)
    return take_window(image, window, size=size)


def crop_mask(
    mask: np.ndarray, *, box: Optional[Box], crop_mode: str, size: int, name: str = "the mask"
) -> np.ndarray:
    """Crops a mask bool [H, W] as `crop` does its image: uint8 [S, S, 1] in {0, 1}, resized, cut at one half."""
    window = crop_window(box=box, image_size=mask.shape, crop_mode=crop_mode, name=name)
    resized = take_window(mask.astype(np.float32), window, size=size)
    return (resized >= 0.5).astype(np.uint8)[..., np.newaxis]


def map_in_threads(function: Callable[[Any], Any], items: Sequence[Any], *, label: Optional[str] = None) -> list[Any]:
    """`[function(item) for item in items]` on all cores (Pillow and OpenCV work outside the interpreter's lock).

    Args:
      function: called in a thread.
      items: what it is called with, one at a time.
      label: beside the bar on standard error that says how far it is; None shows none.

    Raises:
      UserError: `function` raised it; of several items all messages are named, each on a line.
    """
    def attempt(item: Any) -> tuple[Any, Optional[str]]:
        try:
            return function(item), None
        except UserError as error:
            return None, str(error)

    pool = ThreadPoolExecutor()
    try:
        results = list(tqdm(pool.map(attempt, items), total=len(items), desc=label, disable=label is None, mininterval=2.0))
    finally:
        pool.shutdown(cancel_futures=True)  # at Ctrl-C, too
    problems = list(dict.fromkeys(problem for _, problem in results if problem))
    if problems:
        raise UserError("\n".join([f"{len(problems)} files or boxes cannot be used:", *problems] if problems[1:] else problems))
    return [value for value, _ in results]


def load_crops(photographs: Sequence[Photograph], *, size: int, crop_mode: str) -> np.ndarray:
    """Decodes and crops photographs in parallel.

    Args:
      photographs: any number, also none.
      size: S in pixels.
      crop_mode: 'box' or 'square'.

    Returns:
      uint8 [n, S, S, 3], in the order given.

    Raises:
      UserError: an image cannot be read, or its box has no area inside it.
    """
    crops = np.empty((len(photographs), size, size, 3), np.uint8)

    def load(item: tuple[int, Photograph]) -> None:
        position, photograph = item
        image = load_image(photograph.path)
        crops[position] = crop(image, box=photograph.box, crop_mode=crop_mode, size=size, name=photograph.path)

    map_in_threads(load, list(enumerate(photographs)))
    return crops


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


def fingerprint(*arrays: np.ndarray) -> str:
    """Returns a text that other arrays, of any shapes and types, do not have."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def to_unit_range(images: tf.Tensor) -> tf.Tensor:
    """uint8 [...] in [0, 255] to float32 in [0, 1], the range of compositions; ValueError for other dtypes."""
    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise ValueError(f"to_unit_range takes uint8, got {images.dtype.name}.")
    return tf.cast(images, tf.float32) / 255.0


def to_network_range(images: tf.Tensor) -> tf.Tensor:
    """float [...] in [0, 1] to [-1, 1], the range in which images enter every network (S6)."""
    return images * 2.0 - 1.0


def channel_statistics(pictures: Iterable[np.ndarray]) -> tuple[list[float], list[float]]:
    """Means and standard deviations of the colour channels over all pixels of all pictures.

    Args:
      pictures: uint8 [H, W, 3] each, at least one.

    Returns:
      means: three numbers in [0, 1].
      deviations: three numbers of at least 1 / 255, so that a channel without contrast can be divided by its own.
    """
    counts = np.zeros([3, 256], np.int64)
    for picture in pictures:
        counts += [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    values, shares = np.arange(256) / 255.0, counts / counts.sum(axis=1, keepdims=True)
    means = shares @ values
    deviations = np.sqrt(np.maximum(shares @ values**2 - means**2, 0.0))
    return means.tolist(), np.maximum(deviations, 1.0 / 255.0).tolist()


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """float [...] in [0, 1] to uint8 in [0, 255]: rounded, and clipped where it lies outside."""
    return tf.cast(tf.clip_by_value(tf.round(images * 255.0), 0.0, 255.0), tf.uint8)
