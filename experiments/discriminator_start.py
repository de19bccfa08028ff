"""How fast the discriminator starts to see bad composites, by its silent settings (S3).

Trains the discriminator alone against composites made with fixed bad masks. Prints, for each setting, its loss (Eq. 6)
and accuracies on a fixed set of such composites and real pictures that it is not trained on, before and after.

    python experiments/discriminator_start.py --data_dir=CUB_200_2011 --backgrounds=landscapes
    python experiments/discriminator_start.py --task=cluster                                    # the drawn ellipses
    python experiments/discriminator_start.py --task=cluster --image=beans.jpg --window_size=96

Of photographs, composites are what every run must leave: each photograph blended over an unrelated background with a
uniform mask of 0.25 (a ghost). Of a cluster, two soft disks (--num_pasted) cut from windows of it and pasted on another
window at random: the appearance is real, and only the masks are wrong. With --points, where its instances are, disks are
cut about these instead of anywhere: does the discriminator like whole things better than pieces? With --weights of a run,
its generator's masks of the photographs (train_fg.py), or its instances (train_hoc.py), instead: what of a trained
generator can still be seen.
"""

import functools
import json
import os
import sys
import time
from typing import Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
import losses  # noqa: E402
from data import batches, birds, hoc, images, photographs, points, synthetic  # noqa: E402
from errors import UserError  # noqa: E402
from inference import networks, sampler  # noqa: E402
from models import instance_generator, layout, providers, scene_generator  # noqa: E402
from models.composition import Instance, composite, stack_layers  # noqa: E402
from models.discriminator import Discriminator, TABLE_1_WIDTHS, TABLE_2_WIDTHS  # noqa: E402
from storage import atomic  # noqa: E402

# name: (initialiser, input range, score activation, spectral norm, its scale, learning rate)
BIRDS_SETTINGS = {
    "as printed: glorot, inputs [0, 1], lReLU score": ("glorot_uniform", "unit", "lrelu", "sngan", 1.0, 2e-4),
    "inputs [-1, 1]": ("glorot_uniform", "symmetric", "lrelu", "sngan", 1.0, 2e-4),
    "orthogonal": ("orthogonal", "symmetric", "lrelu", "sngan", 1.0, 2e-4),
    "linear score": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 2e-4),
    "rate 5e-4": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 5e-4),
    "rate 1e-3": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 1e-3),
    "scale 1.5": ("orthogonal", "symmetric", "linear", "sngan", 1.5, 2e-4),
    "scale 1.5, rate 5e-4": ("orthogonal", "symmetric", "linear", "sngan", 1.5, 5e-4),
    "tensorflow-addons' normalization": ("orthogonal", "symmetric", "linear", "tfa", 1.0, 2e-4),
    "no normalization, He": ("he_normal", "symmetric", "linear", "none", 1.0, 2e-4),
    "inputs standardized": ("orthogonal", "standardized", "linear", "sngan", 1.0, 2e-4),
    "inputs standardized, rate 4e-4": ("orthogonal", "standardized", "linear", "sngan", 1.0, 4e-4),
    "inputs standardized, scale 1.5": ("orthogonal", "standardized", "linear", "sngan", 1.5, 2e-4),
    "inputs standardized, scale 2": ("orthogonal", "standardized", "linear", "sngan", 2.0, 2e-4),
    "inputs standardized, no normalization, He": ("he_normal", "standardized", "linear", "none", 1.0, 2e-4),
}
CLUSTER_SETTINGS = {
    "as printed: glorot, inputs [0, 1], lReLU score": ("glorot_uniform", "unit", "lrelu", "sngan", 1.0, 2e-4),
    "inputs [-1, 1], orthogonal, linear score": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 2e-4),
    "rate 8e-4": ("orthogonal", "symmetric", "linear", "sngan", 1.0, 8e-4),
    "scale 2": ("orthogonal", "symmetric", "linear", "sngan", 2.0, 2e-4),
    "no normalization": ("orthogonal", "symmetric", "linear", "none", 1.0, 2e-4),
    "inputs standardized": ("orthogonal", "standardized", "linear", "sngan", 1.0, 2e-4),
    "inputs standardized, scale 1.5": ("orthogonal", "standardized", "linear", "sngan", 1.5, 2e-4),
    "inputs standardized, scale 2": ("orthogonal", "standardized", "linear", "sngan", 2.0, 2e-4),
    "inputs standardized, rate 8e-4": ("orthogonal", "standardized", "linear", "sngan", 1.0, 8e-4),
    "inputs standardized, lReLU score": ("orthogonal", "standardized", "lrelu", "sngan", 1.0, 2e-4),
    "inputs standardized, tensorflow-addons' normalization": ("orthogonal", "standardized", "linear", "tfa", 1.0, 2e-4),
    "inputs standardized, no normalization": ("orthogonal", "standardized", "linear", "none", 1.0, 2e-4),
}
GHOST_MASK = 0.25
NUM_HELD_OUT = 160
NUM_PARTS = 8  # in which held-out pictures are measured
DISK_AREA, PADDING = 0.17, 22  # of the disks pasted on a cluster's windows


@config.frozen
class Options:
    """The script's flags."""

    task: str
    data_dir: Optional[str]
    backgrounds: Optional[str]
    image: Optional[str]
    window_size: Optional[int]
    num_pasted: int
    vertical_flip: bool
    points: Optional[str]
    weights: Optional[str]
    batch_size: int
    num_steps: int
    seed: int
    only: Optional[str]
    out: Optional[str]


def blended_of(batch, *, network=None):
    """Returns (reals, composites), float32 [B, H, W, 3] in [0, 1], of a foreground batch; ghosts without a network."""
    foregrounds, patches, reals = (images.to_unit_range(batch[name])
                                   for name in ("photographs", "backgrounds", "reals"))
    masks = network(foregrounds, training=False) if network else tf.fill(foregrounds[..., :1].shape, GHOST_MASK)
    layers = stack_layers([Instance(patches, tf.ones_like(patches[..., :1])), Instance(foregrounds, masks)])
    return reals, composite(layers)


class DiskMask(tf.Module):
    """Gives every picture [M, 64, 64, 3] the same mask: a soft disk in the middle."""

    def __call__(self, pictures, training=None):
        del training
        mask = tf.sigmoid(instance_generator.disk_logits(hoc.WINDOW, area=DISK_AREA)[..., 3:])
        return tf.tile(mask[tf.newaxis], [tf.shape(pictures)[0], 1, 1, 1])


def scenes_of(provider):
    """Returns the scene generator that pastes a provider's instances on windows at random."""
    return scene_generator.SceneGenerator(
        foreground_provider=provider, background_provider=providers.PatchInstanceProvider(),
        layout=layout.TranslationLayout(padding=PADDING))


def placed(scenes, instances, patches, *, step):
    """Returns composites, float32 [B, 64, 64, 3], of instances [N, B, ...] that are placed as the step says."""
    delta_r = scenes.layout.sample(tf.unstack(tf.shape(instances)[:2]), seed=tf.stack([tf.constant(0, tf.int64), step]))
    return scenes(instances, patches, delta_r, training=False).image


def generated_of(batch, *, network):
    """Returns (reals, composites), float32 [B, 64, 64, 3] in [0, 1], of a cluster batch, instances by a generator."""
    image = placed(scenes_of(providers.LatentInstanceProvider(network)), batch["foreground_inputs"],
                   images.to_unit_range(batch["background_inputs"]), step=batch["step"])
    return images.to_unit_range(batch["reals"]), image


def pasted_disks_of(batch, *, num_pasted=2, centred=None):
    """Returns (reals, composites), float32 [B, 64, 64, 3] in [0, 1], of a cluster batch of (1 + N) * B windows.

    Disks are cut from its windows or, where there are any, from the middle of windows about instances, uint8
    [M, 64, 64, 3].
    """
    scenes = scenes_of(providers.CarvedInstanceProvider(DiskMask()))
    reals, *_ = tf.split(images.to_unit_range(batch["reals"]), 1 + num_pasted)
    bottom, *cut = tf.split(images.to_unit_range(batch["background_inputs"]), 1 + num_pasted)
    cut = tf.stack(cut)
    if centred is not None:
        chosen = tf.random.stateless_uniform(tf.shape(cut)[:2], tf.stack([tf.constant(1, tf.int64), batch["step"]]),
                                             maxval=len(centred), dtype=tf.int32)
        cut = images.to_unit_range(tf.gather(centred, chosen))
    return reals, placed(scenes, cut, bottom, step=batch["step"])


def windows_about(path, cluster, *, scale):
    """Cuts the windows of a cluster that have an instance in their middle.

    Args:
      path: JSON file of `data.points`.
      cluster: uint8 [H, W, 3].
      scale: its pixels per pixel of the photograph.

    Returns:
      uint8 [M, 64, 64, 3] of the points that are far enough from the edges.

    Raises:
      UserError: the file cannot be read, or no point is.
    """
    centres = np.rint(scale * points.read_points(path).points).astype(int)
    half = hoc.WINDOW // 2
    windows = [cluster[y - half:y + half, x - half:x + half] for x, y in centres
               if half <= x <= cluster.shape[1] - half and half <= y <= cluster.shape[0] - half]
    if not windows:
        raise UserError(f"--points={path} has no point that a window of the photograph has in its middle.")
    return np.stack(windows)


def birds_pairs(options):
    """Returns (held-out pair, function that makes the training pairs, crops) of photographs, carved or as ghosts."""
    if not options.data_dir or not options.backgrounds:
        raise UserError("--task=birds needs --data_dir and --backgrounds.")
    size, crop_mode, pairs_of = 128, "box", blended_of
    if options.weights:
        loaded = networks.load_network(weights=options.weights)
        size, crop_mode, pairs_of = loaded.image_size, loaded.crop, functools.partial(blended_of,
                                                                                      network=loaded.network)
    listed = birds.list_photographs(options.data_dir)
    crops = images.load_crops(listed, size=size, crop_mode=crop_mode)
    stream = {"background_pool": photographs.load_backgrounds(backgrounds=options.backgrounds, dataset="birds",
                                                              photographs=listed, size=size, crop_mode=crop_mode)}
    held_out = next(iter(batches.foreground_batches(crops=crops[:NUM_HELD_OUT], seed=options.seed + 1, num_steps=1,
                                                    batch_size=NUM_HELD_OUT, **stream)))
    return pairs_of(held_out), lambda: batches.foreground_batches(
        crops=crops[NUM_HELD_OUT:], seed=options.seed, num_steps=options.num_steps, batch_size=options.batch_size,
        **stream).map(pairs_of), crops[NUM_HELD_OUT:]


def cluster_pairs(options):
    """Returns (held-out pair, function that makes the training pairs, pictures) of windows and pasted instances."""
    if options.image and not options.window_size:
        raise UserError("--image needs --window_size.")
    cluster = (hoc.load_cluster(options.image, window_size=options.window_size) if options.image
               else synthetic.drawn_cluster("ellipses", seed=options.seed)[0])
    if options.points and (options.weights or not options.image):
        raise UserError("--points says where --image has instances, and goes with no --weights.")
    centred = windows_about(options.points, cluster, scale=hoc.WINDOW / options.window_size) if options.points else None
    latent_dim, windows_per_pair = 1, 1 + options.num_pasted
    pairs_of = functools.partial(pasted_disks_of, num_pasted=options.num_pasted, centred=centred)
    if options.weights:
        network, metadata = sampler.load_generator(options.weights)
        latent_dim, windows_per_pair = int(metadata["latent_dim"]), 1
        pairs_of = functools.partial(generated_of, network=network)

    def pairs(*, batch_size, **stream):
        return hoc.SceneStream(
            cluster=cluster, num_layers=options.num_pasted, latent_dim=latent_dim, disk_radius=0.0,
            vertical_flip=options.vertical_flip).batches(batch_size=windows_per_pair * batch_size, **stream).map(pairs_of)

    held_out = next(iter(pairs(batch_size=NUM_HELD_OUT, seed=options.seed + 1, num_steps=1)))
    make_dataset = functools.partial(pairs, batch_size=options.batch_size, seed=options.seed,
                                     num_steps=options.num_steps)
    return held_out, make_dataset, [cluster]


TASKS = {"birds": (birds_pairs, BIRDS_SETTINGS, TABLE_1_WIDTHS),
         "cluster": (cluster_pairs, CLUSTER_SETTINGS, TABLE_2_WIDTHS)}


def measure(discriminator, held_out):
    """Returns the loss of Eq. (6) and the accuracies on held-out (reals, composites), as floats."""
    real_logits, fake_logits = (tf.concat([discriminator(part, training=False) for part in tf.split(side, NUM_PARTS)], axis=0)
                                for side in held_out)
    loss = losses.discriminator_real_loss(real_logits) + losses.discriminator_fake_loss(fake_logits)
    correct = [np.mean(np.mean(logits, axis=(1, 2, 3)) * sign > 0)
               for logits, sign in ((real_logits, 1), (fake_logits, -1))]
    return {"loss": float(loss), "accuracy_real": float(correct[0]), "accuracy_fake": float(correct[1])}


def train_setting(setting, *, widths, dataset, held_out, pictures, seed):
    """Trains one discriminator on a dataset of (reals, composites); returns its figures before and after."""
    initialiser, input_range, activation, normalization, scale, rate = setting
    tf.keras.utils.set_random_seed(seed)
    network = Discriminator(widths=widths, kernel_initializer=initialiser, input_range=input_range,
                            input_statistics=images.channel_statistics(pictures), score_activation=activation,
                            spectral_norm=normalization, spectral_norm_scale=scale)
    network(held_out[0][:1])
    optimizer = tf.keras.optimizers.legacy.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    @tf.function
    def update(reals, composites):
        with tf.GradientTape() as tape:
            real_logits, fake_logits = tf.split(network(tf.concat([reals, composites], axis=0), training=True), 2)
            loss = losses.discriminator_real_loss(real_logits) + losses.discriminator_fake_loss(fake_logits)
        optimizer.apply_gradients(zip(tape.gradient(loss, network.trainable_variables), network.trainable_variables))

    before, start = measure(network, held_out), time.time()
    for reals, composites in dataset:
        update(reals, composites)
    return {"before": before, "after": measure(network, held_out), "seconds": time.time() - start}


def main(argv):
    """Runs the settings one after another."""
    del argv
    options = config.from_flags(Options)
    make_pairs, settings, widths = TASKS[options.task]
    held_out, make_dataset, pictures = make_pairs(options)
    results = {}
    for name, setting in settings.items():
        if options.only and (options.only != name if options.only in settings else options.only not in name):
            continue
        results[name] = train_setting(setting, widths=widths, dataset=make_dataset(), held_out=held_out,
                                      pictures=pictures, seed=options.seed)
        before, after = results[name]["before"], results[name]["after"]
        print(f"{name:50s} loss {before['loss']:.3f} -> {after['loss']:.3f}   accuracy real "
              f"{after['accuracy_real']:.2f} fake {after['accuracy_fake']:.2f}   {results[name]['seconds']:.0f} s",
              flush=True)
        if options.out:
            atomic.write(options.out, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    absl_flags.DEFINE_enum("task", "birds", list(TASKS), "What is composed.")
    flags.define_path("data_dir", None, "Birds in CUB-200-2011's layout.")
    flags.define_path("backgrounds", None, "Folder of background photographs, for birds, or 'outside_boxes'.")
    flags.define_path("image", None, "Photograph of a cluster. Default: drawn ellipses.")
    absl_flags.DEFINE_integer("window_size", None, "Side of its windows, in its pixels.", lower_bound=16)
    absl_flags.DEFINE_integer("num_pasted", 2, "Disks or instances pasted on a cluster's window.", lower_bound=1)
    absl_flags.DEFINE_bool("vertical_flip", True, "Turn a cluster's windows upside down half of the time.")
    flags.define_path("points", None, "JSON file of points in --image: disks are cut about these.")
    flags.define_path("weights", None, "weights.npz of a run: its masks carve the photographs, or its instances "
                      "are pasted on the cluster's windows, instead of ghosts and disks.")
    absl_flags.DEFINE_integer("batch_size", 16, "Real pictures, and composites, per update.", lower_bound=1)
    absl_flags.DEFINE_integer("num_steps", 200, "Updates of the discriminator.", lower_bound=1)
    absl_flags.DEFINE_integer("seed", 0, "Seed of networks and batches.")
    absl_flags.DEFINE_string("only", None, "Runs just the setting of this name, or those whose name contains this.")
    flags.define_path("out", None, "JSON file for the figures.")
    errors.run(main)
