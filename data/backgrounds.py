"""Pictures of the untrainable background provider (Figure 4), from which random patches are cut."""

from typing import NamedTuple, Optional, Sequence

import numpy as np
from PIL import Image
import tensorflow as tf

from data.folder import list_image_files
from data.images import Photograph, load_image, map_in_threads
from data.windows import SQUARE_SCALE, Window, crop_window, take_window
from errors import UserError

_LARGEST_SCALE = 2.5  # the shorter side of a stored picture over the patch's side, to save memory
_WINDOWS_PER_IMAGE = 2
_LEAST_SHARE = 0.25  # of a window's width and height that a strip must have, to be continued by its mirror image
_MAX_DRAWS = 20  # of a box whose sides fit, for one window


class BackgroundPool(NamedTuple):
    """Pictures of different sizes in one buffer: plain tensors on the CPU, so that tf.data can cut patches from them.

    Attributes:
      pixels: uint8 [sum of H * W * 3], the pictures one after another.
      offsets: int64 [num_images], where each begins in `pixels`.
      sizes: int64 [num_images, 2], the height and width of each in pixels.
    """

    pixels: tf.Tensor
    offsets: tf.Tensor
    sizes: tf.Tensor

    @classmethod
    def from_images(cls, images: Sequence[np.ndarray]) -> "BackgroundPool":
        """Builds a pool from uint8 arrays [H, W, 3] of any sizes; ValueError if there are none or of another kind."""
        if not images:
            raise ValueError("A BackgroundPool needs at least one image.")
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
                raise ValueError(f"A background is uint8 [H, W, 3], got {image.dtype} {list(image.shape)}.")
        sizes = np.array([image.shape[:2] for image in images], np.int64)
        ends = np.cumsum([image.size for image in images], dtype=np.int64)
        with tf.device("/CPU:0"):
            pixels = tf.constant(np.concatenate([image.reshape(-1) for image in images]))
            return cls(pixels, tf.constant(np.concatenate([[0], ends[:-1]])), tf.constant(sizes))

    @property
    def num_images(self) -> int:
        """How many pictures the pool holds."""
        return self.offsets.shape[0]

    def patch(self, index: tf.Tensor, *, size: int, seed: tf.Tensor, flip: bool = True) -> tf.Tensor:
        """Cuts a random square patch from a picture: a pure function of its arguments, in TensorFlow only.

        The patch's side is log-uniform between `size` and the picture's shorter side (that side itself in a picture
        below `size`), its place uniform. It is resized with antialiasing.

        Args:
          index: integer scalar in [0, num_images).
          size: S in pixels.
          seed: integer [2], the seed of the patch's random numbers.
          flip: whether it is flipped horizontally half of the time.

        Returns:
          uint8 [S, S, 3].
        """
        height, width = self.sizes[index][0], self.sizes[index][1]
        uniforms = tf.random.stateless_uniform([4], seed)
        shorter = tf.cast(tf.minimum(height, width), tf.float32)
        smallest = tf.minimum(float(size), shorter)
        side = tf.cast(tf.round(smallest * tf.pow(shorter / smallest, uniforms[0])), tf.int64)
        top, left = _uniform_start(height - side, uniforms[1]), _uniform_start(width - side, uniforms[2])
        row_length = width * 3
        rows = tf.slice(self.pixels, [self.offsets[index] + top * row_length], [side * row_length])
        patch = tf.reshape(rows, [side, width, 3])[:, left : left + side]  # [side, side, 3]
        resized = tf.image.resize(patch, [size, size], antialias=True)
        flipped = tf.cond(uniforms[3] >= 0.5, lambda: tf.reverse(resized, [1]), lambda: resized) if flip else resized
        return tf.ensure_shape(tf.cast(tf.clip_by_value(tf.round(flipped), 0.0, 255.0), tf.uint8), [size, size, 3])


def _uniform_start(largest: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """An int64 in [0, largest] from a uniform number in [0, 1)."""
    return tf.minimum(tf.cast(uniform * tf.cast(largest + 1, tf.float32), tf.int64), largest)


def load_folder(directory: str, *, patch_size: int) -> BackgroundPool:
    """Loads all images of a folder and of the folders in it, in parallel.

    Each is scaled, if it must be, so that its shorter side is at least `patch_size` and at most 2.5 times that.

    Args:
      directory: a folder of pictures without foreground.
      patch_size: the side in pixels of the patches that will be cut.

    Raises:
      UserError: the folder is missing or empty, or an image cannot be read.
    """
    paths = list_image_files(directory)
    return BackgroundPool.from_images(map_in_threads(lambda path: _scale(load_image(path), patch_size), paths))


def outside_boxes(
    photographs: Sequence[Photograph], *, patch_size: int, min_size: Optional[int] = None
) -> BackgroundPool:
    """Backgrounds from the given images themselves: the largest rectangles that touch no box.

    All boxes of one image file count together. The rectangles become the pool's pictures, scaled as by `load_folder`;
    they may overlap each other.

    Args:
      photographs: with a box each.
      patch_size: the side in pixels of the patches that will be cut.
      min_size: the least shorter side of a rectangle in pixels of its image; None is half of `patch_size`.

    Raises:
      UserError: a photograph has no box or cannot be read, or no rectangle is large enough.
    """
    least = max(1, patch_size // 2) if min_size is None else min_size
    groups = _by_image(photographs)

    def cut(group: list[Photograph]) -> list[np.ndarray]:
        # Copies, since a view would keep its whole picture in memory.
        return [_scale(strip, patch_size).copy() for strip in _strips(group, min_size=least)]

    pictures = [picture for pictures in map_in_threads(cut, groups) for picture in pictures]
    if not pictures:
        raise UserError(
            f"None of the {len(groups)} images has a rectangle of {least} pixels or more outside its boxes; "
            "give a folder of backgrounds, or larger images."
        )
    return BackgroundPool.from_images(pictures)


def box_windows(photographs: Sequence[Photograph], *, patch_size: int, crop_mode: str) -> BackgroundPool:
    """Backgrounds from the given images themselves, cut as crops are.

    Each image gives two windows outside all of its boxes. A window has the sides of a random box of the data set and is
    squeezed to a square as a crop is, so that its scale, its aspect and its sharpness are those of crops. A strip that is
    narrower or lower than the window is continued by its mirror image.

    Args:
      photographs: with a box each.
      patch_size: S in pixels.
      crop_mode: of the crops, 'box' or 'square'.

    Returns:
      Pool of pictures of [S, S]. It is the same for the same photographs.

    Raises:
      UserError: a photograph has no box or cannot be read, or no window fits.
    """
    groups = _by_image(photographs)
    widths, heights = np.array([photograph.box[2:] for photograph in photographs]).T
    if crop_mode == "square":
        widths = heights = SQUARE_SCALE * np.maximum(widths, heights)
    sides = np.maximum(1, np.rint(np.stack([widths, heights], axis=1))).astype(int)

    def cut(numbered: tuple[int, list[Photograph]]) -> list[np.ndarray]:
        number, group = numbered
        strips, generator = _strips(group, min_size=8), np.random.default_rng(number)
        cuts = [_cut_window(strips, sides, size=patch_size, generator=generator) for _ in range(_WINDOWS_PER_IMAGE)]
        return [window for window in cuts if window is not None]

    pictures = [picture for pictures in map_in_threads(cut, list(enumerate(groups))) for picture in pictures]
    if not pictures:
        raise UserError(
            f"None of the {len(groups)} images has room for a window of a box's sides outside its boxes; "
            "give a folder of backgrounds, or larger images."
        )
    return BackgroundPool.from_images(pictures)


def _cut_window(
    strips: list[np.ndarray], sides: np.ndarray, *, size: int, generator: np.random.Generator
) -> Optional[np.ndarray]:
    """Cuts a window of random sides from the strip that covers most of it: uint8 [size, size, 3], or None."""
    if not strips:
        return None
    for width, height in sides[generator.integers(len(sides), size=_MAX_DRAWS)]:
        shares = [(min(1.0, strip.shape[1] / width), min(1.0, strip.shape[0] / height)) for strip in strips]
        chosen = max(range(len(strips)), key=lambda index: np.prod(shares[index]))
        if min(shares[chosen]) < _LEAST_SHARE:
            continue
        room_y, room_x = strips[chosen].shape[0] - height, strips[chosen].shape[1] - width
        left = int(generator.integers(min(0, room_x), max(0, room_x) + 1))
        top = int(generator.integers(min(0, room_y), max(0, room_y) + 1))
        return take_window(strips[chosen], Window(left, top, left + int(width), top + int(height)), size=size)
    return None


def _by_image(photographs: Sequence[Photograph]) -> list[list[Photograph]]:
    """Groups photographs by their image file; UserError if one has no box."""
    groups = {}
    for photograph in photographs:
        if photograph.box is None:
            raise UserError(
                f"{photograph.path} has no box, so what lies outside its foreground is unknown; "
                "give boxes, or a folder of backgrounds."
            )
        groups.setdefault(photograph.path, []).append(photograph)
    return list(groups.values())


def _strips(group: list[Photograph], *, min_size: int) -> list[np.ndarray]:
    """The maximal rectangles of an image that touch no box of the group, whose image it is: uint8 [h, w, 3] each."""
    image = load_image(group[0].path)
    size = image.shape[:2]
    boxes = [crop_window(box=one.box, image_size=size, crop_mode="box", name=one.path) for one in group]
    rectangles = empty_rectangles(boxes, image_size=size, min_size=min_size)
    return [image[top:bottom, left:right] for left, top, right, bottom in rectangles]


def empty_rectangles(boxes: Sequence[Window], *, image_size: tuple[int, int], min_size: int) -> list[Window]:
    """Enumerates the maximal rectangles of whole pixels inside an image that touch none of its boxes.

    A maximal one cannot be widened on any side, so each side lies on the image's border or on a box's opposite side.

    Args:
      boxes: windows inside the image.
      image_size: height, width in pixels.
      min_size: the least shorter side in pixels, at least 1.

    Returns:
      The rectangles, sorted.
    """
    height, width = image_size
    by_top = sorted(boxes, key=lambda box: box.top)
    found = []
    for left in {0, *(box.right for box in boxes)}:
        for right in {width, *(box.left for box in boxes)}:
            if right - left < min_size:
                continue
            crossing = [box for box in by_top if box.left < right and box.right > left]
            top = 0
            for bottom, next_top in [*((box.top, box.bottom) for box in crossing), (height, height)]:
                if bottom - top >= min_size:
                    found.append(Window(left, top, right, bottom))
                top = max(top, next_top)
    return sorted(one for one in found if _is_blocked_sideways(one, boxes=boxes, width=width))


def _is_blocked_sideways(rectangle: Window, *, boxes: Sequence[Window], width: int) -> bool:
    """Whether a rectangle can be widened neither to the left nor to the right."""
    beside = [box for box in boxes if box.top < rectangle.bottom and box.bottom > rectangle.top]
    is_left_blocked = rectangle.left == 0 or any(box.right == rectangle.left for box in beside)
    return is_left_blocked and (rectangle.right == width or any(box.left == rectangle.right for box in beside))


def _scale(image: np.ndarray, patch_size: int) -> np.ndarray:
    """Scales a picture so that its shorter side lies in [patch_size, 2.5 * patch_size]."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    target = min(max(shorter, patch_size), int(_LARGEST_SCALE * patch_size))
    if target == shorter:
        return image
    new_size = (max(target, round(width * target / shorter)), max(target, round(height * target / shorter)))
    return np.array(Image.fromarray(image).resize(new_size, Image.Resampling.BILINEAR))
