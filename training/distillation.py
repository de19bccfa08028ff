"""Teacher-student distillation (appendix, 'Data Distillation in the First Application', Eq. 8)."""

import hashlib
import os
import pathlib

import numpy as np
import tensorflow as tf

import atomic_file
import losses
import visualization
from data import images as image_ranges
from errors import UserError
from evaluation import evaluator, grabcut
from models import refinement
from models.composition import Instance, composite, stack_layers
from training import augmentation as augmentations
from training import foreground
from training.adversarial import descend, mask_statistics, objective_of

BOXES = "boxes"  # a teacher that is no network
CACHE_NAME, CUT_CACHE_NAME = "teacher_masks.npy", "cut_labels.npy"
TEACHER_FILE = "teacher.txt"


class Distillation(tf.Module):
    """The student and its update: smooth L1 between its masks and the teacher's.

    A batch is a dict as of `data.batches.distillation_batches`.
    """

    def __init__(self, *, student, optimizer, augmentation=(), seed=0, jit_compile=False):
        """Wires the student; network and optimizer must have been built.

        Args:
          student: images [B, S, S, 3] in [0, 1] to soft masks.
          optimizer: optimizer of its variables.
          augmentation: of `training.augmentation.KINDS` but 'translation': how photographs, and independently of them
            backgrounds, are changed before the student sees them; their masks stay (S18).
          seed: seed of these changes.
          jit_compile: whether the update is compiled by XLA.

        Raises:
          ValueError: on a translation.
        """
        super().__init__(name="distillation")
        if "translation" in augmentation:
            raise ValueError("augmentation 'translation' would move photographs away from their masks")
        self.student, self.optimizer = student, optimizer
        self.augmentation, self.seed = tuple(augmentation), seed
        self.update = tf.function(self._update, jit_compile=jit_compile)

    def objects(self):
        """Returns what a checkpoint holds, by name."""
        return {"student": self.student, "optimizer": self.optimizer}

    def step(self, batch):
        """Makes one update. Returns (metrics, None): a dict of named scalar tensors."""
        return self.update(batch), None

    def finish_step(self):
        """Does what follows a step once for all replicas: nothing."""

    def replica_step(self, batch):
        """Makes an update as one of several replicas, inside a `tf.function` around all of them."""
        return self._update(batch), None

    def student_inputs(self, photographs, labels, backgrounds):
        """Pastes what the labels carve of photographs on backgrounds, all float in [0, 1] and [B, S, S, C]."""
        return composite(stack_layers([Instance(backgrounds, tf.ones_like(labels)), Instance(photographs, labels)]))

    def _changed(self, images, step, *, stream):
        """Returns images [B, S, S, 3] as the augmentation changes them, in [0, 1]."""
        if not self.augmentation:
            return images
        seed = augmentations.seed_of(tf.stack([tf.cast(self.seed, tf.int64), step]), stream=stream)
        return tf.clip_by_value(augmentations.augment(images, kinds=self.augmentation, seed=seed), 0.0, 1.0)

    def _update(self, batch):
        """Minimises Eq. (8) over the student's parameters."""
        photographs, labels, backgrounds = (image_ranges.to_unit_range(batch[name])
                                            for name in ("photographs", "masks", "backgrounds"))
        photographs, backgrounds = (self._changed(images, batch["step"], stream=stream)
                                    for stream, images in enumerate((photographs, backgrounds)))
        inputs = self.student_inputs(photographs, labels, backgrounds)
        with tf.GradientTape() as tape:
            masks = self.student(inputs, training=True)
            loss = losses.distillation_loss(masks, labels)
            objective = objective_of(loss, self.optimizer)
        descend(tape, objective, self.optimizer, self.student.trainable_variables)
        return {"student/distillation_loss": loss, **mask_statistics(masks[tf.newaxis])}


def load_teacher(paths, *, image_size, crop):
    """Loads the teacher: `foreground.load_networks`, for crops of its own or another size, or the boxes alone.

    The boxes alone are masks of `grabcut.BOX_MASK` everywhere, from which `cut_labels` makes labels that no network has
    seen (Khoreva et al. 2017, *Simple Does It: Weakly Supervised Instance and Semantic Segmentation*) (S21).

    Args:
      paths: run folders and weights files, or just `BOXES`.
      image_size: side in pixels of the crops. A network that was trained on others is shown them at its own size
        (`models.resized`). None is its own, and for `BOXES` the paper's 128.
      crop: their crop mode, for `BOXES`; None is 'box'.

    Returns:
      `foreground.LoadedNetwork` of crops of `image_size`; of `BOXES` without flags and area constant.

    Raises:
      UserError: as `foreground.load_networks`, and if `BOXES` is one of several.
    """
    if BOXES not in paths:
        return foreground.at_size(foreground.load_networks(paths), image_size)
    if len(paths) > 1:
        raise UserError(f"--teacher={BOXES} are the boxes alone and goes with no other --teacher.")

    def mask(images, training=False):
        del training
        return grabcut.BOX_MASK * tf.ones_like(images[..., :1])

    return foreground.LoadedNetwork(mask, image_size or 128, crop or "box", {}, None, "of boxes alone")


def fingerprint(crops, network):
    """Returns a text that is another for other crops, uint8 [n, S, S, 3], and for a network with other values."""
    digest = hashlib.sha256(np.ascontiguousarray(crops))
    for variable in getattr(network, "variables", ()):
        digest.update(np.ascontiguousarray(variable.numpy()))
    return digest.hexdigest()


def teacher_masks(teacher, crops, *, description, made_of, cache_dir, max_megabytes):
    """Predicts the teacher's masks of all photographs once, and keeps them in the run folder.

    Args:
      teacher: network wrapped by `foreground.inference`.
      crops: uint8 [n, S, S, 3].
      description: the teacher's, of `foreground.LoadedNetwork`, which names its step; noted in `teacher.txt`.
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
    return _kept(lambda: _to_eight_bits(evaluator.predict_masks(teacher, crops)), shape=shape, cache_dir=cache_dir,
                 name=CACHE_NAME)


def _note_teacher(description, *, made_of, cache_dir):
    """Notes whose masks of what the folder is about to keep; UserError if masks that were noted otherwise are there."""
    note = cache_dir / TEACHER_FILE
    if not (cache_dir / CACHE_NAME).exists():
        (cache_dir / CUT_CACHE_NAME).unlink(missing_ok=True)  # cut of masks that are gone
        atomic_file.write(note, f"{description}\n{made_of}\n")
    elif note.exists():
        noted, *noted_made_of = note.read_text(encoding="utf-8").splitlines() or [""]
        if noted != description:
            raise UserError(f"{cache_dir} was begun with the masks of {noted}, and the teacher is {description} by now; "
                            "give another --run_dir.")
        if noted_made_of and noted_made_of != [made_of]:  # older folders have no such line
            raise UserError(f"{cache_dir} was begun with other photographs, or boxes, or with another teacher where "
                            f"{description} is now; give another --run_dir.")


def cut_labels(labels, photographs, *, crop_mode, iterations, cache_dir):
    """Cuts labels anew within their photographs once, `evaluation.grabcut.cut_masks`, and keeps them in the run folder.

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


def _to_eight_bits(masks):
    """Returns soft masks, float32 in [0, 1], as uint8 in [0, 255], rounded."""
    return image_ranges.to_uint8(tf.constant(masks)).numpy()


def _kept(make, *, shape, cache_dir, name):
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


def sharpen_labels(masks, *, temperature, threshold):
    """Sharpens masks that are stored with 8 bits, `models.refinement.sharpen_masks`.

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


class DistillationInspection:
    """Panel of teacher and student side by side, and figures of both."""

    def __init__(self, *, labels, student, shown):
        """Takes what the teacher says, the student, and what it is shown.

        Args:
          labels: the teacher's masks of all photographs as the student learns them, uint8 [n, S, S, 1] in [0, 255].
          student: network.
          shown: `foreground.Shown`.
        """
        self._labels = labels[shown.indices].astype(np.float32) / 255
        self._student, self._shown = foreground.inference(student), shown
        self._teacher_figures = None

    def draw_panel(self):
        """Draws Figures 12 and 13: input, raw mask, distilled mask, reference if all have one."""
        crops = self._shown.crops[:len(self._shown.backgrounds)]
        return visualization.distillation_panel(
            images=crops, raw=self._labels[:len(crops)],
            distilled=evaluator.predict_masks(self._student, crops), references=self._shown.panel_references(),
            max_columns=len(crops))

    def evaluate(self):
        """Measures S5's figures of the student, and of the teacher beside it. Returns floats for TensorBoard."""
        if self._teacher_figures is None:
            self._teacher_figures = self._shown.figures_of(self._labels[sorted(self._shown.masks)])
        return {**{f"evaluation/{name}": value for name, value in self._shown.figures(self._student).items()},
                **{f"evaluation_teacher/{name}": value for name, value in self._teacher_figures.items()}}
