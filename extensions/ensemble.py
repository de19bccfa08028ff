"""Several segmentation networks as one, whose masks are the mean of theirs."""

import tensorflow as tf


class Ensemble(tf.Module):
    """Averages the masks of networks that were trained apart, for instance from different seeds (S20).

    A mask's error that the seed decides is not the same in all of them, and shrinks in the mean (Lakshminarayanan et
    al. 2017). It is called as each of its networks is, and has all their variables.
    """

    def __init__(self, networks, name="ensemble"):
        """Takes the networks.

        Args:
          networks: list of built networks, images [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1]; at least one.
          name: module name.

        Raises:
          ValueError: there is none.
        """
        super().__init__(name=name)
        if not networks:
            raise ValueError("an ensemble is of at least one network")
        self.networks = list(networks)

    def __call__(self, images, training=False):
        """Returns the mean of the networks' masks of float images [B, S, S, 3] in [0, 1]: float32 [B, S, S, 1]."""
        return tf.add_n([network(images, training=training) for network in self.networks]) / len(self.networks)
