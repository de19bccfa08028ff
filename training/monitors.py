"""What is looked at and measured while a run goes on: panels and metrics."""

from typing import Any, Callable, NamedTuple, Optional

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


class ValidationSet(NamedTuple):
    """Photographs that are looked at and measured throughout a run.

    Attributes:
      crops: uint8 [n, S, S, 3], the panel's first.
      masks: dict from an index into `crops` to its reference mask, uint8 {0, 1} [S, S, 1]; may be empty.
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
        """Returns the panel's reference masks [k, S, S, 1] if all of its photographs have one, else None."""
        count = len(self.backgrounds)
        labelled = all(index in self.masks for index in range(count))
        return np.stack([self.masks[index] for index in range(count)]) if labelled else None

    def figures(self, network: Callable) -> dict[str, float]:
        """Measures S5's figures of a network's masks, averaged over the labelled photographs. Returns a dict."""
        return self.figures_of(pipeline.predict_masks(network, self.crops[sorted(self.masks)]))

    def figures_of(self, soft: np.ndarray) -> dict[str, float]:
        """Measures S5's figures of soft masks of the labelled photographs, float32 [m, S, S, 1]. Returns a dict."""
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


class ForegroundMonitor:
    """Panel and evaluation of a segmentation network on photographs that stay the same throughout a run."""

    def __init__(self, network: tf.keras.Model, shown: ValidationSet) -> None:
        """Takes the network, images [B, S, S, 3] in [0, 1] to masks, and what it is shown: `ValidationSet`."""
        self._network, self._shown = pipeline.inference(network), shown

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 6 and 7: input, soft mask, carved on flat colour, composite, reference mask if all have one."""
        crops = self._shown.crops[:len(self._shown.backgrounds)]
        soft = pipeline.predict_masks(self._network, crops)
        photographs, patches = (image_ranges.to_unit_range(pictures) for pictures in (crops, self._shown.backgrounds))
        composites = composite(stack_layers([Instance(patches, tf.ones_like(soft)), Instance(photographs, soft)]))
        return panels.foreground_panel(images=crops, masks=soft, composites=np.asarray(composites),
                                       references=self._shown.panel_references(), max_columns=len(crops))

    def evaluate(self) -> dict[str, float]:
        """Measures S5's figures, averaged over the labelled photographs. Returns a dict of floats for TensorBoard."""
        return {f"evaluation/{name}": value for name, value in self._shown.figures(self._network).items()}


class DistillationMonitor:
    """Panel of teacher and student side by side, and figures of both."""

    def __init__(self, *, labels: np.ndarray, student: tf.keras.Model, shown: ValidationSet) -> None:
        """Takes what the teacher says, the student, and what it is shown.

        Args:
          labels: the teacher's masks of all photographs as the student learns them, uint8 [n, S, S, 1] in [0, 255].
          student: network.
          shown: `ValidationSet`.
        """
        self._labels = labels[shown.indices].astype(np.float32) / 255
        self._student, self._shown = pipeline.inference(student), shown
        self._teacher_figures = None

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 12 and 13: input, raw mask, distilled mask, reference if all have one."""
        crops = self._shown.crops[:len(self._shown.backgrounds)]
        return panels.distillation_panel(
            images=crops, raw=self._labels[:len(crops)],
            distilled=pipeline.predict_masks(self._student, crops), references=self._shown.panel_references(),
            max_columns=len(crops))

    def evaluate(self) -> dict[str, float]:
        """Measures S5's figures of the student, and of the teacher beside it. Returns floats for TensorBoard."""
        if self._teacher_figures is None:
            self._teacher_figures = self._shown.figures_of(self._labels[sorted(self._shown.masks)])
        return {**{f"evaluation/{name}": value for name, value in self._shown.figures(self._student).items()},
                **{f"evaluation_teacher/{name}": value for name, value in self._teacher_figures.items()}}


class ClusterMonitor:
    """Panel, figures and samples of an instance generator, from latents that stay the same throughout a run."""

    def __init__(self, scenes: SceneGenerator, *, batch: dict, seed: int, num_shown_layers: int = 4,
                 **options: Any) -> None:
        """Takes what is looked at.

        Args:
          scenes: scene generator of the cluster task, with the network that is shown.
          batch: one batch of `data.hoc.SceneStream`, for the panel; one scene per column.
          seed: seed of the sampled latents.
          num_shown_layers: how many of a scene's layers a panel shows, the topmost; 0: all.
          **options: `latent_dim`, `num_evaluated`, `recognition` and `shapes` of `InstanceSampler`.
        """
        self.sampler = InstanceSampler(scenes.foreground_provider.network, seed=seed, **options)
        self._compose = tf.function(lambda *inputs: scenes(*inputs, training=False), autograph=False)
        self._batch, self._num_shown_layers = batch, num_shown_layers

    def draw_panel(self) -> np.ndarray:
        """Draws Figures 8 to 11: real windows, carved instances of the last layers, composites, appearance, mask."""
        backgrounds = image_ranges.to_unit_range(self._batch["background_inputs"])
        latents = self._batch["foreground_inputs"]
        scene = self._compose(latents, backgrounds, self._batch["delta_r"])
        num_layers, shown = len(latents), slice(-self._num_shown_layers, None)  # all if 0
        each = len(scene.warped.image) // num_layers  # layers of one instance, of which it is the topmost itself
        images, masks = (channels[each - 1::each][shown].numpy() for channels in scene.warped)
        return panels.hoc_panel(
            reals=self._batch["reals"].numpy(), layer_images=images, layer_masks=masks, num_layers=num_layers,
            composites=scene.image.numpy(), appearances=scene.foregrounds.image[-1].numpy(),
            masks=scene.foregrounds.mask[-1].numpy(), max_columns=len(self._batch["reals"]))

    def evaluate(self) -> dict[str, float]:
        """Measures the sampler's figures. Returns a dict of floats for TensorBoard."""
        return {f"evaluation/{name}": value for name, value in self.sampler.figures().items()}
