"""Instances sampled from a generator of the cluster task: their figures, and pictures of them."""

import pathlib
import re

import numpy as np
import tensorflow as tf

from data import synthetic
from errors import UserError
from evaluation import instances
from models.instance_generator import build_generator
from storage import run_folder
from storage.weights import assign_weights, read_weights
from visualization import panels, tiles

TRAVERSAL = np.linspace(-1.0, 1.0, 9)  # values of a latent in a traversal's columns
BATCH_SIZE = 64  # instances generated at a time
MOST_SHAPES = 1200  # of a drawn cluster that instances are compared with; a picture of 384 pixels has about as many


def load_generator(path):
    """Loads the instance generator of a weights file of `train_hoc.py`.

    Args:
      path: the file.

    Returns:
      (network, metadata): latents [B, Z] to RGBA [B, 64, 64, 4] in [0, 1]; what the file says of it, as
      `read_weights` gives it, with the run's flags.

    Raises:
      UserError: the file is missing, broken, of another task's network, or does not say how it is used.
    """
    metadata, arrays = read_weights(path)
    if metadata.get("network") != "instance_generator":
        raise UserError(f"{path} holds a {metadata.get('network')!r}, expected an 'instance_generator', as "
                        "train_hoc.py writes it.")
    try:
        int(run_folder.parse_flags(metadata["flags"].values()).get("seed", 0))
        network = build_generator(latent_dim=int(metadata["latent_dim"]), width=float(metadata["width"]),
                                  disk_area=metadata["disk_area"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say how its network is used ({error}); expected the weights.npz of a "
                        "run of train_hoc.py.") from error
    assign_weights(network, arrays, path=path)
    return network, metadata


class InstanceSampler:
    """Samples instances from latents that are the same at each call."""

    def __init__(self, network, *, latent_dim, num_evaluated, seed, recognition=None, shapes=None):
        """Takes what is sampled from.

        Args:
          network: built instance generator, latents [B, Z] to RGBA [B, 64, 64, 4] in [0, 1].
          latent_dim: Z.
          num_evaluated: instances that are generated for the figures.
          seed: seed of their latents.
          recognition: carved instances to estimated latents, or None.
          shapes: bool [m, T, T], the true instances' shapes, where they are known. The first 1200 are compared with,
            so that memory and figures do not depend on a drawn picture's size.
        """
        self._network = tf.function(lambda latents: network(latents, training=False), autograph=False)
        self._recognize = tf.function(recognition, autograph=False) if recognition else None
        self._shapes = None if shapes is None else shapes[:MOST_SHAPES]
        self._latent_dim, self._seed, self._num_evaluated = latent_dim, seed, num_evaluated

    @classmethod
    def from_weights(cls, path, *, num_evaluated, seed=None):
        """Loads a weights file of `train_hoc.py`.

        Args:
          path: the file.
          num_evaluated: as above.
          seed: as above; None takes the latents that the run itself was measured on.

        Returns:
          (sampler, metadata): the latter as `read_weights` gives it. Of a drawn cluster the true shapes are
          drawn again.

        Raises:
          UserError: the file is missing, broken, of another task's network, or does not say how it is used.
        """
        network, metadata = load_generator(path)
        values, latent_dim = run_folder.parse_flags(metadata["flags"].values()), int(metadata["latent_dim"])
        run_seed = int(values.get("seed", 0))
        drawn = values.get("drawn_cluster")
        size = int(values.get("drawn_size", synthetic.CLUSTER_SIZE))  # earlier runs have no such flag
        shapes = synthetic.drawn_cluster(drawn, size=size, seed=run_seed)[1] if drawn else None
        return cls(network, latent_dim=latent_dim, num_evaluated=num_evaluated, shapes=shapes,
                   seed=run_seed + 1 if seed is None else seed), metadata

    def _draw(self, count):
        """Returns the first `count` of the seed's latents, float32 [count, Z]."""
        return np.random.default_rng(self._seed).uniform(-1.0, 1.0, (count, self._latent_dim)).astype(np.float32)

    def figures(self):
        """Measures `evaluation.instances`' figures on the sampled instances. Returns a dict of floats."""
        latents = self._draw(self._num_evaluated)
        appearances, masks = self.generate(latents)
        figures = instances.instance_figures(appearances, masks)
        if self._recognize:
            r_squared = instances.r_squared(latents, _in_batches(self._recognize, appearances * masks))
            figures["latent_r2"] = float(r_squared.mean())
            figures.update({f"latent_r2_{index}": float(value) for index, value in enumerate(r_squared, start=1)})
        if self._shapes is not None:
            figures["best_shape_iou"] = float(
                instances.best_shape_ious(masks[..., 0] >= 0.5, self._shapes).mean())
            figures["best_shape_iou_of_disk"] = instances.disk_shape_iou(self._shapes)
            figures["elongation_of_shapes"] = float(instances.elongations(self._shapes).mean())
        return figures

    def generate(self, latents):
        """Makes instances in inference. Returns appearances [n, 64, 64, 3] and masks [n, 64, 64, 1] in [0, 1]."""
        rgba = _in_batches(self._network, np.asarray(latents, np.float32))
        return rgba[..., :3], rgba[..., 3:]

    def pictures(self, num_samples):
        """Samples instances and shows what each latent does.

        Args:
          num_samples: instances, the first of those that are evaluated, or more.

        Returns:
          dict from file names to uint8 pictures: `instance_NNNN.png` (RGBA), `sheet.png` (all of them on a
          checkerboard) and `traversal.png` (a row per latent, from -1 to 1, the others at 0).
        """
        appearances, masks = self.generate(self._draw(num_samples))
        rgba = np.round(255.0 * np.concatenate([appearances, masks], axis=-1)).astype(np.uint8)
        pictures = {f"instance_{index:04d}.png": picture for index, picture in enumerate(rgba)}
        pictures["sheet.png"] = panels.instance_sheet(appearances, masks)
        latents = np.zeros((self._latent_dim, len(TRAVERSAL), self._latent_dim), np.float32)
        for index in range(self._latent_dim):
            latents[index, :, index] = TRAVERSAL
        appearances, masks = self.generate(latents.reshape(-1, self._latent_dim))
        shape = (*latents.shape[:2], *appearances.shape[1:3])
        pictures["traversal.png"] = panels.traversal_panel(appearances.reshape(*shape, 3),
                                                           masks.reshape(*shape, 1))
        return pictures


def write_samples(sampler: InstanceSampler, folder: pathlib.Path, *, num_samples: int) -> None:
    """Writes sampled instances into a run's folder; those of fewer steps, or of more samples, are removed."""
    for name, picture in sampler.pictures(num_samples).items():
        tiles.save_png(picture, folder / name)
    beyond = samples_beyond(folder, num_samples)
    for path in beyond:
        path.unlink()
    print(f"{num_samples} instances, sheet.png and traversal.png are in {folder}"
          + (f"; {len(beyond)} more that were there from before are removed" if beyond else ""))


def samples_beyond(folder, num_samples):
    """Lists pictures of an earlier call's instances that a call for fewer would leave beside its own.

    Args:
      folder: where `InstanceSampler.pictures` are written; it need not exist.
      num_samples: of the new call.

    Returns:
      list of `pathlib.Path`, `instance_NNNN.png` with a number of at least `num_samples`, sorted.
    """
    numbers = {path: re.fullmatch(r"instance_(\d{4,})\.png", path.name) for path in pathlib.Path(folder).glob("instance_*.png")}
    return sorted(path for path, number in numbers.items() if number and int(number[1]) >= num_samples)


def _in_batches(function, inputs):
    """Applies a function of [B, ...] in batches of one size, the last filled up. Returns its outputs [n, ...]."""
    outputs = []
    for start in range(0, len(inputs), BATCH_SIZE):
        part = inputs[start:start + BATCH_SIZE]
        padded = np.concatenate([part, np.repeat(part[-1:], BATCH_SIZE - len(part), axis=0)])
        outputs.append(function(tf.constant(padded)).numpy()[:len(part)])
    return np.concatenate(outputs)
