"""Labels of a distillation: the teacher's masks, computed once and kept in the run folder."""

import dataclasses
import os
import pathlib
from typing import Any, Callable, Optional, Sequence

import numpy as np
import tensorflow as tf

import config
from data import images as image_ranges
from data.images import Photograph
from data.photographs import TrainingData
from errors import UserError
from extensions import grabcut, refinement
from inference import networks, pipeline
from storage import atomic

BOXES = "boxes"  # a teacher that is no network
CACHE_NAME, CUT_CACHE_NAME = "teacher_masks.npy", "cut_labels.npy"
TEACHER_FILE = "teacher.txt"


def load_teacher(paths: Sequence[str], *, image_size: Optional[int], crop: Optional[str]) -> networks.LoadedNetwork:
    """Loads the teacher: `networks.load_networks`, for crops of its own or another size, or the boxes alone.

    The boxes alone are masks of `grabcut.BOX_MASK` everywhere, from which `cut_labels` makes labels that no network has
    seen (Khoreva et al. 2017, *Simple Does It: Weakly Supervised Instance and Semantic Segmentation*) (S21).

    Args:
      paths: run folders and weights files, or just `BOXES`.
      image_size: side in pixels of the crops. A network that was trained on others is shown them at its own size
        (`extensions.resized`). None is its own, and for `BOXES` the paper's 128.
      crop: their crop mode, for `BOXES`; None is 'box'.

    Returns:
      `networks.LoadedNetwork` of crops of `image_size`; of `BOXES` without flags and area constant.

    Raises:
      UserError: as `networks.load_networks`, and if `BOXES` is one of several.
    """
    if BOXES not in paths:
        return networks.at_size(networks.load_networks(paths), image_size)
    if len(paths) > 1:
        raise UserError(f"--teacher={BOXES} are the boxes alone and goes with no other --teacher.")

    def mask(images: tf.Tensor, training: bool = False) -> tf.Tensor:
        del training
        return grabcut.BOX_MASK * tf.ones_like(images[..., :1])

    return networks.LoadedNetwork(mask, image_size or 128, crop or "box", {}, None, "of boxes alone")


def check(student: config.Student, inference: config.Inference) -> None:
    """Raises UserError where two flags say what labels are, or one does not go with a teacher that knows only boxes."""
    if student.label_area and inference.mask_threshold != 0.5:
        raise UserError("--label_area finds the threshold that --mask_threshold gives; give one or the other.")
    if BOXES not in student.teacher:
        return
    if not student.grabcut_iterations:
        raise UserError("--teacher=boxes has labels only where they are cut by colours: give --grabcut_iterations, 1 "
                        "for instance.")
    if student.label_area or inference.mask_threshold != 0.5:
        raise UserError("--label_area and --mask_threshold do not go with --teacher=boxes, whose masks are the same "
                        "everywhere before they are cut.")


def make(options: config.Distillation, *, teacher: networks.LoadedNetwork, data: TrainingData,
         cache_dir: Optional[pathlib.Path]) -> np.ndarray:
    """Makes what the student learns: the teacher's masks, with what the flags do to them.

    Args:
      options: the script's configuration.
      teacher: of `load_teacher`.
      data: what is trained on.
      cache_dir: as for `teacher_masks`.

    Returns:
      uint8 [n, S, S, 1] in [0, 255].

    Raises:
      UserError: as `teacher_masks` and `cut_labels`.
    """
    inferred, student = options.inference, options.student
    raw = dataclasses.replace(inferred, sharpen_temperature=1.0, mask_threshold=0.5)
    masks = teacher_masks(pipeline.inference(teacher.network, **vars(raw)), data.crops, description=teacher.description,
                          made_of=fingerprint(data.crops, teacher.network), cache_dir=cache_dir,
                          max_megabytes=student.max_cache_megabytes)
    threshold = (refinement.threshold_of_area(masks, student.label_area) if student.label_area
                 else inferred.mask_threshold)
    sharpened = sharpen_labels(masks, temperature=inferred.sharpen_temperature, threshold=threshold)
    made = cut_labels(sharpened, data.photographs, crop_mode=options.data.crop,
                      iterations=student.grabcut_iterations, cache_dir=cache_dir)
    print(f"teacher {teacher.description}: its masks have a mean area of {masks.mean() / 255:.3f}, the labels made of "
          f"them of {made.mean() / 255:.3f} (threshold {threshold:.3f})", flush=True)
    return made


def fingerprint(crops: np.ndarray, network: Any) -> str:
    """Returns a text that is another for other crops, uint8 [n, S, S, 3], and for a network with other values."""
    return image_ranges.fingerprint(crops, *(variable.numpy() for variable in getattr(network, "variables", ())))


def teacher_masks(teacher: Callable, crops: np.ndarray, *, description: str, made_of: str,
                  cache_dir: Optional[pathlib.Path], max_megabytes: float) -> np.ndarray:
    """Predicts the teacher's masks of all photographs once, and keeps them in the run folder.

    Args:
      teacher: network wrapped by `pipeline.inference`.
      crops: uint8 [n, S, S, 3].
      description: the teacher's, of `networks.LoadedNetwork`, which names its step; noted in `teacher.txt`.
      made_of: `fingerprint` of the crops and the teacher's network, noted there too.
      cache_dir: the run's folder; its `teacher_masks.npy` is used if it is there. None for no cache (a worker that is
        not the chief).
      max_megabytes: largest size of the cache, n * S * S bytes, that is allowed.

    Returns:
      uint8 [n, S, S, 1] in [0, 255], rounded.

    Raises:
      UserError: the cache would be larger than allowed, is of other photographs or of a teacher that has been trained
        on since, or cannot be written.
    """
    shape = (*crops.shape[:-1], 1)
    megabytes = int(np.prod(shape)) / 2**20
    if megabytes > max_megabytes:
        raise UserError(f"the teacher's masks take {megabytes:.0f} MiB, more than "
                        f"--max_cache_megabytes={max_megabytes}; raise it, or train on fewer photographs.")
    if cache_dir:
        _note_teacher(description, made_of=made_of, cache_dir=pathlib.Path(cache_dir))
    return _kept(lambda: _to_eight_bits(pipeline.predict_masks(teacher, crops)), shape=shape, cache_dir=cache_dir,
                 name=CACHE_NAME)


def _note_teacher(description: str, *, made_of: str, cache_dir: pathlib.Path) -> None:
    """Notes whose masks of what the folder is about to keep; UserError if masks that were noted otherwise are there."""
    note = cache_dir / TEACHER_FILE
    if not (cache_dir / CACHE_NAME).exists():
        (cache_dir / CUT_CACHE_NAME).unlink(missing_ok=True)  # cut of masks that are gone
        atomic.write(note, f"{description}\n{made_of}\n")
    elif note.exists():
        noted, *noted_made_of = note.read_text(encoding="utf-8").splitlines() or [""]
        if noted != description and noted_made_of != [made_of]:
            raise UserError(f"{cache_dir} was begun with the masks of {noted}, and the teacher is {description} by now; "
                            "give another --run_dir.")
        if noted_made_of and noted_made_of != [made_of]:  # older folders have no such line
            raise UserError(f"{cache_dir} was begun with other photographs, or boxes, or with another teacher where "
                            f"{description} is now; give another --run_dir.")


def cut_labels(labels: np.ndarray, photographs: Sequence[Photograph], *, crop_mode: str, iterations: int,
               cache_dir: Optional[pathlib.Path]) -> np.ndarray:
    """Cuts labels anew within their photographs once, `extensions.grabcut.cut_masks`, and keeps them in the run folder.

    Args:
      labels: uint8 [n, S, S, 1] in [0, 255].
      photographs: the n `Photograph`s.
      crop_mode: how the crops were taken.
      iterations: as there; 0 returns the labels as they are.
      cache_dir: the run's folder, whose `cut_labels.npy` is used if it is there, or None for no cache.

    Returns:
      uint8 [n, S, S, 1] in [0, 255].

    Raises:
      UserError: a photograph cannot be read, the cache is of others, or it cannot be written.
    """
    if not iterations:
        return labels
    return _kept(lambda: _to_eight_bits(grabcut.cut_masks(labels.astype(np.float32) / 255, photographs,
                                                          crop_mode=crop_mode, iterations=iterations)),
                 shape=labels.shape, cache_dir=cache_dir, name=CUT_CACHE_NAME)


def _to_eight_bits(masks: np.ndarray) -> np.ndarray:
    """Returns soft masks, float32 in [0, 1], as uint8 in [0, 255], rounded."""
    return image_ranges.to_uint8(tf.constant(masks)).numpy()


def _kept(make: Callable[[], np.ndarray], *, shape: tuple, cache_dir: Optional[pathlib.Path], name: str) -> np.ndarray:
    """Returns uint8 masks of a shape from the run folder's file of that name, or makes and keeps them there."""
    path = pathlib.Path(cache_dir) / name if cache_dir else None
    if path and path.exists():
        try:
            cached = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise UserError(f"{path} cannot be read ({error}); delete it, and it is made anew.") from error
        if cached.shape != shape or cached.dtype != np.uint8:
            raise UserError(f"{path} holds masks {list(cached.shape)}, expected {list(shape)}; delete it, and it is "
                            "made anew.")
        return cached
    masks = make()
    if path is None:
        return masks
    partial = path.with_suffix(".partial")
    try:
        with open(partial, "wb") as file:
            np.save(file, masks)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
    return masks


def sharpen_labels(masks: np.ndarray, *, temperature: float, threshold: float) -> np.ndarray:
    """Sharpens masks that are stored with 8 bits, `extensions.refinement.sharpen_masks`.

    Args:
      masks: uint8 [n, S, S, 1] in [0, 255].
      temperature: as there.
      threshold: as there.

    Returns:
      uint8 [n, S, S, 1].
    """
    values = tf.constant(np.arange(256) / 255, tf.float32)
    table = image_ranges.to_uint8(refinement.sharpen_masks(values, temperature=temperature, threshold=threshold))
    return table.numpy()[masks]
