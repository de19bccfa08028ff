"""For which layouts whole objects are what a discriminator can tell least: true instances against wrong cuts.

Trains the discriminator of Table 2 alone, once on composites of true instances of a drawn cluster, and once on composites
of pieces that are cut out of the cluster's windows wrongly. Everything else is alike: number of layers, padding, hole.
Prints Eq. 6 on held-out composites after training (chance 1.386). Where true instances have the larger loss, they are what
a generator should come to; where the loss of wrong cuts is as large, no generator can be told to make whole objects.

    python experiments/oracle_gate.py --drawn_cluster=long_ellipses
    python experiments/oracle_gate.py --window_size=46            # objects that are 1.4 times as large
    python experiments/oracle_gate.py --layers=12 --paddings=20,26 --disk_radius=20 --spectral_norm=none

The cuts:

* 'true': whole instances.
* 'shapes': their masks over random windows. Outlines are right and contents are not.
* 'disks': disks of the instances' mean area over random windows.
* 'larger': true instances whose masks are 2 pixels wider; what is around them is black.
* 'smaller': their masks are 2 pixels narrower.

Of a photograph (--image) only the instances' places are known (--points). There 'true' is a disk about each point, somewhat
smaller than the median instance. 'shifted' is the same disk half a diameter away, where it holds a gap.

    python experiments/oracle_gate.py --image=data/samples/hoc/hazelnuts.jpg --points=data/samples/hoc/hazelnuts.points.json \
        --window_size=150 --layers=1 --paddings=22 --disk_radius=0 --cuts=true --cuts=shifted
"""

import functools
import json
import os
import sys
from typing import Callable, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from data import hoc, images, points, synthetic  # noqa: E402
from experiments import discriminator_start as start  # noqa: E402
from models import layout, providers, scene_generator  # noqa: E402
from models.discriminator import TABLE_2_WIDTHS  # noqa: E402
from storage import atomic  # noqa: E402
from training import environment  # noqa: E402

NUM_INSTANCES, CLUSTER_SIZE = 2048, 1024
CUTS = ("true", "shapes", "disks", "larger", "smaller")
SHIFTED = "shifted"  # of photographs
_RADIUS, _SHIFT, _SHIFTS = 0.46, 0.5, 4  # of a photograph's disks, in median diameters; how many are shifted for each


@config.frozen
class Options:
    """The script's flags."""

    drawn_cluster: str
    image: Optional[str]
    points: Optional[str]
    window_size: int
    cuts: list
    layers: list
    paddings: list
    disk_radius: float
    spectral_norm: str
    score_activation: str
    discriminator_learning_rate: float
    mixed_precision: str
    batch_size: int
    num_steps: int
    seed: int
    out: str


class RgbaProvider(tf.Module):
    """Gives RGBA instances [..., 64, 64, 4] in [0, 1] as they are."""

    def __call__(self, rgba, training=None):
        del training
        return layout.split_rgba(rgba)


def cut_instances(cut: str, instances: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Makes instances of one kind of cut.

    Args:
      cut: of `CUTS`.
      instances: true ones, float32 [n, 64, 64, 4] in [0, 1].
      windows: of the cluster, float32 [n, 64, 64, 3] in [0, 1].

    Returns:
      float32 [n, 64, 64, 4] in [0, 1].
    """
    masks = instances[..., 3:]
    if cut == "shapes":
        return np.concatenate([windows, masks], axis=-1)
    if cut == "disks":
        disk = disk_mask(hoc.WINDOW * np.sqrt(masks.mean() / np.pi))
        return np.concatenate([windows, np.broadcast_to(disk[..., np.newaxis], masks.shape)], axis=-1)
    if cut in ("larger", "smaller"):
        change = cv2.dilate if cut == "larger" else cv2.erode
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        masks = np.stack([change(mask, kernel) for mask in masks[..., 0]])[..., np.newaxis]
        return np.concatenate([instances[..., :3] * instances[..., 3:], masks], axis=-1)
    return instances


def drawn(kind: str, *, window_size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a cluster and single instances, both scaled so that windows of `window_size` pixels become 64.

    Returns:
      cluster: uint8 [H, H, 3].
      instances: float32 [n, 64, 64, 4] in [0, 1].

    Raises:
      UserError: windows are smaller than 16 pixels or larger than the picture, or an instance is larger than a window.
    """
    cluster = hoc.scaled_for_windows(synthetic.drawn_cluster(kind, size=CLUSTER_SIZE, seed=seed)[0], window_size=window_size,
                                     name="the drawn cluster")
    instances = synthetic.drawn_instances(kind, num_instances=NUM_INSTANCES, seed=seed)
    if window_size != hoc.WINDOW:
        instances = np.stack([images.scaled(instance, hoc.WINDOW / window_size, size=hoc.WINDOW)
                              for instance in instances])
    masks = instances[..., 3]
    if max(masks[:, [0, -1]].max(), masks[:, :, [0, -1]].max()) >= 0.5:
        raise errors.UserError(f"instances of {kind} are larger than windows of --window_size={window_size}; raise it.")
    return cluster, instances


def photographed(path: str, *, points_path: str, window_size: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Loads a photograph, and cuts disks about points, and half a diameter off them.

    Args:
      path: the photograph.
      points_path: JSON of `data.points` that has the median diameter.
      window_size: side of a window in its pixels.
      seed: of the directions in which disks are shifted.

    Returns:
      cluster: uint8 [H, W, 3], as of `hoc.load_cluster`.
      instances: 'true' and 'shifted', float32 [n, 64, 64, 4] in [0, 1]; points nearer to the border than half a window
        are left out.

    Raises:
      UserError: a file cannot be read, the points' has no diameter, or no window about a point fits.
    """
    cluster, found = hoc.load_cluster(path, window_size=window_size), points.read_points(points_path)
    if found.median_diameter is None:
        raise errors.UserError(f"{points_path} has no median_diameter, in pixels, of which disks could be made.")
    scale, half = hoc.WINDOW / window_size, hoc.WINDOW // 2
    diameter, largest = scale * found.median_diameter, np.array(cluster.shape[1::-1]) - hoc.WINDOW
    corners = scale * found.points - half
    corners = corners[((corners >= 0) & (corners <= largest)).all(axis=1)]
    if not len(corners):
        raise errors.UserError(f"no window about a point of {points_path} lies in {path}; lower --window_size.")
    angles = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, (_SHIFTS, len(corners)))
    shifts = _SHIFT * diameter * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    disk = disk_mask(_RADIUS * diameter)[..., np.newaxis]

    def cut(places: np.ndarray) -> np.ndarray:
        whole = np.clip(np.rint(places), 0, largest).astype(int)
        return np.stack([np.concatenate([cluster[top:top + hoc.WINDOW, left:left + hoc.WINDOW] / np.float32(255), disk], axis=-1)
                         for left, top in whole])

    return cluster, {"true": cut(corners), SHIFTED: cut((corners + shifts).reshape(-1, 2))}


def disk_mask(radius: float) -> np.ndarray:
    """Returns a disk in the middle of a window, float32 [64, 64] in [0, 1]; the radius is in pixels."""
    axis = np.arange(hoc.WINDOW) + 0.5 - hoc.WINDOW / 2
    return np.clip(radius - np.hypot(axis[:, np.newaxis], axis) + 0.5, 0.0, 1.0).astype(np.float32)


def pairs_of(batch: dict, *, pool: tf.Tensor, padding: int, num_layers: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (reals, composites), float32 [B, 64, 64, 3] in [0, 1], of a cluster batch and a pool of instances."""
    scenes = scene_generator.SceneGenerator(
        foreground_provider=RgbaProvider(), background_provider=providers.PatchInstanceProvider(),
        layout=layout.TranslationLayout(padding=padding))
    reals = images.to_unit_range(batch["reals"])
    chosen = tf.random.stateless_uniform([num_layers, tf.shape(reals)[0]], tf.stack([tf.constant(2, tf.int64), batch["step"]]),
                                         maxval=len(pool), dtype=tf.int32)
    return reals, start.placed(scenes, tf.gather(pool, chosen), images.to_unit_range(batch["background_inputs"]),
                               step=batch["step"])


def measure(options: Options, *, cluster: np.ndarray, make_pool: Callable, num_layers: int, padding: int) -> dict:
    """Trains a discriminator against one kind of instances in one layout; returns its figures."""
    def pairs(*, batch_size: int, **stream: int) -> tf.data.Dataset:
        return hoc.SceneStream(cluster=cluster, num_layers=1, latent_dim=1, disk_radius=options.disk_radius).batches(
            batch_size=batch_size, **stream).map(functools.partial(
                pairs_of, pool=tf.constant(make_pool()), padding=padding, num_layers=num_layers))

    held_out = next(iter(pairs(batch_size=start.NUM_HELD_OUT, seed=options.seed + 1, num_steps=1)))
    setting = ("orthogonal", "standardized", options.score_activation, options.spectral_norm, 1.0,
               options.discriminator_learning_rate)
    return start.train_setting(
        setting, widths=TABLE_2_WIDTHS, held_out=held_out, pictures=[cluster], seed=options.seed,
        dataset=pairs(batch_size=options.batch_size, seed=options.seed, num_steps=options.num_steps))


def main(argv: list) -> None:
    """Measures each layout with each cut."""
    del argv
    options = config.from_flags(Options)
    environment.set_up(seed=options.seed, deterministic=True, mixed_precision=options.mixed_precision)
    if (options.image is None) != (options.points is None) or (options.image is None and SHIFTED in options.cuts):
        raise errors.UserError("--image, --points and --cuts=shifted go together.")
    if options.image:
        cluster, known = photographed(options.image, points_path=options.points, window_size=options.window_size,
                                      seed=options.seed)
    else:
        cluster, instances = drawn(options.drawn_cluster, window_size=options.window_size, seed=options.seed)
        known = {"true": instances}
    instances, largest = known["true"], np.array(cluster.shape[:2]) - hoc.WINDOW
    places = np.random.default_rng(options.seed).integers(0, largest + 1, (len(instances), 2))
    windows = np.stack([cluster[top:top + hoc.WINDOW, left:left + hoc.WINDOW] for top, left in places]) / np.float32(255)
    results = []
    for num_layers in map(int, options.layers):
        for padding in map(int, options.paddings):
            for cut in options.cuts:
                found = measure(options, cluster=cluster, num_layers=num_layers, padding=padding,
                                make_pool=lambda cut=cut: known[cut] if cut in known else cut_instances(cut, instances, windows))
                results.append({"layers": num_layers, "padding": padding, "cut": cut, **found})
                print(f"N {num_layers:2d}  padding {padding:2d}  {cut:8s} loss {found['after']['loss']:.3f}   accuracy real "
                      f"{found['after']['accuracy_real']:.2f} fake {found['after']['accuracy_fake']:.2f}   "
                      f"{found['seconds']:.0f} s", flush=True)
                if options.out:
                    atomic.write(options.out, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    absl_flags.DEFINE_enum("drawn_cluster", "ellipses", synthetic.CLUSTERS, "Kind of cluster that is drawn.")
    flags.define_path("image", None, "Photograph of a cluster instead; needs --points.")
    flags.define_path("points", None, "JSON of the points and the median diameter of its instances.")
    absl_flags.DEFINE_integer("window_size", hoc.WINDOW, "Side of a window in the picture's pixels, which becomes 64.")
    absl_flags.DEFINE_multi_enum("cuts", list(CUTS), [*CUTS, SHIFTED], "Kinds of instances.")
    absl_flags.DEFINE_list("layers", ["12"], "Numbers of instances in a composite.")
    absl_flags.DEFINE_list("paddings", ["26"], "Paddings in pixels.")
    absl_flags.DEFINE_float("disk_radius", 20.0, "Radius of the hole; 0: instances are pasted on whole windows.", lower_bound=0.0)
    absl_flags.DEFINE_enum("spectral_norm", "sngan", ["sngan", "none"], "The discriminator's normalization.")
    absl_flags.DEFINE_enum("score_activation", "linear", ["lrelu", "linear"], "Before the sigmoid.")
    absl_flags.DEFINE_float("discriminator_learning_rate", 2e-4, "Adam's rate.", lower_bound=0.0)
    absl_flags.DEFINE_enum("mixed_precision", "none", ["none", "bfloat16"], "Type of the inner activations.")
    absl_flags.DEFINE_integer("batch_size", 16, "Real pictures, and composites, per update.", lower_bound=1)
    absl_flags.DEFINE_integer("num_steps", 400, "Updates of the discriminator.", lower_bound=1)
    absl_flags.DEFINE_integer("seed", 0, "Seed of everything random.")
    flags.define_path("out", None, "JSON file for the figures.")
    errors.run(main)
