"""From a network to masks: batches of crops, and what may be done to masks afterwards."""

from typing import Callable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from data.images import to_unit_range
from errors import UserError
from extensions.refinement import refine_masks, sharpen_masks


def inference(network, *, average_flips=False, refine_iterations=0, sharpen_temperature=1.0, mask_threshold=0.5):
    """Wraps a network for `pipeline.predict_masks`, with what may be done to its masks afterwards (S20).

    Args:
      network: images float32 [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1], called with `training`.
      average_flips: whether masks are averaged with those of the mirrored images.
      refine_iterations: how often masks are then refined, `extensions.refinement.refine_masks`.
      sharpen_temperature: of `extensions.refinement.sharpen_masks`, which comes last; 1: not at all.
      mask_threshold: what it makes 0.5 of.

    Returns:
      tf.function called as the network.
    """

    def infer(images, training=False):
        masks = network(images, training=training)
        if average_flips:
            masks = (masks + network(images[:, :, ::-1], training=training)[:, :, ::-1]) / 2
        masks = refine_masks(masks, images, iterations=refine_iterations)
        return sharpen_masks(masks, temperature=sharpen_temperature, threshold=mask_threshold)

    return tf.function(infer, autograph=False)


def predict_masks(network: Callable[..., tf.Tensor], images: np.ndarray, *, batch_size: int = 32,
                  shows_progress: bool = False) -> np.ndarray:
    """Soft masks of all images, in batches of one and the same size.

    The last batch is filled up with copies of its last image, whose masks are dropped, so that a `tf.function` is
    traced once.

    Args:
      network: called as `network(batch, training=False)` on float32 [B, S, S, 3] in [0, 1]; returns soft masks
        [B, S, S, 1] in [0, 1].
      images: uint8 [n, S, S, 3].
      batch_size: images at a time, at least 1; at most n are.
      shows_progress: whether a bar on standard error says how far it is.

    Returns:
      float32 [n, S, S, 1].

    Raises:
      UserError: there are no images.
      ValueError: the images or the network's masks have another shape or type, or batch_size is less than 1.
    """
    images = np.asarray(images)
    if images.shape[:1] == (0,):
        raise UserError("There are no images to predict masks of; give at least one.")
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise ValueError(f"Images must be uint8 [n, S, S, 3], but are {images.dtype} {list(images.shape)}.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, but is {batch_size}.")
    batch_size = min(batch_size, len(images))
    masks = []
    starts = range(0, len(images), batch_size)
    for start in tqdm(starts, desc="masks", unit="batch", disable=not shows_progress, mininterval=2.0):
        batch = images[start:start + batch_size]
        num_missing = batch_size - len(batch)
        padded = np.concatenate([batch, np.repeat(batch[-1:], num_missing, axis=0)])
        predicted = np.asarray(network(to_unit_range(tf.constant(padded)), training=False), dtype=np.float32)
        if predicted.shape != (*padded.shape[:-1], 1):
            raise ValueError(f"For images {list(padded.shape)} the network should return masks "
                             f"{[*padded.shape[:-1], 1]}, but returned {list(predicted.shape)}.")
        masks.append(predicted[:len(batch)])
    return np.concatenate(masks)
