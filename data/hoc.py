"""Windows of one photograph of a homogeneous object cluster (HOC): the second application's data.

As in training on photographs, batches are a pure function of a seed and of their step. Axis letters: B windows of a
batch, N instance layers, Z latent dimensions, S = `WINDOW` the side of a window in pixels.
"""

import dataclasses
from typing import Callable, Optional

import numpy as np
from PIL import Image
import tensorflow as tf

import config
from data import decoding, illumination, images, label_images, samples, synthetic, window_backgrounds
from data.illumination import Light
from data.prefetching import prefetched
from errors import UserError

WINDOW = window_backgrounds.WINDOW
SMALLEST_WINDOW = 16  # below it a window is mostly interpolation
_REALS, _BACKGROUNDS, _LATENTS = range(3)  # independent streams of random numbers under one seed


def load_cluster(path: str, *, window_size: int) -> np.ndarray:
    """Loads a photograph and scales it so that windows of `window_size` of its pixels become 64x64.

    The whole photograph is scaled once, so that drawing a window is cutting it out. Grey, RGBA and 16-bit pictures are
    read as `decoding.load_photograph` says.

    Args:
      path: image file.
      window_size: side of a window in the photograph's own pixels (the paper: 1.5 times the biggest instance's width).

    Returns:
      uint8 [H, W, 3], both sides at least 64.

    Raises:
      UserError: the file cannot be read or shows nothing, the window is smaller than 16 pixels, or the photograph than a window.
    """
    check_window_size(window_size)
    return scaled_for_windows(decoding.load_photograph(path), window_size=window_size, name=path)


def scaled_for_windows(photograph: np.ndarray, *, window_size: int, name: str) -> np.ndarray:
    """Scales a photograph as `load_cluster` does.

    Args:
      photograph: uint8 [H, W, 3].
      window_size: as above.
      name: what messages call the photograph.

    Raises:
      UserError: the window is smaller than 16 pixels, or the photograph than a window.
    """
    check_window_size(window_size)
    height, width = photograph.shape[:2]
    if min(height, width) < window_size:
        raise UserError(f"{name} is {width}x{height} pixels, smaller than a window of --window_size={window_size}; "
                        "lower it to about 1.5 times the biggest instance's width.")
    scaled = [max(WINDOW, round(side * WINDOW / window_size)) for side in (width, height)]
    return np.array(Image.fromarray(photograph).resize(scaled, Image.Resampling.LANCZOS))


def check_window_size(window_size: int) -> None:
    """Raises UserError where windows are so small that they would be mostly interpolation."""
    if window_size < SMALLEST_WINDOW:
        raise UserError(f"--window_size is {window_size} pixels, expected at least {SMALLEST_WINDOW}; enlarge a "
                        "photograph whose instances are that small.")


def load(scenes: config.Scenes, *, seed: int) -> tuple[np.ndarray, Optional[np.ndarray]]:
    """Loads or draws the cluster that the flags ask for.

    Args:
      scenes: the flags.
      seed: of what is drawn.

    Returns:
      picture: scaled for windows, its light changed as is asked for, uint8 [H, W, 3].
      shapes: of a drawn cluster's instances, or of those that `--labels` numbers, bool [m, T, T]; None where unknown.

    Raises:
      UserError: flags contradict each other, or the photograph cannot be used (`load_cluster`).
    """
    if scenes.labels and not scenes.image:
        raise UserError("--labels number the instances of --image; give both.")
    if scenes.drawn_cluster and scenes.image:
        raise UserError("--drawn_cluster needs no --image; give one or the other.")
    light = Light(flat_field=scenes.flat_field, gamma=scenes.gamma)
    drawn = {"size": scenes.drawn_size, "shadows": scenes.drawn_shadows, "noise": scenes.drawn_noise}
    if scenes.drawn_cluster:
        window_size = WINDOW if scenes.window_size is None else scenes.window_size
        check_window_size(window_size)
        picture, shapes = synthetic.drawn_cluster(scenes.drawn_cluster, seed=seed, **drawn)
        return (relit(scaled_for_windows(picture, window_size=window_size, name="the drawn cluster"), light),
                scaled_shapes(shapes, window_size=window_size))
    if drawn != {"size": synthetic.CLUSTER_SIZE, "shadows": 0.0, "noise": 0.0}:
        raise UserError(f"--drawn_size={scenes.drawn_size}, --drawn_shadows={scenes.drawn_shadows} and --drawn_noise="
                        f"{scenes.drawn_noise} are of a drawn cluster; add --drawn_cluster, or leave them out.")
    if scenes.image and scenes.window_size is None:
        raise UserError("--image needs --window_size: about 1.5 times the biggest instance's width, in pixels of the "
                        "image.")
    decoding.allow_megapixels(scenes.max_megapixels)
    window_size = samples.FRUIT_WINDOW_SIZE if scenes.window_size is None else scenes.window_size
    check_window_size(window_size)
    path = scenes.image or samples.FRUIT_IMAGE
    photograph = decoding.load_photograph(path)
    cluster = relit(scaled_for_windows(photograph, window_size=window_size, name=path), light)
    if not scenes.labels:
        return cluster, None
    labels = label_images.read_labels(scenes.labels, shape=photograph.shape[:2], picture=path)
    return cluster, label_images.shapes_of(labels, scale=WINDOW / window_size)


def relit(cluster: np.ndarray, light: Light) -> np.ndarray:
    """Changes the light of a picture scaled for windows, uint8 [H, W, 3]: its gamma first (S32), then its field (S31)."""
    return illumination.flat_field(illumination.gamma_corrected(cluster, light.gamma), sigma=WINDOW * light.flat_field)


def scaled_shapes(shapes: np.ndarray, *, window_size: int) -> np.ndarray:
    """Scales a drawn cluster's shapes as `scaled_for_windows` scales its picture: bool [m, T, T] to bool [m, T', T']."""
    if window_size == WINDOW:
        return shapes
    return np.stack([images.scaled(shape, WINDOW / window_size) >= 0.5 for shape in shapes])


def load_unscaled(scenes: config.Scenes) -> np.ndarray:
    """Loads the photograph that the flags name at its own size, of their gamma, uint8 [H, W, 3].

    Raises:
      UserError: it cannot be read or shows nothing, or flags ask for a drawn cluster.
    """
    if scenes.drawn_cluster:
        raise UserError("--suggest is for photographs; windows of a --drawn_cluster have 64 of its pixels, or "
                        "--window_size.")
    decoding.allow_megapixels(scenes.max_megapixels)
    return illumination.gamma_corrected(decoding.load_photograph(scenes.image or samples.FRUIT_IMAGE), scenes.gamma)


@dataclasses.dataclass(frozen=True)
class SceneStream:
    """What each batch is drawn from: windows of one photograph, latents, and places (Eq. 6 and 7).

    Attributes:
      cluster: uint8 [H, W, 3], of which real windows and backgrounds are cut at random, independently.
      num_layers: N.
      latent_dim: Z; latents are uniform on [-1, 1] (S8).
      horizontal_flip: whether windows are flipped half of the time.
      vertical_flip: likewise (not for crowds, S11).
      disk_radius: radius in pixels of the black disk in the middle of each background window.
      black_background: whether backgrounds are black altogether instead.
      ground: uint8 [H, W, 3], of which backgrounds are cut instead, without a disk; None: of the cluster.
      hole_share: the step to a share of `disk_radius` that the disk has then (S33); None: all of it.
      sample_layout: a layout's `sample`, (shape, seed) to tensors [*shape, ...] that a batch has as `delta_r`; None: a
        batch has none.
    """

    cluster: np.ndarray
    num_layers: int
    latent_dim: int
    horizontal_flip: bool = True
    vertical_flip: bool = True
    disk_radius: float = 20.0
    black_background: bool = False
    ground: Optional[np.ndarray] = None
    hole_share: Optional[Callable] = None
    sample_layout: Optional[Callable] = None

    def __post_init__(self) -> None:
        """Refuses pictures that no window can be cut from, and numbers out of order, as ValueError."""
        cluster = self.cluster
        if min(self.num_layers, self.latent_dim) < 1:
            raise ValueError(f"num_layers {self.num_layers} and latent_dim {self.latent_dim} are at least 1.")
        if cluster.dtype != np.uint8 or cluster.ndim != 3 or cluster.shape[2] != 3 or min(cluster.shape[:2]) < WINDOW:
            raise ValueError(f"cluster is uint8 [H, W, 3] of at least {WINDOW} pixels a side, got {cluster.dtype} "
                             f"{list(cluster.shape)}.")

    def batches(self, *, batch_size: int, seed: int, num_steps: int, start_step: int = 0, shards: int = 1,
                shard_index: int = 0) -> tf.data.Dataset:
        """Draws batches: real windows, backgrounds, and latents.

        Args:
          batch_size: B of the global batch, a multiple of `shards`.
          seed: any integer of 32 bits.
          num_steps: one more than the last batch's step.
          start_step: the first batch's step, number of updates made before it.
          shards: among how many workers each global batch is divided.
          shard_index: this dataset's, in [0, shards).

        Returns:
          A dataset of `num_steps - start_step` dicts, as `AdversarialTraining` takes them: `foreground_inputs` float32
          [N, B / shards, Z], `background_inputs` and `reals` uint8 [B / shards, 64, 64, 3], `delta_r` [N, B / shards,
          ...], `step` an int64 scalar.

        Raises:
          UserError: the batch cannot be divided.
          ValueError: steps are out of order.
        """
        if not 0 <= start_step <= num_steps:
            raise ValueError(f"start_step {start_step} at most {num_steps}, the number of steps, and at least 0.")
        in_shard = _shard_slice(batch_size, shards=shards, shard_index=shard_index)
        with tf.device("/CPU:0"):
            pixels = tf.constant(self.cluster)
            ground = pixels if self.ground is None else tf.constant(self.ground)
        disk_radius = self.disk_radius if self.ground is None else 0.0
        visible = tf.constant(window_backgrounds.visibility(disk_radius=disk_radius, black=self.black_background))

        def uniform(shape: list, stream: int, step: tf.Tensor) -> tf.Tensor:
            folded = tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), step)
            return tf.random.stateless_uniform(shape, folded)

        def windows(picture: tf.Tensor, stream: int, step: tf.Tensor) -> tf.Tensor:
            drawn = uniform([batch_size, 4], stream, step)[in_shard]
            return cut_windows(picture, drawn, horizontal_flip=self.horizontal_flip, vertical_flip=self.vertical_flip)

        @tf.autograph.experimental.do_not_convert  # it would take seconds, and nothing here needs it
        def draw(step: tf.Tensor) -> dict[str, tf.Tensor]:
            latents = 2.0 * uniform([self.num_layers, batch_size, self.latent_dim], _LATENTS, step) - 1.0
            seen = window_backgrounds.visible_around(disk_radius * self.hole_share(step)) if self.hole_share else visible
            batch = {"foreground_inputs": latents[:, in_shard], "reals": windows(pixels, _REALS, step),
                     "background_inputs": windows(ground, _BACKGROUNDS, step) * seen, "step": step}
            if self.sample_layout:  # for the global batch, so that a layout does not depend on how the batch is divided
                delta_r = self.sample_layout([self.num_layers, batch_size],
                                             seed=tf.stack([tf.constant(seed, tf.int64), step]))
                batch["delta_r"] = tf.nest.map_structure(lambda drawn: drawn[:, in_shard], delta_r)
            return batch

        steps = tf.data.Dataset.range(start_step, num_steps)
        return prefetched(steps.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True), 4)


def _shard_slice(batch_size: int, *, shards: int, shard_index: int) -> slice:
    """The places of a shard in the global batch; UserError where the batch cannot be divided."""
    if shards < 1 or not 0 <= shard_index < shards:
        raise ValueError(f"shards {shards} is at least 1, shard_index {shard_index} below shards.")
    if batch_size < 1 or batch_size % shards:
        raise UserError(f"The batch size is {batch_size}; expected a positive multiple of the {shards} shards.")
    return slice(shard_index * (batch_size // shards), (shard_index + 1) * (batch_size // shards))


def cut_windows(
    pixels: tf.Tensor, uniforms: tf.Tensor, *, horizontal_flip: bool, vertical_flip: bool
) -> tf.Tensor:
    """Cuts windows at random whole pixels, in one gather of numbered pixels.

    Args:
      pixels: uint8 [H, W, 3].
      uniforms: float32 [B, 4], uniform on [0, 1): for the row, the column, and the two flips.
      horizontal_flip: whether windows are mirrored left to right where the third number is below one half.
      vertical_flip: whether windows are turned upside down where the fourth is.

    Returns:
      uint8 [B, 64, 64, 3].
    """

    def indices(length: int, place: tf.Tensor, coin: tf.Tensor, may_flip: bool) -> tf.Tensor:
        count = length - WINDOW + 1
        start = tf.minimum(tf.cast(place * count, tf.int32), count - 1)
        forward = tf.range(WINDOW)
        if not may_flip:
            return start[:, tf.newaxis] + forward
        order = tf.where(coin[:, tf.newaxis] < 0.5, tf.reverse(forward, [0]), forward)
        return start[:, tf.newaxis] + order  # [B, S]

    rows = indices(pixels.shape[0], uniforms[:, 0], uniforms[:, 3], vertical_flip)
    columns = indices(pixels.shape[1], uniforms[:, 1], uniforms[:, 2], horizontal_flip)
    numbers = rows[:, :, tf.newaxis] * pixels.shape[1] + columns[:, tf.newaxis, :]  # [B, S, S], rows one after another
    return tf.gather(tf.reshape(pixels, [-1, 3]), numbers)
