"""The adversarial updates of Eq. (6) and Eq. (7)."""

from typing import Any, Callable, Optional, Sequence

import tensorflow as tf

import losses
from data import images as image_ranges
from evaluation.metrics import UNDECIDED
from extensions.augmentation import unchanged
from models import gradients
from models.scene_generator import Scene, SceneGenerator
from training import distribution
from training.objectives import Term, with_masks

Metrics = dict[str, tf.Tensor]


class AdversarialTraining(tf.Module):
    """Two players and their updates; one step is one generator update.

    A batch is a dict with leading axis B, or [N, B] for the foregrounds:
      foreground_inputs: what the foreground provider takes, [N, B, ...];
      background_inputs: what the background provider takes, [B, H, W, 3];
      delta_r: what the layout takes, tensors [N, B, ...]; absent where it takes nothing;
      reals: real images, [B, H, W, 3];
      step: int64 scalar, the number of steps done before this one.
    uint8 pictures are brought to [0, 1] here, so that little travels to the device.

    The updates are pure functions of the batch and the variables, so that a run that is restored at a step repeats what
    an uninterrupted one does. Under `tf.distribute` each replica runs them on its share of the batch. Losses are divided
    by the number of replicas, since the optimizers add the replicas' gradients up.
    """

    def __init__(self, *, scenes: SceneGenerator, discriminator: tf.keras.Model, optimizers: tuple[Any, Any],
                 terms: Sequence[Term], observe: Callable = unchanged, after_step: Optional[Callable] = None,
                 num_discriminator_updates: int = 1, seed: int = 0, jit_compile: bool = False) -> None:
        """Wires the players; networks and optimizers must have been built.

        Args:
          scenes: makes composites from a batch.
          discriminator: images [B, H, W, 3] in [0, 1] to logits, called with `training`.
          optimizers: of the generator's variables (and the terms'), and of the discriminator's.
          terms: what Eq. (7) adds to the adversarial loss.
          observe: (images [B, H, W, 3] in [0, 1], seed, stream) to what the discriminator sees of them (S18).
          after_step: called with the number of steps made after each; its `objects()` are in checkpoints (S17).
          num_discriminator_updates: discriminator updates per step (S9); a batch holds that many times B images.
          seed: seed of what `observe` draws.
          jit_compile: whether the updates are compiled by XLA.
        """
        super().__init__(name="adversarial_training")
        self.scenes, self.discriminator, self.terms = scenes, discriminator, list(terms)
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        self.observe, self.after_step = observe, after_step
        self.num_discriminator_updates, self.seed = num_discriminator_updates, seed
        # Nothing needs AutoGraph, whose conversion takes most of the time until the first step.
        self.compose = tf.function(self._compose, jit_compile=jit_compile, autograph=False)
        self.generator_update = tf.function(self._generator_update, jit_compile=jit_compile, autograph=False)
        self.discriminator_update = tf.function(self._discriminator_update, jit_compile=jit_compile,
                                                autograph=False)

    @property
    def generator_variables(self) -> list[tf.Variable]:
        """What generator updates change: the providers' parameters, and the terms'."""
        return [*self.scenes.trainable_variables, *(v for term in self.terms for v in term.trainable_variables)]

    def _compose(self, batch: dict) -> Scene:
        """Generates scenes from a batch. Uses Eq. (4) and (5)."""
        return self.scenes(_unit_range(batch["foreground_inputs"]), _unit_range(batch["background_inputs"]),
                           batch.get("delta_r"), training=True)

    def _generator_update(self, batch: dict) -> tuple[Metrics, Scene]:
        """Minimises Eq. (7) over the generator's parameters; leaves the discriminator's state alone."""
        step, variables = batch["step"], self.generator_variables
        with tf.GradientTape() as tape:
            scene = self._compose(batch)
            observed = self.observe(scene.image, seed=self._seed_of(batch), stream=0)
            adversarial = losses.generator_adversarial_loss(self.discriminator(observed, training=False))
            masks = gradients.fan_out(scene.foregrounds.mask, len(self.terms))  # one each: gradients add up in one order
            values = [term(with_masks(scene, mask), batch) for term, mask in zip(self.terms, masks)]
            weighted = [term.weight_at(step) * value for term, value in zip(self.terms, values)]
            total = tf.reduce_sum([adversarial, *weighted])  # Eq. (7)
            objective = objective_of(total, self.generator_optimizer)
        descend(tape, objective, self.generator_optimizer, variables)
        metrics = {"generator/adversarial_loss": adversarial, "generator/total_loss": total,
                   **mask_statistics(scene.foregrounds.mask)}
        for term, value, share in zip(self.terms, values, weighted):
            metrics.update({f"generator/{term.name}": value, f"generator/{term.name}_weighted": share,
                            **term.metrics(step)})
        return metrics, scene

    def _discriminator_update(self, batch: dict, scene: Scene) -> Metrics:
        """Maximises Eq. (6) over the discriminator's parameters, in one pass over real and fake images together.

        A term of Eq. (7) that trains the discriminator is minimised with it, as in InfoGAN.
        """
        images = tf.concat([_unit_range(batch["reals"]), scene.image], axis=0)
        observed = self.observe(images, seed=self._seed_of(batch), stream=1)
        with tf.GradientTape(persistent=True) as tape:
            real_logits, fake_logits = tf.split(self.discriminator(observed, training=True), 2)
            real_loss = losses.discriminator_real_loss(real_logits)
            fake_loss = losses.discriminator_fake_loss(fake_logits)
            total = real_loss + fake_loss  # Eq. (6)
            shared = [term.weight_at(batch["step"]) * term(scene, batch) for term in self.terms if term.trains_discriminator]
            objective, *further = (objective_of(loss, self.discriminator_optimizer) for loss in (total, *shared))
        descend(tape, objective, self.discriminator_optimizer, self.discriminator.trainable_variables, *further)
        real_scores, fake_scores = (tf.reduce_mean(logits, axis=[1, 2, 3]) for logits in (real_logits, fake_logits))
        return {"discriminator/real_loss": real_loss, "discriminator/fake_loss": fake_loss,
                "discriminator/total_loss": total,
                "discriminator/accuracy_real": tf.reduce_mean(tf.cast(real_scores > 0, tf.float32)),
                "discriminator/accuracy_fake": tf.reduce_mean(tf.cast(fake_scores <= 0, tf.float32))}

    def step(self, batch: dict) -> tuple[Metrics, Scene]:
        """Makes one step: each player's update on the same composites, which are computed once.

        With more than one discriminator update, the earlier ones are on composites of their own.

        Args:
          batch: dict as above, with `num_discriminator_updates * B` images in each stream.

        Returns:
          (metrics, scene): dict of named scalar tensors, and the last `Scene`.
        """
        made = self._step(batch, self.compose, self.generator_update, self.discriminator_update)
        self.finish_step()
        return made

    def replica_step(self, batch: dict) -> tuple[Metrics, Scene]:
        """Makes a step as one of several replicas, inside a `tf.function` around all of them; as `step` otherwise."""
        return self._step(batch, self._compose, self._generator_update, self._discriminator_update)

    def finish_step(self) -> None:
        """Does what follows a step once for all replicas: `step` does it itself, `replica_step` does not."""
        if self.after_step:
            self.after_step(self.generator_optimizer.iterations)

    def objects(self) -> dict[str, Any]:
        """Returns what a checkpoint holds, by name: networks and optimizers, the terms' and the averaged network."""
        found = {"generator": self.scenes.foreground_provider.network, "discriminator": self.discriminator,
                 "generator_optimizer": self.generator_optimizer,
                 "discriminator_optimizer": self.discriminator_optimizer}
        for part in (*self.terms, *([self.after_step] if self.after_step else [])):
            found.update(part.objects())
        return found

    def _step(self, batch: dict, compose: Callable, generator_update: Callable,
              discriminator_update: Callable) -> tuple[Metrics, Scene]:
        """Makes one step with the given functions."""
        *extra, last = self._split(batch)
        for part in extra:
            discriminator_update(part, compose(part))
        generator_metrics, scene = generator_update(last)
        return {**generator_metrics, **discriminator_update(last, scene)}, scene

    def _split(self, batch: dict) -> list[dict]:
        """Splits a batch into one part per discriminator update, each of B images."""
        count = self.num_discriminator_updates
        if count == 1:
            return [batch]
        return [{**distribution.share_of(batch, index=index, count=count), "part": tf.constant(index, tf.int64)}
                for index in range(count)]

    def _seed_of(self, batch: dict) -> tf.Tensor:
        """Returns the seed of what `observe` draws: int64 [2], another one for each part of a step."""
        draw = batch["step"] * self.num_discriminator_updates + batch.get("part", 0)
        return tf.stack([tf.cast(self.seed, tf.int64), draw])


def mask_statistics(masks: tf.Tensor) -> Metrics:
    """Returns what tells good masks from failed ones, of soft masks [N, B, H, W, 1]: named scalars in [0, 1].

    `mask/area_mean` and `mask/area_std` are over masks; `mask/undecided_fraction` is the share of pixels between 0.1
    and 0.9; `mask/contrast` is the mean over masks of the standard deviation over pixels (0 for a uniform mask).
    """
    masks = tf.cast(masks, tf.float32)
    areas = losses.mask_areas(masks)
    low, high = UNDECIDED
    undecided = tf.cast((masks > low) & (masks < high), tf.float32)
    return {"mask/area_mean": tf.reduce_mean(areas), "mask/area_std": tf.math.reduce_std(areas),
            "mask/undecided_fraction": tf.reduce_mean(undecided),
            "mask/contrast": tf.reduce_mean(tf.math.reduce_std(masks, axis=[-3, -2, -1]))}


def _unit_range(inputs: tf.Tensor) -> tf.Tensor:
    """Brings uint8 pictures to float32 in [0, 1]; leaves floats (latents, or pictures already in range) alone."""
    return image_ranges.to_unit_range(inputs) if inputs.dtype == tf.uint8 else inputs


def objective_of(loss: tf.Tensor, optimizer: Any) -> tf.Tensor:
    """Returns what is differentiated: the replica's share of the loss, scaled up if the optimizer scales losses."""
    loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
    scales = isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    return optimizer.get_scaled_loss(loss) if scales else loss


def descend(tape: tf.GradientTape, objective: tf.Tensor, optimizer: Any, variables: Sequence[tf.Variable],
            *further: tf.Tensor) -> None:
    """Makes one optimizer update of the variables from the tape's gradient of an objective (of `objective_of`).

    Gradients of `further` objectives, for which the tape must be persistent, are added in their order (`gradients.fan_out`).
    """
    found = tape.gradient(objective, variables)
    for other in further:
        added = tape.gradient(other, variables, unconnected_gradients="zero")
        found = [tf.reduce_sum(tf.stack(pair), axis=0) for pair in zip(found, added)]
    if isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer):
        found = optimizer.get_unscaled_gradients(found)
    optimizer.apply_gradients(zip(found, variables))
