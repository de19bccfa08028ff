"""Instance providers: the three implementation cases at the bottom of Figure 4.

A provider is called with its inputs and returns an `Instance` whose leading axes are its inputs'. Its
`trainable_variables` are what the generator's update may change.
"""

from typing import Callable

import tensorflow as tf

from models.composition import Instance, split_rgba


class CarvedInstanceProvider(tf.Module):
    """First case: a photograph and the mask that a segmentation network infers from it (trainable)."""

    def __init__(self, network: Callable[..., tf.Tensor]) -> None:
        """Makes the provider from `network`: images [M, H, W, 3] in [0, 1] to masks [M, H, W, 1] in [0, 1]."""
        super().__init__()
        self.network = network

    def __call__(self, photographs: tf.Tensor, *, training: bool) -> Instance:
        """Carves photographs [..., H, W, 3] in [0, 1]; `training` is batch normalization's."""
        shape = photographs.shape
        masks = self.network(tf.reshape(photographs, [-1, *shape[-3:]]), training=training)
        return Instance(image=photographs, mask=tf.reshape(masks, [*tf.unstack(tf.shape(photographs)[:-1]), 1]))


class LatentInstanceProvider(tf.Module):
    """Second case: appearance and mask that a deconvolutional network makes from a latent vector (trainable)."""

    def __init__(self, network: Callable[..., tf.Tensor]) -> None:
        """Makes the provider from `network`: latents [M, Z] in [-1, 1] to RGBA [M, H, W, 4] in [0, 1]."""
        super().__init__()
        self.network = network

    def __call__(self, latents: tf.Tensor, *, training: bool) -> Instance:
        """Makes instances [..., H, W, C] from latents [..., Z], each drawn independently."""
        rgba = self.network(tf.reshape(latents, [-1, latents.shape[-1]]), training=training)
        return split_rgba(tf.reshape(rgba, tf.concat([tf.shape(latents)[:-1], rgba.shape[1:]], axis=0)))


class PatchInstanceProvider(tf.Module):
    """Third case: a patch of a natural image with a mask of ones (untrainable): the background."""

    def __call__(self, patches: tf.Tensor, *, training: bool) -> Instance:
        """Wraps patches [..., H, W, 3] in [0, 1] as an `Instance` that covers every pixel."""
        del training
        return Instance(image=patches, mask=tf.ones_like(patches[..., :1]))
