"""What is looked at and measured while a run goes on: panels and metrics."""

import abc
from typing import Any, Callable, Mapping, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from data import batches
from data import images as image_ranges
from data.photographs import TrainingData
from evaluation import metrics, report
from inference import pipeline
from inference.sampler import InstanceSampler
from models.composition import Instance, composite, stack_layers
from models.scene_generator import SceneGenerator
from visualization import panels

_MASK_KEYS = {"mask/area_mean": "area", "mask/undecided_fraction": "undecided"}
_ADVERSARIAL_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", **_MASK_KEYS}


class ValidationSet(NamedTuple):
    """Photographs that are looked at and measured throughout a run.

    Attributes:
      crops: uint8 [n, S, S, 3], the panel's first.
      masks: dict from an index into `crops` to its reference mask, uint8 [S, S, 1] of 0, 1 and `codings.IGNORED`; may be
        empty.
      names: names of the crops.
      backgrounds: uint8 [k, S, S, 3], for composites of the panel's first k.
      indices: where the crops are among all photographs.
    """

    crops: np.ndarray
    masks: dict
    names: list
    backgrounds: np.ndarray
    indices: list

    def panel_references(self) -> Optional[np.ndarray]:
        """Returns the panel's reference masks, bool [k, S, S, 1], if all of its photographs have one, else None."""
        count = len(self.backgrounds)
        labelled = all(index in self.masks for index in range(count))
        return np.stack([self.masks[index] == 1 for index in range(count)]) if labelled else None

    def metrics_of_network(self, network: Callable) -> dict[str, float]:
        """Measures S5's metrics of a network's masks, as `metrics_of_masks`; empty if no photograph is labelled."""
        if not self.masks:
            return {}
        return self.metrics_of_masks(pipeline.predict_masks(network, self.crops[sorted(self.masks)]))

    def metrics_of_masks(self, soft: np.ndarray) -> dict[str, float]:
        """Measures S5's metrics of soft masks of the labelled photographs, float32 [m, S, S, 1], averaged over them."""
        labelled = sorted(self.masks)
        scores = report.evaluate_masks(soft, np.stack([self.masks[index] for index in labelled]),
                                       names=[self.names[index] for index in labelled])
        return {name: scores["per_image"][name] for name in metrics.KEYS}


def choose_validation_set(data: TrainingData, *, num_panel_images: int, seed: int) -> ValidationSet:
    """Chooses what is looked at: all labelled photographs and, for the panel, evenly spread ones, of all where none is.

    Args:
      data: `data.photographs.TrainingData`.
      num_panel_images: columns of the panel.
      seed: seed of its backgrounds.

    Returns:
      `ValidationSet`.
    """
    order = sorted(data.masks) or list(range(len(data.crops)))
    count = min(num_panel_images, len(order))
    panel_indices = [order[place] for place in np.linspace(0, len(order) - 1, count).astype(int)]
    indices = panel_indices + [index for index in sorted(data.masks) if index not in panel_indices]
    drawn = next(iter(batches.foreground_batches(crops=data.crops[:1], background_pool=data.pool, batch_size=count,
                                                 num_steps=1, seed=seed)))
    return ValidationSet(crops=data.crops[indices], names=[data.names[index] for index in indices],
                         masks={place: data.masks[index] for place, index in enumerate(indices) if index in data.masks},
                         backgrounds=drawn["backgrounds"].numpy(), indices=indices)


class Monitor(abc.ABC):
    """What a run shows and measures while it goes on.

    Attributes:
      screen_keys: from a metric's name to its short name on the screen.
      evaluation_key: name of the metric that says which evaluation is the best; None: none is.
    """

    screen_keys: Mapping[str, str] = {}
    evaluation_key: Optional[str] = None

    @abc.abstractmethod
    def draw_panel(self) -> np.ndarray:
        """Draws a panel, uint8 [h, w, 3]."""

    @abc.abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Measures metrics, by their names in TensorBoard; empty where there is nothing to measure against."""


class ForegroundMonitor(Monitor):
    """Panel and evaluation of a segmentation network on photographs that stay the same throughout a run."""

    screen_keys, evaluation_key = _ADVERSARIAL_KEYS, "evaluation/mean_iou"

    def __init__(self, network: tf.keras.Model, validation_set: ValidationSet) -> None:
        """Takes the network, images [B, S, S, 3] in [0, 1] to masks, and the photographs."""
        self._network, self._validation_set = pipeline.inference(network), validation_set

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 6 and 7: input, soft mask, carved on flat colour, composite, reference mask if all have one."""
        crops = self._validation_set.crops[:len(self._validation_set.backgrounds)]
        soft = pipeline.predict_masks(self._network, crops)
        photographs, patches = (image_ranges.to_unit_range(pictures)
                                for pictures in (crops, self._validation_set.backgrounds))
        composites = composite(stack_layers([Instance(patches, tf.ones_like(soft)), Instance(photographs, soft)]))
        return panels.foreground_panel(images=crops, masks=soft, composites=np.asarray(composites),
                                       references=self._validation_set.panel_references(), max_columns=len(crops))

    def evaluate(self) -> dict[str, float]:
        """Measures S5's metrics, averaged over the labelled photographs."""
        return _named("evaluation", self._validation_set.metrics_of_network(self._network))


class DistillationMonitor(Monitor):
    """Panel of teacher and student side by side, and metrics of both."""

    screen_keys, evaluation_key = {"student/distillation_loss": "loss", **_MASK_KEYS}, "evaluation/mean_iou"

    def __init__(self, *, labels: np.ndarray, student: tf.keras.Model, validation_set: ValidationSet) -> None:
        """Takes the labels, the student, and the photographs.

        Args:
          labels: the teacher's masks of all photographs as the student learns them, uint8 [n, S, S, 1] in [0, 255].
          student: network.
          validation_set: the photographs.
        """
        self._labels = labels[validation_set.indices].astype(np.float32) / 255
        self._student, self._validation_set = pipeline.inference(student), validation_set
        self._teacher_metrics = None

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 12 and 13: input, raw mask, distilled mask, reference if all have one."""
        crops = self._validation_set.crops[:len(self._validation_set.backgrounds)]
        return panels.distillation_panel(
            images=crops, raw=self._labels[:len(crops)],
            distilled=pipeline.predict_masks(self._student, crops), references=self._validation_set.panel_references(),
            max_columns=len(crops))

    def evaluate(self) -> dict[str, float]:
        """Measures S5's metrics of the student, and of the labels beside it."""
        if not self._validation_set.masks:
            return {}
        if self._teacher_metrics is None:
            self._teacher_metrics = self._validation_set.metrics_of_masks(self._labels[sorted(self._validation_set.masks)])
        return {**_named("evaluation", self._validation_set.metrics_of_network(self._student)),
                **_named("evaluation_teacher", self._teacher_metrics)}


class ClusterMonitor(Monitor):
    """Panel, metrics and samples of an instance generator, from latents that stay the same throughout a run."""

    screen_keys = {**_ADVERSARIAL_KEYS, "generator/information_loss": "z error"}

    def __init__(self, scenes: SceneGenerator, *, batch: dict, seed: int, num_panel_layers: int = 4,
                 **options: Any) -> None:
        """Takes what is looked at.

        Args:
          scenes: scene generator of the cluster task, with the network that is evaluated.
          batch: one batch of `data.hoc.SceneStream`, for the panel; one scene per column.
          seed: seed of the sampled latents.
          num_panel_layers: how many of a scene's layers a panel shows, the topmost; 0: all.
          **options: `latent_dim`, `num_evaluated`, `recognition`, `shapes` and `darkest` of `InstanceSampler`.
        """
        self.sampler = InstanceSampler(scenes.foreground_provider.network, seed=seed, **options)
        self._compose = tf.function(lambda *inputs: scenes(*inputs, training=False), autograph=False)
        self._batch, self._num_panel_layers = batch, num_panel_layers

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 8 to 11: real windows, carved instances of the last layers, composites, appearance, mask."""
        backgrounds = image_ranges.to_unit_range(self._batch["background_inputs"])
        latents = self._batch["foreground_inputs"]
        scene = self._compose(latents, backgrounds, self._batch["delta_r"])
        num_layers, topmost = len(latents), slice(-self._num_panel_layers, None)  # all if 0
        each = len(scene.warped.image) // num_layers  # layers of one instance, of which it is the topmost itself
        images, masks = (channels[each - 1::each][topmost].numpy() for channels in scene.warped)
        return panels.hoc_panel(
            reals=self._batch["reals"].numpy(), layer_images=images, layer_masks=masks, num_layers=num_layers,
            composites=scene.image.numpy(), appearances=scene.foregrounds.image[-1].numpy(),
            masks=scene.foregrounds.mask[-1].numpy(), max_columns=len(self._batch["reals"]))

    def evaluate(self) -> dict[str, float]:
        """Measures the sampler's metrics."""
        return _named("evaluation", self.sampler.metrics())


def _named(group: str, values: dict[str, float]) -> dict[str, float]:
    """Returns metrics by their names in TensorBoard."""
    return {f"{group}/{name}": value for name, value in values.items()}
