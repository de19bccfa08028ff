"""Images: cropping by a box, many at a time, scaling, and the project's only conversions between ranges.

Axis letters: B or n images, H rows, W columns, C channels, S the side of a square crop in pixels.
"""

from concurrent.futures import ThreadPoolExecutor
import hashlib
from typing import Any, Callable, Iterable, NamedTuple, Optional, Sequence

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from data.decoding import load_image
from data.windows import Box, crop_window, take_window
from errors import UserError

_MOST_NAMED = 10  # broken files or boxes, in one message


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


def map_in_threads(function: Callable[[Any], Any], items: Sequence[Any], *, label: Optional[str] = None) -> list[Any]:
    """`[function(item) for item in items]` on all cores (Pillow and OpenCV work outside the interpreter's lock).

    Args:
      function: called in a thread.
      items: what it is called with, one at a time.
      label: beside the bar on standard error that says how far it is; None shows none.

    Raises:
      UserError: `function` raised it; of several messages up to ten stand each on a line, and the rest is counted.
    """
    def attempt(item: Any) -> tuple[Any, Optional[str]]:
        try:
            return function(item), None
        except UserError as error:
            return None, str(error)

    pool = ThreadPoolExecutor()
    try:
        results = list(tqdm(pool.map(attempt, items), total=len(items), desc=label, disable=label is None,
                            mininterval=2.0))
    finally:
        pool.shutdown(cancel_futures=True)  # at Ctrl-C, too
    problems = list(dict.fromkeys(problem for _, problem in results if problem))
    if len(problems) > 1:
        more = [f"and {len(problems) - _MOST_NAMED} more."] if len(problems) > _MOST_NAMED else []
        problems = [f"{len(problems)} files or boxes cannot be used:", *problems[:_MOST_NAMED], *more]
    if problems:
        raise UserError("\n".join(problems))
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


class Crops:
    """Photographs' crops as an array uint8 [n, S, S, 3] whose parts are decoded when they are taken, and not kept."""

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, photographs: Sequence[Photograph], *, size: int, crop_mode: str) -> None:
        """Takes what `load_crops` takes."""
        self.shape = (len(photographs), size, size, 3)
        self._photographs, self._cropping = photographs, {"size": size, "crop_mode": crop_mode}

    def __len__(self) -> int:
        return len(self._photographs)

    def __getitem__(self, part: slice) -> np.ndarray:
        """Returns crops uint8 [m, S, S, 3]; UserError as `load_crops`."""
        return load_crops(self._photographs[part], **self._cropping)


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


def scaled(square: np.ndarray, scale: float, *, size: Optional[int] = None) -> np.ndarray:
    """Scales a square picture about its middle, bilinearly.

    Args:
      square: bool or float [T, T] or [T, T, C].
      scale: factor.
      size: side of the result; None: the least that holds the whole picture.

    Returns:
      float32 [size, size] or [size, size, C], 0 beyond the picture.
    """
    side = size or int(np.ceil(len(square) * scale))
    shift = (side - 1) / 2 - scale * (len(square) - 1) / 2
    return cv2.warpAffine(square.astype(np.float32), np.array([[scale, 0.0, shift], [0.0, scale, shift]]), (side, side))
