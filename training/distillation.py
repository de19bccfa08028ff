"""Teacher-student distillation (appendix, 'Data Distillation in the First Application', Eq. 8)."""

import tensorflow as tf

import losses
from data import images as image_ranges
from extensions import augmentation as augmentations
from models.composition import Instance, composite, stack_layers
from training.adversarial import descend, mask_statistics, objective_of


class Distillation(tf.Module):
    """The student and its update: smooth L1 between its masks and the teacher's.

    A batch is a dict as of `data.batches.distillation_batches`.
    """

    def __init__(self, *, student, optimizer, augmentation=(), seed=0, jit_compile=False):
        """Wires the student; network and optimizer must have been built.

        Args:
          student: images [B, S, S, 3] in [0, 1] to soft masks.
          optimizer: optimizer of its variables.
          augmentation: of `extensions.augmentation.KINDS` but 'translation': how photographs, and independently of them
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
        self.update = tf.function(self._update, jit_compile=jit_compile, autograph=False)

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
