"""Instances sampled from a generator of the cluster task: their metrics, and pictures of them."""

import os
import pathlib
import re
from typing import Any, Callable, Optional, Union

import numpy as np
import tensorflow as tf

from data import hoc, label_images, synthetic
from errors import UserError
from evaluation import instances, wholeness
from inference import pipeline
from models.instance_generator import build_generator
from storage import run_folder
from storage.weights import assign_weights, read_weights
from visualization import panels, tiles

TRAVERSAL = np.linspace(-1.0, 1.0, 9)  # values of a latent in a traversal's columns
BATCH_SIZE = 64
MOST_SHAPES = 1200  # of a drawn cluster that instances are compared with; a picture of 384 pixels has about as many
Path = Union[str, os.PathLike]


def load_generator(path: Path) -> tuple[tf.keras.Model, dict[str, Any]]:
    """Loads the instance generator of a weights file of `train_hoc.py`.

    Returns:
      (network, metadata): latents [B, Z] to RGBA [B, 64, 64, 4] in [0, 1]; the metadata of `read_weights`.

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
                                  disk_area=metadata["disk_area"], disk_elongation=metadata.get("disk_elongation"),
                                  disk_logit=metadata.get("disk_logit"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say how its network is used ({error}); expected the weights.npz of a "
                        "run of train_hoc.py.") from error
    assign_weights(network, arrays, path=path)
    return network, metadata


class InstanceSampler:
    """Samples instances from latents that are the same at each call."""

    def __init__(self, network: tf.keras.Model, *, latent_dim: int, num_evaluated: int, seed: int,
                 recognition: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
                 shapes: Optional[np.ndarray] = None, darkest: Optional[float] = None) -> None:
        """Takes the generator.

        Args:
          network: built instance generator, latents [B, Z] to RGBA [B, 64, 64, 4] in [0, 1].
          latent_dim: Z.
          num_evaluated: instances that are generated for the metrics.
          seed: seed of their latents.
          recognition: instances, RGBA [B, 64, 64, 4], to estimated latents [B, Z], or None.
          shapes: bool [m, T, T], the true instances' shapes, where they are known. The first 1200 are compared with,
            so that memory and metrics do not depend on a drawn picture's size.
          darkest: `evaluation.wholeness.dark_level` of the photograph; None where it is not known: then it is not
            measured which instances are whole.
        """
        self._network = tf.function(lambda latents: network(latents, training=False), autograph=False)
        self._recognize = tf.function(recognition, autograph=False) if recognition else None
        self._shapes = None if shapes is None else shapes[:MOST_SHAPES]
        self._latent_dim, self._seed, self._num_evaluated = latent_dim, seed, num_evaluated
        self._darkest = darkest

    @classmethod
    def from_weights(cls, path: Path, *, num_evaluated: int,
                     seed: Optional[int] = None, labels: Optional[str] = None) -> tuple["InstanceSampler", dict[str, Any]]:
        """Loads a weights file of `train_hoc.py`.

        Args:
          path: the file.
          num_evaluated: as above.
          seed: as above; None takes the latents of the run's own metrics.
          labels: PNG that numbers the true instances of the photograph, whose shapes are compared with; None: not known.

        Returns:
          (sampler, metadata): the metadata of `read_weights`. Of a drawn cluster the true shapes are drawn again.

        Raises:
          UserError: a file is missing or broken, or the weights are of another task's network, or do not say how they are used.
        """
        network, metadata = load_generator(path)
        values, latent_dim = run_folder.parse_flags(metadata["flags"].values()), int(metadata["latent_dim"])
        run_seed = int(values.get("seed", 0))
        drawn = values.get("drawn_cluster")
        size = int(values.get("drawn_size", synthetic.CLUSTER_SIZE))  # earlier runs have no such flag
        shapes = hoc.scaled_shapes(synthetic.drawn_cluster(drawn, size=size, seed=run_seed)[1],
                                   window_size=int(values.get("window_size", hoc.WINDOW))) if drawn else None
        if labels:
            if drawn or "window_size" not in values:
                raise UserError(f"{path} is not of a photograph whose window size it says, so --labels cannot be compared with.")
            shapes = label_images.shapes_of(label_images.read_labels(labels), scale=hoc.WINDOW / int(values["window_size"]))
        return cls(network, latent_dim=latent_dim, num_evaluated=num_evaluated, shapes=shapes,
                   darkest=metadata.get("dark_level"), seed=run_seed + 1 if seed is None else seed), metadata

    def _draw(self, count: int) -> np.ndarray:
        """Returns the first `count` of the seed's latents, float32 [count, Z]."""
        return np.random.default_rng(self._seed).uniform(-1.0, 1.0, (count, self._latent_dim)).astype(np.float32)

    def metrics(self) -> dict[str, float]:
        """Measures the sampled instances by `evaluation.instances`."""
        latents = self._draw(self._num_evaluated)
        appearances, masks = self.generate(latents)
        measured = instances.instance_metrics(appearances, masks)
        if self._recognize:
            r_squared = instances.r_squared(latents, pipeline.in_batches(
                self._recognize, np.concatenate([appearances, masks], axis=-1), batch_size=BATCH_SIZE))
            measured["latent_r2"] = float(r_squared.mean())
            measured.update({f"latent_r2_{index}": float(value) for index, value in enumerate(r_squared, start=1)})
        better_than_disk = None
        if self._shapes is not None:
            ious = instances.best_shape_ious(masks[..., 0] >= 0.5, self._shapes)
            measured.update(instances.shape_metrics(masks, self._shapes, ious=ious))
            better_than_disk = ious > measured["best_shape_iou_of_disk"]
        if self._darkest is not None:
            measured.update(wholeness.whole_metrics(appearances, masks, darkest=self._darkest,
                                                    better_than_disk=better_than_disk))
        return measured

    def generate(self, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Makes instances in inference. Returns appearances [n, 64, 64, 3] and masks [n, 64, 64, 1] in [0, 1]."""
        rgba = pipeline.in_batches(self._network, latents, batch_size=BATCH_SIZE)
        return rgba[..., :3], rgba[..., 3:]

    def sample(self, count: int) -> np.ndarray:
        """Samples instances, the first of those that are evaluated, or more: RGBA, float32 [count, 64, 64, 4]."""
        return np.concatenate(self.generate(self._draw(count)), axis=-1)

    def pictures(self, num_samples: int) -> dict[str, np.ndarray]:
        """Samples instances and shows what each latent does.

        Args:
          num_samples: instances, the first of those that are evaluated, or more.

        Returns:
          uint8 pictures by file names: `instance_NNNN.png` (RGBA), `sheet.png` (all of them on a
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


def weights_path(*, run_dir: Optional[str], weights: Optional[str]) -> str:
    """Returns the weights file that either flag names; UserError where not just one does, or the run has none."""
    if bool(run_dir) == bool(weights):
        raise UserError("give either --run_dir, a run folder of train_hoc.py, or --weights, a weights file.")
    path = weights or os.path.join(run_dir, "weights.npz")
    if run_dir and not os.path.exists(path):
        raise UserError(f"{run_dir} holds no weights.npz, which a run of train_hoc.py writes at its end; go on with "
                        "it, if need be to a smaller --num_steps.")
    return path


def write_samples(sampler: InstanceSampler, folder: pathlib.Path, *, num_samples: int) -> None:
    """Writes sampled instances into a run's folder; those of fewer steps, or of more samples, are removed."""
    for name, picture in sampler.pictures(num_samples).items():
        tiles.save_png(picture, folder / name)
    beyond = samples_beyond(folder, num_samples)
    for path in beyond:
        path.unlink()
    print(f"{num_samples} instances, sheet.png and traversal.png are in {folder}"
          + (f"; {len(beyond)} more that were there from before are removed" if beyond else ""))


def samples_beyond(folder: Path, num_samples: int) -> list[pathlib.Path]:
    """Lists pictures of an earlier call's instances that a call for fewer would leave beside its own.

    Args:
      folder: where `InstanceSampler.pictures` are written; it need not exist.
      num_samples: of the new call.

    Returns:
      `instance_NNNN.png` with a number of at least `num_samples`, sorted.
    """
    found = [(path, re.fullmatch(r"instance_(\d{4,})\.png", path.name)) for path in pathlib.Path(folder).glob("*.png")]
    return sorted(path for path, number in found if number and int(number[1]) >= num_samples)
