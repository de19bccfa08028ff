"""The terms of Eq. (7)'s sum: what is added to the adversarial loss, each with its weight."""

from typing import Callable, Optional, Union

import tensorflow as tf

import config
import losses
from errors import UserError
from extensions import mask_terms, schedules
from models.composition import Instance
from models.scene_generator import Scene

UNTRAINED_AREA = 0.5  # mean of an untrained sigmoid, the default of --initial_mask_area

Schedule = Callable[[tf.Tensor], tf.Tensor]
"""From the number of steps done, int64 scalar, to a float32 scalar."""


class Term(tf.Module):
    """A term: an unweighted scalar of a scene and its batch, and the weight that it has in the sum.

    Attributes:
      trains_discriminator: whether the discriminator's updates minimise it, too.
    """

    trains_discriminator = False

    def __init__(self, name: str, *, weight: Union[float, Schedule],
                 function: Optional[Callable[[Scene, dict], tf.Tensor]] = None) -> None:
        """Makes the term.

        Args:
          name: what the metrics call it, `generator/NAME` and `generator/NAME_weighted`.
          weight: a number, or a schedule of it.
          function: (scene, batch) to an unweighted scalar; subclasses override `__call__` instead.
        """
        super().__init__(name=name)
        self.weight, self._function = weight, function

    def __call__(self, scene: Scene, batch: dict) -> tf.Tensor:
        """Returns the unweighted scalar."""
        return self._function(scene, batch)

    def weight_at(self, step: tf.Tensor) -> Union[float, tf.Tensor]:
        """Returns the weight after `step` steps."""
        return self.weight(step) if callable(self.weight) else self.weight

    def metrics(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns further scalars to log, by their names in TensorBoard."""
        del step
        return {}

    def objects(self) -> dict[str, tf.Module]:
        """Returns what a checkpoint holds of the term, by name."""
        return {}


class AreaPenalty(Term):
    """`lambda L_area` of Eq. (7)."""

    def __init__(self, *, area: Union[float, Schedule], weight: float, kind: str = "per_mask") -> None:
        """Makes the term.

        Args:
          area: `a`, share of the picture in [0, 1], or a schedule of it (S12).
          weight: lambda.
          kind: reading of `L_area`; see `losses.mask_area_penalty` (S4).
        """
        super().__init__("area_penalty", weight=weight)
        self.area, self.kind = area, kind

    def __call__(self, scene: Scene, batch: dict) -> tf.Tensor:
        """Returns `L_area` of the masks before the warp."""
        return losses.mask_area_penalty(scene.foregrounds.mask, area=self._area_at(batch["step"]), kind=self.kind)

    def metrics(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the area constant in force."""
        return {"mask/area_constant": tf.convert_to_tensor(self._area_at(step), tf.float32)}

    def _area_at(self, step: tf.Tensor) -> Union[float, tf.Tensor]:
        """Returns `a` after `step` steps."""
        return self.area(step) if callable(self.area) else self.area


class Information(Term):
    """The information term of the second application (S8): latents are told from carved instances."""

    def __init__(self, recognition: tf.Module, *, weight: float, num_layers: int = 0,
                 trains_discriminator: bool = False) -> None:
        """Makes the term.

        Args:
          recognition: instances, RGBA [M, H, W, 4], to latents [M, Z]; its variables are trained with the generator's.
          weight: beta.
          num_layers: of how many of the N layers it is computed. All are drawn alike, so any are as good; 0 is all.
          trains_discriminator: as above; it changes something where the recognition stands on the discriminator's layers.
        """
        super().__init__("information_loss", weight=weight)
        self.trains_discriminator = trains_discriminator
        self.recognition, self.num_layers = recognition, num_layers

    def __call__(self, scene: Scene, batch: dict) -> tf.Tensor:
        """Returns the error of the latents that are recognised in instances before the warp."""
        latents = batch["foreground_inputs"]
        count = self.num_layers or latents.shape[0]
        instances = tf.concat(scene.foregrounds, axis=-1)[:count]
        estimates = self.recognition(tf.reshape(instances, [-1, *instances.shape[-3:]]))
        return losses.information_loss(tf.reshape(latents[:count], [-1, latents.shape[-1]]), estimates)

    def objects(self) -> dict[str, tf.Module]:
        """Returns the recognition network."""
        return {"recognition": self.recognition}


def make_mask_terms(*, area_constant: float, area_weight: float, area_penalty: str = "per_mask",
                    area_start: float = 0.92, area_ramp_steps: int = 0, binarization_weight: float = 0.0,
                    binarization_ramp_steps: int = 0, outline_weight: float = 0.0) -> list[Term]:
    """Makes the terms on masks that both tasks have: the paper's area penalty and, where asked for, extensions.

    Args:
      area_constant: `a` of Eq. (7).
      area_weight: lambda of Eq. (7).
      area_penalty: reading of `L_area`; see `losses.mask_area_penalty` (S4).
      area_start: area constant at step 0 of the ramp (S12).
      area_ramp_steps: steps in which the area constant changes to `area_constant`; 0: there is no ramp.
      binarization_weight: weight of `mask_terms.binarization` (S18); 0: there is no such term.
      binarization_ramp_steps: steps in which that weight grows linearly from 0; 0: it is there from the start.
      outline_weight: weight of `mask_terms.total_variation` (S23); 0: there is no such term.

    Returns:
      The terms, the area penalty first.
    """
    area = schedules.Linear(area_start, area_constant, num_steps=area_ramp_steps) if area_ramp_steps else area_constant
    terms = [AreaPenalty(area=area, weight=area_weight, kind=area_penalty)]
    if binarization_weight:
        weight = (schedules.Linear(0.0, binarization_weight, num_steps=binarization_ramp_steps) if binarization_ramp_steps
                  else binarization_weight)
        terms.append(Term("indecision", weight=weight,  # its name in metrics.json, which stays
                          function=lambda scene, batch: mask_terms.binarization(scene.foregrounds.mask)))
    if outline_weight:
        terms.append(Term("total_variation", weight=outline_weight,
                          function=lambda scene, batch: mask_terms.total_variation(scene.foregrounds.mask)))
    return terms


def with_masks(scene: Scene, masks: tf.Tensor) -> Scene:
    """Returns a scene with other masks [N, B, H, W, 1] before the warp; its composite stays."""
    return scene._replace(foregrounds=Instance(scene.foregrounds.image, masks))


def first_area_constant(objective: config.Objective) -> float:
    """Returns the area constant of the first step: `--area_start` where it changes over steps (S12)."""
    return objective.area_start if objective.area_ramp_steps else objective.area_constant


def initial_mask(generator: config.Generator, objective: config.Objective) -> float:
    """Returns around which value the untrained network's masks lie (S7, S12).

    Raises:
      UserError: masks are to start in two places.
    """
    if not objective.area_ramp_steps:
        return generator.initial_mask_area
    if generator.initial_mask_area != UNTRAINED_AREA:
        raise UserError("--initial_mask_area does not go with --area_ramp_steps, with which masks start at --area_start.")
    return objective.area_start
