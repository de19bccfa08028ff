"""Masks of any pictures, by a segmentation network that was trained before.

    from inference.segmenter import segment
    for found in segment(["my/photographs"], weights="runs/mine/weights.npz", boxes="my/boxes.txt"):
        print(found.name, found.error or found.mask.mean())

Axis letters: B batch, n crops, S side of a crop, H rows and W columns of a whole picture.
"""

import os
import pathlib
import shutil
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

from data.decoding import load_layer
from data.folder import Picture, list_pictures
from data.images import map_in_threads, to_unit_range
from data.windows import Box, CROP_MODES, Window, crop_window, place_window, take_window
from errors import UserError, first_line
from extensions import grabcut
from inference import networks, pipeline
from storage.paths import check_path

Path = Union[str, os.PathLike]

MAX_HELD_PIXELS = 2**25  # pixels of the pictures that wait for their batch, 100 MB; one picture may always wait


class Segmentation(NamedTuple):
    """One object in one picture: its mask, or why there is none.

    Attributes:
      name: the picture's path below the folder given, written with '/', or its file name if it was given itself.
      path: the picture's file.
      number: the box's number, counted from 1, where the picture has several; else None.
      box: x, y, width, height in pixels after EXIF orientation; None is the whole picture.
      image: uint8 [H, W, 3] in [0, 255], EXIF orientation applied; None where it could not be read.
      mask: soft mask, float32 [H, W] in [0, 1], 0 outside the box's window; None where there is an error.
      error: one sentence that says why there is no mask; None where there is one.
      layer: uint8 [H, W, 4], the picture's own colours and alpha, where it is transparent somewhere; else None.
    """

    name: str
    path: str
    number: Optional[int]
    box: Optional[Box]
    image: Optional[np.ndarray]
    mask: Optional[np.ndarray]
    error: Optional[str]
    layer: Optional[np.ndarray] = None


class _View(NamedTuple):
    """A segmentation to be, and where its network's input is taken: `window`, and uint8 [S, S, 3] `crop`."""

    segmentation: Segmentation
    window: Optional[Window] = None
    crop: Optional[np.ndarray] = None


class Segmenter:
    """A segmentation network with what it needs to know to be used on pictures of any size.

    Attributes:
      image_size: S, side in pixels of the crops that the network takes.
      crop_mode: how they are cut from pictures, 'box' or 'square'; see `data.windows.crop_window`.
      infer: tf.function from crops uint8 [B, S, S, 3] to soft masks float32 [B, S, S, 1] in [0, 1].
    """

    def __init__(self, network: Callable[..., tf.Tensor], *, image_size: int, crop_mode: str,
                 grabcut_iterations: int = 0, **inference: Any) -> None:
        """Takes a built network, from float32 [B, S, S, 3] in [0, 1] to soft masks.

        Args:
          network: the network.
          image_size: as the attribute.
          crop_mode: as the attribute.
          grabcut_iterations: of `grabcut.cut_mask`, by which `mask` and `stream` cut masks within their whole pictures;
            0: not at all. `masks` and `infer` do not, since they know crops alone.
          **inference: options of `pipeline.inference`, what is done to its masks.
        """
        self.image_size, self.crop_mode = image_size, crop_mode
        self._grabcut_iterations = grabcut_iterations
        self._variables = network.variables
        inputs = tf.TensorSpec([None, image_size, image_size, 3], tf.uint8, name="images")
        predict = pipeline.inference(network, **inference)
        self.infer = tf.function(lambda images: predict(to_unit_range(images), training=False),
                                 input_signature=[inputs], autograph=False)

    @classmethod
    def from_weights(cls, weights: Union[Path, Sequence[Path]], **inference: Any) -> "Segmenter":
        """Loads a weights file of `train_fg.py` or `distill.py`, or several, the mean of whose masks is then taken.

        Args:
          weights: the file, or a list of files.
          **inference: as for a `Segmenter`, also `grabcut_iterations`.

        Raises:
          UserError: a file is missing, broken, incomplete, of another task's network, or holds values that are not
            finite; or the networks take different crops.
        """
        paths = [weights] if isinstance(weights, (str, os.PathLike)) else list(weights)
        names = " and ".join(os.fspath(path) for path in paths)
        loaded = networks.load_networks(paths)
        if loaded.crop not in CROP_MODES:
            raise UserError(f"{names} was trained on crops '{loaded.crop}', expected one of {', '.join(CROP_MODES)}.")
        return cls(loaded.network, image_size=loaded.image_size, crop_mode=loaded.crop, **inference)

    def masks(self, crops: np.ndarray, *, batch_size: int = 16) -> np.ndarray:
        """Infers masks of crops that are already of the network's size.

        Args:
          crops: uint8 [n, S, S, 3], at least one.
          batch_size: crops in a batch, at least 1.

        Returns:
          Soft masks, float32 [n, S, S, 1] in [0, 1].

        Raises:
          ValueError: the crops have another shape or type, or there are none.
        """
        size = self.image_size
        if crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3) or not len(crops):
            raise ValueError(f"Crops must be uint8 [n, {size}, {size}, 3] with n of at least 1, but are {crops.dtype} "
                             f"{list(crops.shape)}.")
        batches = range(0, len(crops), batch_size)
        return np.concatenate([self.infer(tf.constant(crops[start:start + batch_size])).numpy() for start in batches])

    def mask(self, image: np.ndarray, *, box: Optional[Box] = None, name: str = "the picture") -> np.ndarray:
        """Infers the mask of one object in a picture of any size.

        Args:
          image: uint8 [H, W, 3].
          box: x, y, width, height in pixels; None is the whole picture.
          name: what error messages call the picture.

        Returns:
          Soft mask at the picture's resolution, float32 [H, W] in [0, 1], 0 outside the window that was cropped.

        Raises:
          UserError: the box has no area inside the picture.
        """
        view = self._view(Segmentation(name, name, None, box, image, None, None))
        return next(self._segmentations([view], batch_size=1)).mask

    def stream(self, pictures: Iterable[Picture], *, batch_size: int = 16) -> Iterator[Segmentation]:
        """Infers the masks of any number of pictures in the memory that a few of them take.

        Pictures are decoded when their batch is, and forgotten when the next segmentation is asked for. A batch ends
        before it is full where its pictures are large. A broken file or a box outside its picture is yielded as an
        error, and the rest goes on.

        Args:
          pictures: as `list_pictures` makes them.
          batch_size: crops in a batch, at least 1.

        Yields:
          `Segmentation`, in the pictures' order and that of their boxes.
        """
        views, num_pixels = [], 0
        for picture in pictures:
            views += self._views(picture)
            image = views[-1].segmentation.image
            num_pixels += 0 if image is None else image.shape[0] * image.shape[1]
            image = None  # nothing but `views` may keep pictures
            if len(views) >= batch_size or num_pixels >= MAX_HELD_PIXELS:
                yield from self._segmentations(views, batch_size=batch_size)
                num_pixels = 0
        yield from self._segmentations(views, batch_size=batch_size)

    def save_model(self, directory: Path) -> None:
        """Writes a SavedModel that TensorFlow loads without this project.

        Its signature 'serving_default' takes `images`, uint8 [B, S, S, 3] in [0, 255] for any B, and returns `masks`,
        float32 [B, S, S, 1] in [0, 1]. B may be 0.

        Args:
          directory: new or empty folder; it is there whole or not at all.

        Raises:
          UserError: it holds something, is no folder, has a path that TensorFlow cannot read, or cannot be written.
        """
        check_path(directory)
        directory = pathlib.Path(os.path.abspath(directory))
        if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
            raise UserError(f"{directory} is there and is no empty folder; give a new one for the SavedModel.")
        module = tf.Module()
        module.variables_of_network = self._variables
        module.infer = tf.function(self._infer_any_number, input_signature=self.infer.input_signature, autograph=False)
        partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            tf.saved_model.save(module, str(partial), signatures={"serving_default": module.infer})
            os.replace(partial, directory)
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"the SavedModel {directory} cannot be written: {first_line(error)}.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _infer_any_number(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Infers `masks` of crops as `infer` does, also of none, for which convolutions are given one of zeros."""
        count = tf.shape(images)[0]
        padded = tf.pad(images, [[0, tf.cast(count == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
        return {"masks": self.infer(padded)[:count]}

    def _cut(self, pair: tuple[_View, np.ndarray]) -> np.ndarray:
        """Cuts a view's mask [S, S, 1] by colours, if that is wanted. Returns [S, S]."""
        (segmentation, window, _), mask = pair
        if not self._grabcut_iterations:
            return mask[..., 0]
        return grabcut.cut_mask(mask[..., 0], segmentation.image, window=window, box=segmentation.box,
                                iterations=self._grabcut_iterations)

    def _view(self, segmentation: Segmentation) -> _View:
        """Crops a segmentation's picture by its box; UserError where the box has no area inside the picture."""
        image = segmentation.image
        window = crop_window(box=segmentation.box, image_size=image.shape[:2], crop_mode=self.crop_mode,
                             name=segmentation.path)
        return _View(segmentation, window, take_window(image, window, size=self.image_size))

    def _views(self, picture: Picture) -> list[_View]:
        """Decodes a picture and crops it by each of its boxes; one view with an error where it cannot be decoded."""
        failed = Segmentation(picture.name, picture.path, None, None, None, None, None)
        try:
            image, layer = load_layer(picture.path)
        except UserError as error:
            return [_View(failed._replace(error=str(error)))]
        views = []
        for number, box in enumerate(picture.boxes, start=1):
            segmentation = failed._replace(number=number if len(picture.boxes) > 1 else None, box=box, image=image,
                                           layer=layer)
            try:
                views.append(self._view(segmentation))
            except UserError as error:
                views.append(_View(segmentation._replace(error=str(error))))
        return views

    def _segmentations(self, views: list[_View], *, batch_size: int) -> Iterator[Segmentation]:
        """Empties `views`, each with its mask; masks are cut in threads and get the pictures' size one by one."""
        cropped = [view for view in views if view.crop is not None]
        masks = self.masks(np.stack([view.crop for view in cropped]), batch_size=batch_size) if cropped else ()
        masks = iter(map_in_threads(self._cut, list(zip(cropped, masks))))
        cropped = None  # nothing but `views` may keep pictures
        while views:
            segmentation, window, crop = views.pop(0)
            if crop is not None:
                segmentation = segmentation._replace(
                    mask=place_window(next(masks), window, image_size=segmentation.image.shape[:2]))
            yield segmentation


def segment(
    paths: Union[Path, Sequence[Path]], *, weights: Union[Path, Sequence[Path]], boxes: Optional[Path] = None,
    boxes_format: Optional[str] = None, batch_size: int = 16, **inference: Any,
) -> Iterator[Segmentation]:
    """Infers the masks of any number of pictures, one after the other, in the memory that a few of them take.

    Args:
      paths: image files, and folders, which are searched recursively; or one of them.
      weights: weights.npz of a run of `train_fg.py` or `distill.py`, or several, the mean of whose masks is then taken.
      boxes: text file of lines 'name x y width height' in pixels after EXIF orientation, one per object, where a
        picture's name is its path below the folder given, or any ending of its path where it is given itself. Pictures
        without a line are left out. Without the file each picture is taken whole.
      boxes_format: how else boxes are written, one of `data.boxes.FORMATS`.
      batch_size: crops in a batch, at least 1.
      **inference: what is done to masks afterwards: options of `pipeline.inference`, and `grabcut_iterations`.

    Returns:
      An iterator of `Segmentation`: name, image, soft mask at the picture's resolution, or the error of a file that
      cannot be read. What is yielded is forgotten here when the next is asked for.

    Raises:
      UserError: at once, where weights, boxes or paths cannot be used.
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    pictures = list_pictures([os.fspath(path) for path in paths], boxes_file=boxes, boxes_format=boxes_format)
    segmenter = Segmenter.from_weights(weights, **inference)
    return segmenter.stream(pictures, batch_size=batch_size)
