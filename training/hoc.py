"""What the cluster task adds to adversarial training: how it is built."""

import math
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow as tf

import config
from data import hoc, images, samples, window_backgrounds
from extensions import augmentation, ema, layer_ramp, shadow
from models import layout as layouts
from models import providers, scene_generator
from models import recognition as recognition_networks
from models.discriminator import TABLE_2_WIDTHS, Discriminator, discriminator_options
from models.instance_generator import DISK_LOGIT, build_generator
from storage.weights import start_from
from training import adversarial, monitors, objectives, optimizers


def disk_options(options: config.Cluster) -> dict[str, Optional[float]]:
    """Returns the disk that masks start as (S19), as options of `InstanceGenerator`; None: no disk, or its default.

    Its area is the area constant of the first step.
    """
    elongation, logit = options.scenes.mask_start_elongation, options.scenes.mask_start_logit
    return {"disk_area": objectives.first_area_constant(options.objective) if options.scenes.mask_start == "disk" else None,
            "disk_elongation": None if elongation == 1.0 else elongation, "disk_logit": None if logit == DISK_LOGIT else logit}


class Built(NamedTuple):
    """What a run trains, shows and measures.

    Attributes:
      training: the two players.
      scenes: to show and to measure; of the averaged network where there is one.
      recognition: recognition network, or None.
      stream: what batches are drawn from.
    """

    training: adversarial.AdversarialTraining
    scenes: scene_generator.SceneGenerator
    recognition: Optional[tf.Module]
    stream: hoc.SceneStream


def build(options: config.Cluster, *, cluster: np.ndarray, is_new: bool) -> Built:
    """Builds the networks, their training, and what batches are drawn from.

    Args:
      options: the script's configuration, its area constant resolved.
      cluster: picture scaled for windows, uint8 [H, W, 3].
      is_new: whether no checkpoint will be restored, so that `--initial_weights` count.

    Raises:
      UserError: initial weights do not fit.
    """
    generator, scenes = options.generator, options.scenes
    layout = make_layout(padding=scenes.padding, max_rotation=scenes.max_rotation,
                         max_magnification=scenes.max_magnification, shadow_strength=scenes.shadow_strength,
                         ramp=ramp_of(scenes))
    network, averaged = (build_generator(
        latent_dim=scenes.latent_dim, **disk_options(options), width=generator.generator_width,
        kernel_initializer=generator.generator_initializer, batch_norm_momentum=generator.batch_norm_momentum,
        initial_mask=objectives.UNTRAINED_AREA if scenes.mask_start == "disk" else
        objectives.initial_mask(generator, options.objective)) if wanted else None
                         for wanted in (True, generator.generator_average))
    if generator.initial_weights and is_new:
        start_from(generator.initial_weights, (network, averaged), network="instance_generator", **disk_options(options))
    discriminator = make_discriminator(**discriminator_options(**vars(options.discriminator), pictures=[cluster]))
    information = make_information(discriminator, latent_dim=scenes.latent_dim,
                                   means=images.channel_statistics([cluster])[0], **vars(options.information))
    training = build_training(
        scenes=make_scenes(network, layout), discriminator=discriminator, information=information,
        averaged_network=averaged, generator_average=generator.generator_average, objective=vars(options.objective),
        optimization=vars(options.players), observe=augmentation.observer(options.discriminator.augmentation),
        seed=options.run.seed, num_discriminator_updates=options.players.num_discriminator_updates,
        jit_compile=options.run.jit_compile)
    stream = hoc.SceneStream(
        cluster=cluster, num_layers=scenes.num_layers, latent_dim=scenes.latent_dim, horizontal_flip=options.run.flip,
        vertical_flip=scenes.vertical_flip, disk_radius=scenes.disk_radius,
        black_background=scenes.background == "black",
        ground=window_backgrounds.ground_of(cluster) if scenes.background == "ground" else None, sample_layout=layout.sample,
        hole_share=ramp_of(scenes))
    return Built(training, make_scenes(averaged or network, layout), information and information.recognition, stream)


def ramp_of(scenes: config.Scenes) -> Optional[layer_ramp.LayerRamp]:
    """Returns the layer ramp that the flags ask for (S33), or None."""
    if not scenes.layer_ramp_steps:
        return None
    return layer_ramp.LayerRamp(start=scenes.layer_ramp_start, num_steps=scenes.layer_ramp_steps)


def batch_maker(options: config.Cluster, built: Built, **shards: int) -> Callable[[int], tf.data.Dataset]:
    """Returns a callable of the number of steps done, which makes the dataset of the batches that are left."""
    return lambda start_step: built.stream.batches(
        seed=options.run.seed, start_step=start_step, num_steps=options.run.num_steps,
        batch_size=options.run.batch_size * options.players.num_discriminator_updates, **shards)


def monitor(options: config.Cluster, built: Built, *, darkest: float, shapes: Optional[np.ndarray]) -> monitors.ClusterMonitor:
    """Makes what draws panels and measures; `darkest` as `InstanceSampler` takes it, `shapes` as of `data.hoc.load`."""
    seed = options.run.seed + 1
    ramp = ramp_of(options.scenes)
    shown = ramp.end if ramp else 0  # all layers, from the first panel on
    batch = next(iter(built.stream.batches(batch_size=options.run.num_panel_images, start_step=shown, num_steps=shown + 1,
                                           seed=seed)))
    return monitors.ClusterMonitor(
        built.scenes, recognition=built.recognition, latent_dim=options.scenes.latent_dim, batch=batch, seed=seed,
        shapes=shapes, darkest=darkest, num_evaluated=options.run.num_evaluation_images,
        num_panel_layers=options.scenes.num_panel_layers)


def name_of(scenes: config.Scenes) -> str:
    """Names the picture that the flags ask for, with its windows."""
    picture = f"drawn {scenes.drawn_cluster}" if scenes.drawn_cluster else scenes.image or samples.FRUIT_IMAGE
    usual = hoc.WINDOW if scenes.drawn_cluster else samples.FRUIT_WINDOW_SIZE
    return f"{picture} in windows of {usual if scenes.window_size is None else scenes.window_size} pixels"


def describe(options: config.Cluster, cluster: np.ndarray) -> str:
    """Returns a line about the picture, its windows, and how much of the hole stays black."""
    scenes, area = options.scenes, options.objective.area_constant
    uncovered = uncovered_fraction(num_layers=scenes.num_layers, area=area, padding=scenes.padding,
                                   disk_radius=scenes.disk_radius if scenes.background == "disk" else 0.0,
                                   max_magnification=scenes.max_magnification)
    has_hole = scenes.background == "black" or (scenes.background == "disk" and scenes.disk_radius)
    return (f"{name_of(scenes)}, scaled to {cluster.shape[1]}x{cluster.shape[0]} pixels, windows to {hoc.WINDOW}; "
            f"area constant {area}; "
            + (f"about {100 * uncovered:.1f} % of the hole is covered by no instance" if has_hole
               else "backgrounds are the ground" if scenes.background == "ground" else "backgrounds are whole windows"))


def uncovered_fraction(*, num_layers: int, area: float, padding: int, disk_radius: float = 20.0,
                       max_magnification: float = 1.0) -> float:
    """Estimates how much of the hole in a window's background no instance covers, on average over the hole.

    An instance is taken as a disk, whose middle is uniform on a square of 2 * padding + 1 pixels. What stays uncovered
    shows the hole's black, which real windows do not have. Drawn instances that are whole are what a discriminator can tell
    least at 0.002 of the hole, and hardly at 0.04 (`experiments/oracle_gate.py`); whole oranges were learnt at 0.075 all the
    same (docs/log/twelve_layers.md). The hole's rim is covered less than its middle where the padding is hardly larger than
    its radius.

    Args:
      num_layers: N.
      area: area constant, share of the window.
      padding: pixels.
      disk_radius: of the hole, in pixels; 0 is a window's middle alone.
      max_magnification: m of `make_layout`.

    Returns:
      Share in [0, 1]. For Table 4's rows: 0.38 (crowd), 0.06 (fruit) and 0.008 (seed).
    """
    low, high = _scale_range(max_magnification)
    radius = hoc.WINDOW * math.sqrt(area * (low**2 + low * high + high**2) / (3.0 * math.pi))  # mean square of scales
    places = np.arange(-padding, padding + 1)
    extent = math.ceil(disk_radius)
    pixels = np.stack(np.meshgrid(np.arange(-extent, extent + 1), np.arange(-extent, extent + 1)), axis=-1).reshape(-1, 2)
    pixels = pixels[np.hypot(*pixels.T) <= disk_radius]
    rows, columns = (np.square(places[:, np.newaxis] - pixels[:, axis]) for axis in (0, 1))  # [places, pixels]
    covered = np.mean(rows[:, np.newaxis] + columns <= radius**2, axis=(0, 1))
    return float(np.mean((1.0 - covered) ** num_layers))


def make_layout(*, padding: int, max_rotation: float = 0.0, max_magnification: float = 1.0,
                shadow_strength: float = 0.0, ramp: Optional[layer_ramp.LayerRamp] = None) -> Any:
    """Makes the layout of Eq. (4): the paper's translations, or turned and scaled ones (S27).

    Args:
      padding: pixels by which instances are moved at most, per axis.
      max_rotation: degrees, in [0, 180]; instances are turned by up to as many, to either side.
      max_magnification: m, at least 1; instances are scaled by a factor uniform on [1 / m, m].
      shadow_strength: largest opacity of the shadow that each instance casts, in [0, 1]; 0: it casts none (S26).
      ramp: by which the number of instances grows (S33); None: all from the first step on.

    Returns:
      `layout.TranslationLayout` where instances are neither turned nor scaled, else `layout.AffineLayout`, whose
      translations are not of whole pixels.
    """
    if not max_rotation and max_magnification == 1.0:
        made = layouts.TranslationLayout(padding=padding)
    else:
        made = layouts.AffineLayout(max_translation=padding / hoc.WINDOW, max_rotation=np.radians(max_rotation),
                                    scale_range=_scale_range(max_magnification))
    if ramp:
        made = layer_ramp.RampedLayout(made, ramp)
    return shadow.WithShadow(made, shadow.ContactShadow(strength=shadow_strength)) if shadow_strength else made


def _scale_range(max_magnification: float) -> tuple[float, float]:
    """Returns (least, largest) magnification."""
    return 1.0 / max_magnification, max_magnification


def make_scenes(network: tf.keras.Model, layout: Any) -> scene_generator.SceneGenerator:
    """Makes the task's scenes: instances from latents, placed by a layout, on windows of the photograph."""
    return scene_generator.SceneGenerator(foreground_provider=providers.LatentInstanceProvider(network),
                                          background_provider=providers.PatchInstanceProvider(), layout=layout)


def build_training(*, scenes: scene_generator.SceneGenerator, discriminator: tf.keras.Model, objective: Mapping[str, Any],
                   optimization: Mapping[str, Any], information: Optional[objectives.Information] = None,
                   averaged_network: Optional[tf.keras.Model] = None, generator_average: float = 0.0,
                   **updates: Any) -> adversarial.AdversarialTraining:
    """Wires the cluster task.

    Args:
      scenes: of `make_scenes`, its network built.
      discriminator: built discriminator.
      objective: of `objectives.make_mask_terms`.
      optimization: of `optimizers.make_pair`.
      information: the information term (S8), or None.
      averaged_network: built generator of the same kind that becomes the moving average, or None (S17).
      generator_average: its decay per step.
      **updates: of `AdversarialTraining`.

    Returns:
      `AdversarialTraining`.
    """
    area_penalty, *extensions = objectives.make_mask_terms(**objective)
    terms = [area_penalty, *([information] if information else []), *extensions]
    trained = [*scenes.trainable_variables, *(v for term in terms for v in term.trainable_variables)]
    pair = optimizers.make_pair(trained, discriminator.trainable_variables, **optimization)
    network = scenes.foreground_provider.network
    average = ema.MovingAverage(network, averaged_network, decay=generator_average) if averaged_network else None
    return adversarial.AdversarialTraining(scenes=scenes, discriminator=discriminator, optimizers=pair, terms=terms,
                                           after_step=average, **updates)


def make_discriminator(**options: Any) -> Discriminator:
    """Makes Table 2's discriminator with its variables; options as for `Discriminator`, without its widths."""
    discriminator = Discriminator(widths=TABLE_2_WIDTHS, **options)
    discriminator(tf.zeros([1, hoc.WINDOW, hoc.WINDOW, 3]))
    return discriminator


def make_information(discriminator: Discriminator, *, latent_dim: int, information_weight: float,
                     recognition: str = "shared", recognition_trains_discriminator: bool = False,
                     num_recognized_layers: int = 0, recognition_head: str = "pooled", recognition_inputs: str = "black",
                     means: Sequence[float] = (0.0, 0.0, 0.0)) -> Optional[objectives.Information]:
    """Makes the information term (S8).

    Args:
      discriminator: built discriminator, on whose layers 'shared' stands.
      latent_dim: Z.
      information_weight: beta.
      recognition: 'shared', 'separate' or 'none'.
      recognition_trains_discriminator: whether discriminator updates minimise it, too.
      num_recognized_layers: of how many of the N layers it is computed; 0 is all.
      recognition_head: `head` of `models.recognition.make_recognition`.
      recognition_inputs: its `inputs`.
      means: its `means`.

    Returns:
      The term, or None where there is no recognition network or beta is 0.
    """
    network = recognition_networks.make_recognition(recognition if information_weight else "none",
                                                    discriminator=discriminator, latent_dim=latent_dim,
                                                    head=recognition_head, inputs=recognition_inputs, means=means)
    if network is None:
        return None
    return objectives.Information(network, weight=information_weight, num_layers=num_recognized_layers,
                                  trains_discriminator=recognition_trains_discriminator)
