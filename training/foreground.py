"""What the foreground task adds to adversarial training: how it is built, and its panel and evaluation."""

import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import visualization
from data import batches
from data import images as image_ranges
from errors import UserError, first_line
from evaluation import evaluator
from models import layout, providers, scene_generator, unet
from models.composition import Instance, composite, stack_layers
from models.ensemble import Ensemble
from models.refinement import refine_masks, sharpen_masks
from models.resized import Resized
from training import adversarial, checkpoint, optimizers, run_folder

FIGURES = ("foreground_iou", "background_iou", "mean_iou", "pixel_accuracy", "f_beta")


def build_unet(*, width=1.0, size=128, **options):
    """Makes a UNet with its variables, for crops of `size` pixels; options as for `models.unet.UNet`."""
    network = unet.UNet(width=width, **options)
    network(tf.zeros([1, size, size, 3]))
    return network


def build_training(*, network, discriminator, size, optimization, averaged_network=None, **options):
    """Wires the foreground task: a carved instance on a natural patch, no layout ('Layout Prior').

    Args:
      network: built segmentation network.
      discriminator: discriminator; it is built here for images of `size` pixels.
      size: side of the images in pixels.
      optimization: dict of `optimizers.make_pair`'s options.
      averaged_network: built network of the same kind that becomes the moving average, or None.
      **options: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    discriminator(tf.zeros([1, size, size, 3]))
    scenes, averaged = (one and scene_generator.SceneGenerator(
        foreground_provider=providers.CarvedInstanceProvider(one),
        background_provider=providers.PatchInstanceProvider(), layout=layout.IdentityLayout())
                        for one in (network, averaged_network))
    generator_optimizer, discriminator_optimizer = optimizers.make_pair(
        scenes.trainable_variables, discriminator.trainable_variables, **optimization)
    return adversarial.AdversarialTraining(
        scene_generator=scenes, discriminator=discriminator, generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer, averaged=averaged, **options)


def to_training_batch(batch):
    """Renames a foreground batch's streams to those of `AdversarialTraining`; photographs become its one layer."""
    same = {name: batch[name] for name in ("reals", "step")}
    return {"foreground_inputs": batch["photographs"][tf.newaxis], "background_inputs": batch["backgrounds"], **same}


class LoadedNetwork(NamedTuple):
    """A segmentation network that was trained before.

    Attributes:
      network: built UNet with its weights.
      image_size: side in pixels of the crops it was trained on.
      crop: their crop mode.
      flags: dict from the names of its run's flags to their values as text.
      area_constant: `a` of Eq. (7) that it was trained with, or None where its run does not say.
      description: where it came from, for people.
    """

    network: Any
    image_size: int
    crop: str
    flags: dict
    area_constant: Any
    description: str


def load_network(*, run_dir=None, weights=None):
    """Loads the network of a run's last checkpoint (the student's, of a distillation), or of a weights file.

    Args:
      run_dir: run folder, or None.
      weights: weights file, or None; just one of the two is given.

    Returns:
      `LoadedNetwork`.

    Raises:
      UserError: both or none are given, or what is given is missing, broken, or of another task.
    """
    if bool(run_dir) == bool(weights):
        raise UserError("give either --run_dir, a run folder, or --weights, a weights file.")
    if weights:
        metadata, arrays = checkpoint.read_weights(weights)
        if metadata.get("network") != "unet":
            raise UserError(f"{weights} holds a {metadata.get('network')!r}, expected a 'unet', as foreground runs and "
                            "distillations write it.")
        try:
            size, crop, width = int(metadata["image_size"]), metadata["crop"], float(metadata["width"])
            network = build_unet(width=width, size=size)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{weights} does not say how its network is used ({first_line(error)}); expected the weights.npz "
                            "of a run of train_fg.py or distill.py.") from error
        checkpoint.assign_weights(network, arrays, path=weights)
        lines = metadata.get("flags", {}).values()
        return LoadedNetwork(network, size, crop, run_folder.parse_flags(lines),
                             metadata.get("area_constant"),
                             f"{weights} (step {metadata.get('num_steps')})")
    values = run_folder.read_flags(run_dir)
    if "image_size" not in values:
        raise UserError(f"{run_dir} is the folder of another task; expected one of train_fg.py or distill.py.")
    name, width = ("student", "student_width") if "student_width" in values else ("generator", "generator_width")
    try:
        if float(values.get("generator_average", 0)):
            name = "generator_average"
        network = build_unet(width=float(values[width]), size=int(values["image_size"]))
        area = float(values["area_constant"]) if "area_constant" in values else None
        crop = values["crop"]
    except (KeyError, ValueError) as error:
        raise UserError(f"{run_dir} does not say how its network is used: in its {run_folder.FLAGS_FILE} a flag is missing or "
                        f"wrong ({first_line(error)}).") from error
    step = checkpoint.restore_network(run_folder.RunFolder(run_dir).checkpoint_dir, network, name=name)
    return LoadedNetwork(network, int(values["image_size"]), crop, values, area, f"{run_dir} (step {step})")


def at_size(loaded, image_size):
    """Returns a `LoadedNetwork` for crops of another size, which it is shown at its own (`models.resized`).

    Args:
      loaded: `LoadedNetwork`.
      image_size: side in pixels of the crops; None is its own.
    """
    if image_size in (None, loaded.image_size):
        return loaded
    return loaded._replace(network=Resized(loaded.network, size=loaded.image_size), image_size=image_size,
                           description=f"{loaded.description} on crops of {loaded.image_size} pixels")


def load_networks(paths):
    """Loads one network, or several as one whose masks are the mean of theirs.

    Args:
      paths: run folders and weights files, at least one.

    Returns:
      `LoadedNetwork`; flags and area constant are the first one's.

    Raises:
      UserError: as `load_network`, and if they were trained on crops of another size or kind.
    """
    loaded = [load_network(**{"run_dir" if os.path.isdir(path) else "weights": path}) for path in paths]
    first = loaded[0]
    for path, other in zip(paths, loaded):
        if (other.image_size, other.crop) != (first.image_size, first.crop):
            raise UserError(f"{path} takes crops '{other.crop}' of {other.image_size} pixels and {paths[0]} crops "
                            f"'{first.crop}' of {first.image_size}; only networks of the same crops can be averaged.")
    if len(loaded) == 1:
        return first
    return first._replace(network=Ensemble([one.network for one in loaded]),
                          description=" and ".join(one.description for one in loaded))


class Shown(NamedTuple):
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

    def panel_references(self):
        """Returns the panel's reference masks [k, S, S, 1] if all of its photographs have one, else None."""
        count = len(self.backgrounds)
        labelled = all(index in self.masks for index in range(count))
        return np.stack([self.masks[index] for index in range(count)]) if labelled else None

    def figures(self, network):
        """Measures S5's figures of a network's masks, averaged over the labelled photographs. Returns a dict."""
        return self.figures_of(evaluator.predict_masks(network, self.crops[sorted(self.masks)]))

    def figures_of(self, soft):
        """Measures S5's figures of soft masks of the labelled photographs, float32 [m, S, S, 1]. Returns a dict."""
        labelled = sorted(self.masks)
        report = evaluator.evaluate_masks(soft, np.stack([self.masks[index] for index in labelled]),
                                          names=[self.names[index] for index in labelled])
        return {name: report["per_image"][name] for name in FIGURES}


def choose_shown(data, *, num_panel_images, seed):
    """Chooses what is looked at: all labelled photographs and, for the panel, evenly spread ones, of all where none is.

    Args:
      data: `data.photographs.TrainingData`.
      num_panel_images: columns of the panel.
      seed: seed of its backgrounds.

    Returns:
      `Shown`.
    """
    order = sorted(data.masks) or list(range(len(data.crops)))
    count = min(num_panel_images, len(order))
    panel_indices = [order[place] for place in np.linspace(0, len(order) - 1, count).astype(int)]
    indices = panel_indices + [index for index in sorted(data.masks) if index not in panel_indices]
    drawn = next(iter(batches.foreground_batches(crops=data.crops[:1], background_pool=data.pool, batch_size=count,
                                                 num_steps=1, seed=seed)))
    return Shown(crops=data.crops[indices], names=[data.names[index] for index in indices],
                 masks={place: data.masks[index] for place, index in enumerate(indices) if index in data.masks},
                 backgrounds=drawn["backgrounds"].numpy(), indices=indices)


def inference(network, *, average_flips=False, refine_iterations=0, sharpen_temperature=1.0, threshold=0.5):
    """Wraps a network for `evaluator.predict_masks`, with what may be done to its masks afterwards (S20).

    Args:
      network: images float32 [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1], called with `training`.
      average_flips: whether masks are averaged with those of the mirrored images.
      refine_iterations: how often masks are then refined, `models.refinement.refine_masks`.
      sharpen_temperature: of `models.refinement.sharpen_masks`, which comes last; 1: not at all.
      threshold: what it makes 0.5 of.

    Returns:
      tf.function called as the network.
    """

    def infer(images, training=False):
        masks = network(images, training=training)
        if average_flips:
            masks = (masks + network(images[:, :, ::-1], training=training)[:, :, ::-1]) / 2
        masks = refine_masks(masks, images, iterations=refine_iterations)
        return sharpen_masks(masks, temperature=sharpen_temperature, threshold=threshold)

    return tf.function(infer)


class ForegroundInspection:
    """Panel and evaluation of a segmentation network on photographs that stay the same throughout a run."""

    def __init__(self, network, shown):
        """Takes the network, images [B, S, S, 3] in [0, 1] to masks, and what it is shown: `Shown`."""
        self._network, self._shown = inference(network), shown

    def draw_panel(self):
        """Draws Figures 6 and 7: input, soft mask, carved on flat colour, composite, reference mask if all have one."""
        crops = self._shown.crops[:len(self._shown.backgrounds)]
        soft = evaluator.predict_masks(self._network, crops)
        photographs, patches = (image_ranges.to_unit_range(pictures) for pictures in (crops, self._shown.backgrounds))
        composites = composite(stack_layers([Instance(patches, tf.ones_like(soft)), Instance(photographs, soft)]))
        return visualization.foreground_panel(images=crops, masks=soft, composites=np.asarray(composites),
                                              references=self._shown.panel_references(), max_columns=len(crops))

    def evaluate(self):
        """Measures S5's figures, averaged over the labelled photographs. Returns a dict of floats for TensorBoard."""
        return {f"evaluation/{name}": value for name, value in self._shown.figures(self._network).items()}
