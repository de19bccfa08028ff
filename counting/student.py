"""The student: a StarDist network that learns from composites to find instances, and is applied to whole photographs.

StarDist (Schmidt et al. 2018) is one more install, `make count-install`, and is imported inside functions.
"""

import contextlib
import importlib
import importlib.util
import io
import os
from typing import Any, Optional, Sequence, Union

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from counting import amodal, tiling
from counting.augmenter import Augmenter
from counting.composites import GROUNDS
from counting.found import Found, in_photograph
from counting.shapes import Shape
from data.illumination import Light
from errors import UserError
from storage import weights

NETWORK = "stardist_student"
NUM_RAYS = 32
GRID = 2  # pixels of a picture, along each axis, for one at which the network decides
HELD_OUT = 0.1  # share of the composites by which thresholds are chosen
MOST_HELD_OUT = 8
LEARNING_RATE = 2e-3  # of Adam at the start, from which it falls to zero
INSIDE = 0.85  # mean distance of a disk's pixels from its border, over all directions, as a share of the radius
MOMENTUM = 0.9  # of the statistics of batch normalization, so that those of a short training are right
LEAST_DISTANCE = 1e-3  # pixels, as of StarDist
NMS_THRESHOLDS = (0.3, 0.4)  # among which the overlap at which two are one is chosen
MATCHES = (0.5, 0.7)  # overlaps with a true instance that count when thresholds are chosen
SEARCH = {"maxiter": 10, "tol": 0.02}  # for the score's threshold
# Of whole shapes: scores and overlaps among which thresholds are chosen.
AMODAL_SCORES, AMODAL_OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7), (0.4, 0.5)
Path = Union[str, os.PathLike]
# Of StarDist's library, which must be loaded after this: its threads wait for each other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class Student:
    """A trained student.

    Attributes:
      metadata: plain values that are kept with the network.
    """

    def __init__(self, network: Any, *, metadata: dict[str, Any]) -> None:
        """Takes a `stardist.models.StarDist2D`, whose thresholds are set, and `channels` among the metadata."""
        self._network, self.metadata = network, metadata

    @property
    def ground(self) -> str:
        """What was between the instances of its composites, one of `counting.composites.GROUNDS`."""
        return self.metadata.get("learnt", {}).get("ground", "dense")

    @property
    def upright(self) -> bool:
        """Whether its composites were upright (`counting.composites.Recipe`)."""
        return bool(self.metadata.get("learnt", {}).get("upright", False))

    @property
    def amodal(self) -> bool:
        """Whether it says whole shapes, with what others hide (`counting.amodal`)."""
        return self.metadata.get("amodal", False)

    @property
    def light(self) -> Light:
        """How the light of its photograph was changed."""
        return Light(**{name: self.metadata[name] for name in Light._fields if name in self.metadata})

    @property
    def thresholds(self) -> dict[str, float]:
        """The score below which nothing is found (`prob`), and the overlap above which two are one (`nms`)."""
        return {name: float(getattr(self._network.thresholds, name)) for name in ("prob", "nms")}

    def set_thresholds(self, *, prob: float, nms: float) -> None:
        """Sets `thresholds`; of whole shapes `nms` is the IoU above which two are one."""
        self._network.thresholds = {"prob": prob, "nms": nms}

    def find(self, picture: np.ndarray) -> Found:
        """Finds the instances of a picture of any size, uint8 [H, W, 3], in tiles."""
        return self.instances_of(self.candidates(picture, threshold=self.thresholds["prob"]))

    def candidates(self, picture: np.ndarray, *, threshold: float) -> tiling.Candidates:
        """Returns the places of a picture, uint8 [H, W, 3], whose score is above a threshold."""
        places = tiling.candidates(self._network.keras_model, picture, threshold=threshold, grid=GRID,
                                   prepare=lambda pixels: _standardized(_to_unit(pixels), self.metadata["channels"]))
        return places._replace(distances=np.maximum(places.distances, LEAST_DISTANCE))

    def instances_of(self, places: tiling.Candidates) -> Found:
        """Makes instances of candidates, each once."""
        from stardist.geometry import dist_to_coord
        from stardist.nms import non_maximum_suppression_sparse
        if self.amodal:
            corners, scores, heights = amodal.instances_of(places, most_overlap=self.thresholds["nms"], grid=GRID)
            return Found(_xy(corners), scores, heights)
        points, scores, distances, _ = non_maximum_suppression_sparse(places.distances, places.scores, places.points,
                                                                      nms_thresh=self.thresholds["nms"])
        return Found(_xy(dist_to_coord(distances, points)), scores.astype(np.float32))

    def to_bytes(self) -> bytes:
        """Returns the content of the file that `load` reads: the network, its thresholds and the metadata."""
        arrays = {f"{number:03d}": array for number, array in enumerate(self._network.keras_model.get_weights())}
        return weights.to_bytes(arrays, metadata={**self.metadata, "network": NETWORK, "thresholds": self.thresholds,
                                                  "width": self._network.config.unet_n_filter_base})


def check_installed() -> None:
    """Raises UserError where StarDist is not installed."""
    if importlib.util.find_spec("stardist") is None:
        raise UserError("counting needs StarDist, which is not installed; install it with `make count-install`.")


def train(images: np.ndarray, labels: np.ndarray, *, seed: int, num_steps: int, batch_size: int = 4, width: int = 16,
          upright: bool = False, shapes: Optional[Sequence[Sequence[Shape]]] = None, metadata: dict[str, Any] = {}) -> Student:
    """Trains a student; equal arguments make equal students, where `training.environment.set_up` was deterministic.

    Args:
      images: of composites, or of anything whose instances are labelled, uint8 [n, H, W, 3], n at least 2, H and W
        multiples of 16. The last tenth, at least one, is held out, to choose thresholds by.
      labels: int [n, H, W], 0 is ground.
      seed: any integer of 32 bits.
      num_steps: updates.
      batch_size: images in each.
      width: channels of the network's first layers.
      upright: whether images are flipped sideways alone, and not turned.
      shapes: each image's whole instances 1 to k, of which outlines are learnt; None: of what is seen.
      metadata: plain values that are kept with the student, besides whether it says whole shapes.
    """
    if len(images) < 2 or len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} label images; there are as many, at least 2.")
    importlib.import_module("stardist.models")  # before the seed, since importing it draws random colours
    tf.keras.utils.set_random_seed(seed)
    channels = _channels(images)
    num_held_out = min(MOST_HELD_OUT, max(1, round(HELD_OUT * len(images))))
    shown = len(images) - num_held_out
    with _silence():
        network = _build(width, size=images.shape[1:3], batch_size=batch_size)
        network.keras_model.get_layer("dist").bias.assign(np.full(NUM_RAYS, _typical_distance(labels), np.float32))
        rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, num_steps)
        network.prepare_for_training(optimizer=tf.keras.optimizers.Adam(rate))
        augment = Augmenter(seed, upright=upright)
        if shapes is None:
            batches = _batches(network, images[:shown], labels[:shown], augment=augment, length=num_steps)
        else:
            batches = amodal.Batches([_to_unit(image) for image in images[:shown]], labels[:shown], shapes[:shown], augment=augment,
                                     batch_size=batch_size, seed=seed, grid=GRID, num_rays=NUM_RAYS)
    with tqdm(total=num_steps, desc="student", unit="step", disable=None) as progress:
        for step in range(num_steps):
            inputs, targets = batches[step]
            losses = network.keras_model.train_on_batch(_standardized(inputs[0], channels), targets)
            progress.set_postfix(loss=f"{losses[0]:.3f}", refresh=False)
            progress.update()
    trained = Student(network, metadata={**metadata, "channels": channels, "amodal": shapes is not None})
    if shapes is not None:
        _choose_thresholds(trained, images[shown:], labels[shown:])
        return trained
    with _silence():
        held_out = [_standardized(_to_unit(image), channels) for image in images[shown:]]
        network.optimize_thresholds(held_out, list(labels[shown:]), nms_threshs=list(NMS_THRESHOLDS),
                                    iou_threshs=list(MATCHES), optimize_kwargs=SEARCH)
    return trained


def _choose_thresholds(trained: Student, images: np.ndarray, labels: np.ndarray) -> None:
    """Sets the thresholds with which a student of whole shapes finds most of what is seen in images, by its mean AP."""
    from stardist.matching import matching_dataset
    merits, places = {}, [trained.candidates(image, threshold=min(AMODAL_SCORES)) for image in images]
    for score in AMODAL_SCORES:
        for overlap in AMODAL_OVERLAPS:
            trained.set_thresholds(prob=score, nms=overlap)
            found = [trained.instances_of(tiling.Candidates(*(values[one.scores > score] for values in one))) for one in places]
            seen = [in_photograph(one, scaled=label.shape, shape=label.shape).labels.astype(np.int32)
                    for one, label in zip(found, labels)]
            matches = matching_dataset(list(labels), seen, thresh=MATCHES, show_progress=False)
            merits[score, overlap] = np.mean([match.accuracy for match in matches])
    score, overlap = max(merits, key=merits.__getitem__)
    trained.set_thresholds(prob=score, nms=overlap)


def load(path: Path) -> Student:
    """Loads what `Student.to_bytes` made; UserError where the file is missing, broken, or holds another network."""
    metadata, arrays = weights.read_weights(path)
    if metadata.get("network") != NETWORK:
        raise UserError(f"{path} holds a {metadata.get('network')!r}, expected a {NETWORK!r}, as count.py writes it.")
    try:
        with _silence():
            network = _build(int(metadata["width"]))
            network.thresholds = {name: float(metadata["thresholds"][name]) for name in ("prob", "nms")}
            network.keras_model.set_weights([arrays[name] for name in sorted(arrays)])
        for name in ("mean", "deviation"):
            np.reshape(np.array(metadata["channels"][name], np.float32), [3])
        if not all(float(metadata["learnt"][name]) > 0 for name in ("diameter", "min_scale", "max_scale")):
            raise ValueError("sizes are positive")
        if metadata["learnt"].get("ground", "dense") not in GROUNDS:
            raise ValueError("the ground is none of those of composites")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is broken: its network cannot be built ({type(error).__name__}); train the student "
                        "again.") from error
    return Student(network, metadata=metadata)


def _build(width: int, *, size: tuple[int, int] = (128, 128), batch_size: int = 4) -> Any:
    """Makes an untrained network, which leaves no files."""
    from stardist.models import Config2D, StarDist2D
    config = Config2D(n_rays=NUM_RAYS, n_channel_in=3, grid=(GRID, GRID), unet_n_depth=3, unet_n_filter_base=width,
                      unet_batch_norm=True, net_conv_after_unet=4 * width, train_patch_size=tuple(size),
                      train_batch_size=batch_size, train_foreground_only=0.0, train_reduce_lr=None,
                      train_tensorboard=False)
    network = StarDist2D(config, name=NETWORK, basedir=None)
    for layer in network.keras_model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return network


def _batches(network: Any, images: np.ndarray, labels: np.ndarray, *, augment: Augmenter, length: int) -> Any:
    """Returns StarDist's own sequence of batches, (inputs, targets) by their numbers."""
    from stardist.models.model2d import StarDistData2D
    config = network.config
    return StarDistData2D([_to_unit(image) for image in images], list(labels), batch_size=config.train_batch_size,
                          n_rays=config.n_rays, length=length, patch_size=config.train_patch_size, grid=config.grid,
                          augmenter=augment)


def _xy(corners: np.ndarray) -> np.ndarray:
    """Returns corners [m, 2, R], rows first, whole numbers the middles of pixels, as those of `Found`, float32 [m, R, 2]."""
    return np.moveaxis(corners, 1, 2)[..., ::-1].astype(np.float32) + np.float32(0.5)


def _to_unit(picture: np.ndarray) -> np.ndarray:
    """Returns uint8 pixels as float32 in [0, 1]."""
    return picture.astype(np.float32) / 255.0


def _typical_distance(labels: np.ndarray) -> float:
    """Returns about how far a pixel of an instance is from its outline, with which training starts instead of zero."""
    areas = np.concatenate([np.bincount(label.ravel())[1:] for label in labels])
    shares = areas / max(areas.sum(), 1)
    return float(INSIDE * (shares * np.sqrt(areas / np.pi)).sum())


def _channels(images: np.ndarray) -> dict[str, list[float]]:
    """Returns the mean and the deviation of each channel of pictures, one at a time, so that memory suffices."""
    mean = np.mean([image.mean(axis=(0, 1)) for image in images], axis=0)
    squares = np.mean([np.square(image, dtype=np.float64).mean(axis=(0, 1)) for image in images], axis=0)
    return {"mean": mean.tolist(), "deviation": np.sqrt(np.maximum(squares - mean**2, 0.0)).tolist()}


def _standardized(pictures: np.ndarray, channels: dict[str, Any]) -> np.ndarray:
    """Shifts and scales the channels of pictures in [0, 1] by the mean and deviation that composites have, in [0, 255]."""
    mean, deviation = (np.array(channels[name], np.float32) / 255.0 for name in ("mean", "deviation"))
    return (pictures - mean) / np.maximum(deviation, 1.0 / 255.0)


@contextlib.contextmanager
def _silence() -> Any:
    """Keeps back what StarDist prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
