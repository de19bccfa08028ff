"""Several segmentation networks as one, whose masks are the mean of theirs."""

from typing import Callable, Sequence

import tensorflow as tf


class Ensemble(tf.Module):
    """Averages the masks of networks from separate trainings, for instance of different seeds (S20).

    Errors that depend on the seed differ between the networks and shrink in the mean (Lakshminarayanan et al. 2017). It
    is called as each of its networks is, and has all their variables.
    """

    def __init__(self, networks: Sequence[Callable[..., tf.Tensor]]) -> None:
        """Takes built networks, at least one, images [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1]."""
        super().__init__()
        self.networks = list(networks)

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the mean of the networks' masks of float images [B, S, S, 3] in [0, 1]: float32 [B, S, S, 1]."""
        return tf.add_n([network(images, training=training) for network in self.networks]) / len(self.networks)
