"""From a network to masks: batches of crops, and what may be done to masks afterwards."""

from typing import Callable, Union

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from data.images import Crops, to_unit_range
from errors import UserError
from extensions.refinement import refine_masks, sharpen_masks


def inference(network: Callable[..., tf.Tensor], *, average_flips: bool = False, refine_iterations: int = 0,
              sharpen_temperature: float = 1.0, mask_threshold: float = 0.5) -> Callable[..., tf.Tensor]:
    """Wraps a network for `predict_masks`, with what may be done to its masks afterwards (S20).

    Args:
      network: images float32 [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1], called with `training`.
      average_flips: whether masks are averaged with those of the mirrored images.
      refine_iterations: how often masks are then refined, `extensions.refinement.refine_masks`.
      sharpen_temperature: of `extensions.refinement.sharpen_masks`, which comes last; 1: not at all.
      mask_threshold: value that it maps to 0.5.

    Returns:
      tf.function called as the network.
    """

    def infer(images: tf.Tensor, training: bool = False) -> tf.Tensor:
        masks = network(images, training=training)
        if average_flips:
            masks = (masks + network(images[:, :, ::-1], training=training)[:, :, ::-1]) / 2
        masks = refine_masks(masks, images, iterations=refine_iterations)
        return sharpen_masks(masks, temperature=sharpen_temperature, threshold=mask_threshold)

    return tf.function(infer, autograph=False)


def predict_masks(network: Callable[..., tf.Tensor], images: Union[np.ndarray, Crops], *, batch_size: int = 32,
                  shows_progress: bool = False) -> np.ndarray:
    """Predicts the soft masks of all images, as `in_batches`.

    Args:
      network: called as `network(batch, training=False)` on float32 [B, S, S, 3] in [0, 1]; returns soft masks
        [B, S, S, 1] in [0, 1].
      images: uint8 [n, S, S, 3], an array or `data.images.Crops`.
      batch_size: images in a batch, at least 1; at most n.
      shows_progress: whether a bar on standard error shows the progress.

    Returns:
      float32 [n, S, S, 1].

    Raises:
      UserError: there are no images.
      ValueError: the images or the network's masks have another shape or type.
    """
    if not len(images):
        raise UserError("There are no images to predict masks of; give at least one.")
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise ValueError(f"Images must be uint8 [n, S, S, 3], but are {images.dtype} {list(images.shape)}.")
    masks = in_batches(lambda batch: network(to_unit_range(batch), training=False), images,
                       batch_size=min(batch_size, len(images)), shows_progress=shows_progress)
    if masks.shape != (*images.shape[:-1], 1):
        raise ValueError(f"For images {list(images.shape)} the network should return masks "
                         f"{[*images.shape[:-1], 1]}, but returned {list(masks.shape)}.")
    return masks


def in_batches(function: Callable[[tf.Tensor], tf.Tensor], inputs: Union[np.ndarray, Crops], *, batch_size: int,
               shows_progress: bool = False) -> np.ndarray:
    """Applies a function of [B, ...] to inputs [n, ...], n at least 1, in batches of one size.

    The last batch is filled up with copies of its last entry, whose outputs are dropped, so that a `tf.function` is
    traced once.

    Returns:
      Outputs, float32 [n, ...].
    """
    outputs = None
    starts = range(0, len(inputs), batch_size)
    for start in tqdm(starts, desc="masks", unit="batch", disable=not shows_progress, mininterval=2.0):
        part = inputs[start:start + batch_size]
        padded = np.concatenate([part, np.repeat(part[-1:], batch_size - len(part), axis=0)])
        results = np.asarray(function(tf.constant(padded)), np.float32)
        if outputs is None:
            outputs = np.empty([len(inputs), *results.shape[1:]], np.float32)
        outputs[start:start + len(part)] = results[:len(part)]
    return outputs
