"""The adversarial updates of Eq. (6) and Eq. (7)."""

import tensorflow as tf

import losses
from data import images as image_ranges
from evaluation.metrics import UNDECIDED
from extensions import ema, mask_terms, schedules
from extensions import augmentation as augmentations
from models import gradients


class AdversarialTraining(tf.Module):
    """Two players and their updates; one step is one generator update.

    A batch is a dict with leading axis B, or [N, B] for the foregrounds:
      foreground_inputs: what the trainable providers take, [N, B, ...];
      background_inputs: what the background provider takes, [B, H, W, 3];
      reals: real images, [B, H, W, 3];
      step: int64 scalar, the number of steps done before this one;
      place: with several replicas, which one this is and how many there are, int32 [2].
    uint8 pictures are brought to [0, 1] here, so that little travels to the device.

    The updates are pure functions of the batch and the variables (every random number is drawn from `seed` and the
    step), so that a run that is restored at a step repeats what an uninterrupted one does. Under `tf.distribute` each
    replica runs them on its share of the batch; losses are divided by the number of replicas, since the optimizers
    add the replicas' gradients up.
    """

    def __init__(self, *, scene_generator, discriminator, generator_optimizer, discriminator_optimizer, area,
                 area_weight, area_penalty="per_mask", area_start=None, area_ramp_steps=0,
                 recognition=None, information_weight=0.0, num_recognized_layers=0, num_discriminator_updates=1,
                 averaged=None, average_decay=0.0, augmentation=(), decision_weight=0.0,
                 decision_ramp_steps=0, outline_weight=0.0, seed=0, jit_compile=False):
        """Wires the players; networks and optimizers must have been built.

        Args:
          scene_generator: `models.scene_generator.SceneGenerator`.
          discriminator: images [B, H, W, 3] in [0, 1] to logits, called with `training`.
          generator_optimizer: optimizer of the scene generator's variables.
          discriminator_optimizer: optimizer of the discriminator's variables.
          area: `a` of Eq. (7).
          area_weight: `lambda` of Eq. (7).
          area_penalty: reading of `L_area`; see `losses.mask_area_penalty` (S4).
          area_start: area constant at step 0 of the ramp, or None for no ramp (S12).
          area_ramp_steps: steps in which the area constant falls from `area_start` to `area`.
          recognition: `models.recognition`'s network, trained along with the generator, or None (S8).
          information_weight: `beta` of the information term.
          num_recognized_layers: of how many of the N layers the information term is computed, which are as good as any
            since all are drawn alike; 0 is all.
          num_discriminator_updates: discriminator updates per step (S9); a batch holds that many times B images.
          averaged: scene generator with a network of the same kind, kept at the moving average of the trained one, or
            None; it is what is shown, evaluated and kept in the end.
          average_decay: its decay per step.
          augmentation: of `extensions.augmentation.KINDS`: how images are changed before the discriminator sees them.
          decision_weight: weight of `mask_terms.indecision`, which pushes masks away from one half.
          decision_ramp_steps: steps in which that weight grows linearly from 0; 0: it is there from the start.
          outline_weight: weight of `mask_terms.total_variation` of the masks, which pulls them together.
          seed: seed of the layout's randomness.
          jit_compile: whether the updates are compiled by XLA.
        """
        super().__init__(name="adversarial_training")
        self.scene_generator, self.discriminator = scene_generator, discriminator
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.area, self.area_weight, self.area_penalty = area, area_weight, area_penalty
        self.area_start, self.area_ramp_steps = area_start, area_ramp_steps
        self.recognition, self.information_weight = recognition, information_weight
        self.num_recognized_layers = num_recognized_layers
        self.num_discriminator_updates, self.seed = num_discriminator_updates, seed
        self.augmentation = tuple(augmentation)
        self.decision_weight, self.decision_ramp_steps = decision_weight, decision_ramp_steps
        self.outline_weight = outline_weight
        self._averaged = averaged
        self._average = ema.MovingAverage(self.network, averaged.foreground_provider.network,
                                                decay=average_decay) if averaged else None
        self.generator_update = tf.function(self._generator_update, jit_compile=jit_compile)
        self.discriminator_update = tf.function(self._discriminator_update, jit_compile=jit_compile)
        self.compose = tf.function(self._compose, jit_compile=jit_compile)

    def step(self, batch):
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

    def replica_step(self, batch):
        """Makes a step as one of several replicas, inside a `tf.function` around all of them; as `step` otherwise."""
        return self._step(batch, self._compose, self._generator_update, self._discriminator_update)

    def finish_step(self):
        """Does what follows a step once for all replicas: `step` does it itself, `replica_step` does not."""
        if self._average:
            self._average.update(self.generator_optimizer.iterations)

    @property
    def network(self):
        """The trained network of the foreground provider."""
        return self.scene_generator.foreground_provider.network

    @property
    def shown_scenes(self):
        """The scene generator that is shown, evaluated and kept: the averaged one, if there is one."""
        return self._averaged or self.scene_generator

    def _step(self, batch, compose, generator_update, discriminator_update):
        """Makes one step with the given functions."""
        *extra, last = self._split(batch)
        for part in extra:
            discriminator_update(part["reals"], compose(part).image, self._seed_of(part))
        generator_metrics, scene = generator_update(last)
        discriminator_metrics = discriminator_update(last["reals"], scene.image, self._seed_of(last))
        return {**generator_metrics, **discriminator_metrics}, scene

    def objects(self):
        """Returns what a checkpoint holds, by name: networks, optimizers, and the recognition network if any."""
        recognition = {"recognition": self.recognition} if self.recognition else {}
        average = {"generator_average": self._averaged.foreground_provider.network} if self._averaged else {}
        return {"generator": self.network, "discriminator": self.discriminator,
                "generator_optimizer": self.generator_optimizer,
                "discriminator_optimizer": self.discriminator_optimizer, **recognition, **average}

    def _generator_update(self, batch):
        """Minimises Eq. (7) over the providers' parameters; leaves the discriminator's state alone."""
        area = self._area_at(batch["step"])
        variables = self.generator_variables
        with tf.GradientTape() as tape:
            scene = self._compose(batch)
            seen = self._as_seen(scene.image, self._seed_of(batch), stream=0)
            fake_logits = self.discriminator(seen, training=False)
            adversarial_loss = losses.generator_adversarial_loss(fake_logits)
            terms = self._terms_of(batch, scene.foregrounds, area=area)
            # One sum of all: a chain of additions may be made in another order by another process.
            total = tf.reduce_sum([adversarial_loss, *(weight * value for weight, value in terms.values())])
            objective = objective_of(total, self.generator_optimizer)
        descend(tape, objective, self.generator_optimizer, variables)
        metrics = {"generator/adversarial_loss": adversarial_loss, "generator/total_loss": total,
                   "mask/area_constant": area, **mask_statistics(scene.foregrounds.mask)}
        unused = {"information_loss": not self.recognition, "indecision": not self.decision_weight,
                  "total_variation": not self.outline_weight}
        for name, (weight, value) in terms.items():
            if not unused.get(name):
                metrics.update({f"generator/{name}": value, f"generator/{name}_weighted": weight * value})
        return metrics, scene

    def _terms_of(self, batch, foregrounds, *, area):
        """Returns what is added to the adversarial loss, by name: (weight, value), 0 for what there is none of."""
        masks = gradients.fan_out(foregrounds.mask, 4 if self.outline_weight else 3)
        return {"area_penalty": (self.area_weight,
                                 losses.mask_area_penalty(masks[0], area=area, kind=self.area_penalty)),
                "information_loss": (self.information_weight,
                                     self._information_loss(batch, foregrounds.image, masks[1])),
                "indecision": (self._decision_weight_at(batch["step"]), mask_terms.indecision(masks[2])),
                "total_variation": (self.outline_weight, mask_terms.total_variation(masks[3]) if self.outline_weight
                                    else tf.constant(0.0))}

    def _discriminator_update(self, reals, fakes, seed=None):
        """Maximises Eq. (6) over the discriminator's parameters, in one pass over real and fake images together."""
        images = tf.concat([_unit_range(reals), tf.stop_gradient(fakes)], axis=0)
        images = self._as_seen(images, seed, stream=1)
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            real_logits, fake_logits = tf.split(self.discriminator(images, training=True), 2)
            real_loss = losses.discriminator_real_loss(real_logits)
            fake_loss = losses.discriminator_fake_loss(fake_logits)
            total = real_loss + fake_loss
            objective = objective_of(total, self.discriminator_optimizer)
        descend(tape, objective, self.discriminator_optimizer, variables)
        real_scores, fake_scores = (tf.reduce_mean(logits, axis=[1, 2, 3]) for logits in (real_logits, fake_logits))
        return {"discriminator/real_loss": real_loss, "discriminator/fake_loss": fake_loss,
                "discriminator/total_loss": total,
                "discriminator/accuracy_real": tf.reduce_mean(tf.cast(real_scores > 0, tf.float32)),
                "discriminator/accuracy_fake": tf.reduce_mean(tf.cast(fake_scores <= 0, tf.float32))}

    @property
    def generator_variables(self):
        """What generator updates change: the providers' parameters, and the recognition network's."""
        recognized = self.recognition.trainable_variables if self.recognition else ()
        return [*self.scene_generator.trainable_variables, *recognized]

    def _information_loss(self, batch, images, masks):
        """Returns the information term of instances before the warp, which it carves on black (S8); 0 without it."""
        if self.recognition is None:
            return tf.constant(0.0)
        latents = batch["foreground_inputs"]
        count = self.num_recognized_layers or latents.shape[0]
        carved = (images * masks)[:count]
        estimates = self.recognition(tf.reshape(carved, [-1, *carved.shape[-3:]]))
        return losses.information_loss(tf.reshape(latents[:count], [-1, latents.shape[-1]]), estimates)

    def _compose(self, batch):
        """Generates scenes from a batch's foreground and background inputs."""
        return self.scene_generator(_unit_range(batch["foreground_inputs"]), _unit_range(batch["background_inputs"]),
                                    seed=self._seed_of(batch), training=True, place=batch.get("place", (0, 1)))

    def _seed_of(self, batch):
        """Returns the seed of what is drawn for a batch: int64 [2], another one for each part of a step."""
        draw = batch["step"] * self.num_discriminator_updates + batch.get("part", 0)
        return tf.stack([tf.cast(self.seed, tf.int64), draw])

    def _as_seen(self, images, seed, *, stream):
        """Returns images [B, H, W, 3] as the discriminator is shown them; `stream` keeps uses of a seed apart."""
        if not self.augmentation:
            return images
        seed = augmentations.seed_of(seed, stream=stream)
        return augmentations.augment(images, kinds=self.augmentation, seed=seed)

    def _area_at(self, step):
        """Returns the area constant in force at a step. Uses S12's schedule."""
        if self.area_start is None:
            return tf.constant(self.area, tf.float32)
        progress = tf.cast(step, tf.float32) / max(self.area_ramp_steps, 1)
        return schedules.scheduled_area(progress, start=self.area_start, end=self.area)

    def _decision_weight_at(self, step):
        """Returns the weight of the push towards decided masks at a step."""
        share = tf.cast(step, tf.float32) / self.decision_ramp_steps if self.decision_ramp_steps else tf.constant(1.0)
        return self.decision_weight * tf.minimum(share, 1.0)

    def _split(self, batch):
        """Splits a batch into one part per discriminator update, each of B images."""
        count = self.num_discriminator_updates
        if count == 1:
            return [batch]
        parts = {name: tf.split(value, count, axis=1 if name == "foreground_inputs" else 0)
                 for name, value in batch.items() if name not in ("step", "place")}
        shared = {name: batch[name] for name in ("step", "place") if name in batch}
        return [{**{name: pieces[i] for name, pieces in parts.items()}, **shared, "part": tf.constant(i, tf.int64)}
                for i in range(count)]


def mask_statistics(masks):
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


def _unit_range(inputs):
    """Brings uint8 pictures to float32 in [0, 1]; leaves floats (latents, or pictures already in range) alone."""
    return image_ranges.to_unit_range(inputs) if inputs.dtype == tf.uint8 else inputs


def objective_of(loss, optimizer):
    """Returns what is differentiated: the replica's share of the loss, scaled up if the optimizer scales losses."""
    loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
    scales = isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    return optimizer.get_scaled_loss(loss) if scales else loss


def descend(tape, objective, optimizer, variables):
    """Makes one optimizer update of the variables from the tape's gradient of the objective (of `objective_of`)."""
    gradients = tape.gradient(objective, variables)
    if isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables))
