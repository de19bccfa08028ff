"""Teacher-student distillation (appendix, 'Data Distillation in the First Application', Eq. 8)."""

from typing import Any, Callable, Optional, Sequence

import numpy as np
import tensorflow as tf

import config
import losses
from data import batches
from data import images as image_ranges
from data.photographs import TrainingData
from extensions import augmentation as augmentations
from extensions import ema
from models.composition import Instance, composite, stack_layers
from models.unet import build_unet
from training import optimizers
from training.adversarial import Metrics, descend, mask_statistics, objective_of


def build(options: config.Distillation) -> "Distillation":
    """Builds the student, its average if there is to be one, its optimizer and its update."""
    student, averaged = (build_unet(width=options.student.student_width, size=options.data.image_size,
                                    batch_norm_momentum=options.student.batch_norm_momentum) if wanted else None
                         for wanted in (True, options.student.student_average))
    average = ema.MovingAverage(student, averaged, decay=options.student.student_average,
                                name="student_average") if averaged else None
    optimizer = optimizers.make_optimizer(
        student.trainable_variables, learning_rate=options.student.student_learning_rate,
        num_steps=options.run.num_steps, learning_rate_fall_steps=options.student.learning_rate_fall_steps,
        adam_beta_1=options.student.adam_beta_1, adam_beta_2=options.student.adam_beta_2,
        mixed_precision=options.process.mixed_precision)
    return Distillation(student=student, optimizer=optimizer, augmentation=options.student.augmentation,
                        average=average, seed=options.run.seed, jit_compile=options.run.jit_compile)


def batch_maker(options: config.Distillation, data: TrainingData, labels: np.ndarray,
                **shards: int) -> Callable[[int], tf.data.Dataset]:
    """Returns a callable of the number of steps done, which makes the dataset of the batches that are left.

    Args:
      options: the script's configuration.
      data: what is trained on.
      labels: uint8 [n, S, S, 1] in [0, 255].
      **shards: of `data.batches.distillation_batches`.
    """
    return lambda start_step: batches.distillation_batches(
        crops=data.crops, masks=labels, background_pool=data.pool, batch_size=options.run.batch_size,
        seed=options.run.seed, start_step=start_step, num_steps=options.run.num_steps, flip=options.run.flip, **shards)


class Distillation(tf.Module):
    """The student and its update: smooth L1 between its masks and the teacher's.

    A batch is a dict as of `data.batches.distillation_batches`.

    Attributes:
      student: the network that is trained.
      shown: the network that is shown, measured and kept: the student, or its moving average.
    """

    def __init__(self, *, student: tf.keras.Model, optimizer: Any, augmentation: Sequence[str] = (),
                 average: Optional[ema.MovingAverage] = None, seed: int = 0, jit_compile: bool = False) -> None:
        """Wires the student; network and optimizer must have been built.

        Args:
          student: images [B, S, S, 3] in [0, 1] to soft masks.
          optimizer: optimizer of its variables.
          augmentation: of `extensions.augmentation.STUDENT_KINDS`: how photographs, and independently of them backgrounds,
            are changed before the student sees them, and whether photographs are placed anew with their masks (S18).
          average: of the student, or None (S17).
          seed: seed of these changes.
          jit_compile: whether the update is compiled by XLA.

        Raises:
          ValueError: on a translation.
        """
        super().__init__(name="distillation")
        if "translation" in augmentation:
            raise ValueError("augmentation 'translation' would move photographs away from their masks")
        self.student, self.optimizer = student, optimizer
        self.average, self.shown = average, average.averaged if average else student
        self.augmentation, self.seed = tuple(kind for kind in augmentation if kind != augmentations.PLACEMENT), seed
        self.is_placed = augmentations.PLACEMENT in augmentation
        self.update = tf.function(self._update, jit_compile=jit_compile, autograph=False)

    def objects(self) -> dict[str, Any]:
        """Returns what a checkpoint holds, by name."""
        averaged = self.average.objects() if self.average else {}
        return {"student": self.student, "optimizer": self.optimizer, **averaged}

    def step(self, batch: dict) -> tuple[Metrics, None]:
        """Makes one update. Returns (metrics, None): a dict of named scalar tensors."""
        metrics = self.update(batch)
        self.finish_step()
        return metrics, None

    def finish_step(self) -> None:
        """Moves the average once for all replicas: `step` does it itself, `replica_step` does not."""
        if self.average:
            self.average(self.optimizer.iterations)

    def replica_step(self, batch: dict) -> tuple[Metrics, None]:
        """Makes an update as one of several replicas, inside a `tf.function` around all of them."""
        return self._update(batch), None

    def student_inputs(self, photographs: tf.Tensor, labels: tf.Tensor, backgrounds: tf.Tensor) -> tf.Tensor:
        """Pastes what the labels carve of photographs on backgrounds, all float in [0, 1] and [B, S, S, C]."""
        return composite(stack_layers([Instance(backgrounds, tf.ones_like(labels)), Instance(photographs, labels)]))

    def _changed(self, images: tf.Tensor, step: tf.Tensor, *, stream: int) -> tf.Tensor:
        """Returns images [B, S, S, 3] as the augmentation changes them, in [0, 1]."""
        if not self.augmentation:
            return images
        seed = self._seed_of(step, stream=stream)
        return tf.clip_by_value(augmentations.augment(images, kinds=self.augmentation, seed=seed), 0.0, 1.0)

    def _seed_of(self, step: tf.Tensor, *, stream: int) -> tf.Tensor:
        """Returns the seed of one use, `stream` (0 to 2), of a step's random numbers."""
        return augmentations.seed_of(tf.stack([tf.cast(self.seed, tf.int64), step]), stream=stream)

    def _update(self, batch: dict) -> Metrics:
        """Minimises Eq. (8) over the student's parameters."""
        photographs, labels, backgrounds = (image_ranges.to_unit_range(batch[name])
                                            for name in ("photographs", "masks", "backgrounds"))
        photographs, backgrounds = (self._changed(images, batch["step"], stream=stream)
                                    for stream, images in enumerate((photographs, backgrounds)))
        if self.is_placed:
            photographs, labels = augmentations.placed(Instance(photographs, labels), seed=self._seed_of(batch["step"], stream=2))
        inputs = self.student_inputs(photographs, labels, backgrounds)
        with tf.GradientTape() as tape:
            masks = self.student(inputs, training=True)
            loss = losses.distillation_loss(masks, labels)
            objective = objective_of(loss, self.optimizer)
        descend(tape, objective, self.optimizer, self.student.trainable_variables)
        return {"student/distillation_loss": loss, **mask_statistics(masks[tf.newaxis])}
