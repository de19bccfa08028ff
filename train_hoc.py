"""Learns single instances with masks from one photograph of a cluster: the paper's second application.

    python train_hoc.py                                                    # the bundled oranges
    python train_hoc.py --flagfile=experiments/paper/hoc_seed.flags --image=beans.jpg --window_size=96
    python train_hoc.py --drawn_cluster=ellipses                           # known masks, measured against

The same command continues a run that was stopped or killed.
"""

import dataclasses

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from data import hoc, images, samples, synthetic
from errors import UserError
from extensions.augmentation import observer
from inference.sampler import samples_beyond
from models.discriminator import discriminator_options
from models.instance_generator import build_generator
from storage import checkpoint
from storage.weights import save_weights, start_from
from training import hoc as task
from training import loop, monitors
from visualization import tiles

SCREEN_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", "mask/area_mean": "area",
               "mask/undecided_fraction": "undecided", "generator/information_loss": "z error"}
PAPER_AREA = 0.25  # Table 4, fruit and seed


def load_data(scenes: config.Scenes, *, seed: int):
    """Loads or draws the cluster.

    Returns:
      (picture scaled for windows, uint8 [H, W, 3]; shapes of its instances, bool [m, T, T], or None of a photograph).

    Raises:
      UserError: flags contradict each other, or the photograph cannot be used (`data.hoc.load_cluster`).
    """
    if scenes.drawn_cluster and (scenes.image or scenes.window_size is not None):
        raise UserError("--drawn_cluster needs no --image and no --window_size; give one or the other.")
    if scenes.drawn_cluster:
        return synthetic.drawn_cluster(scenes.drawn_cluster, seed=seed)
    if scenes.image and scenes.window_size is None:
        raise UserError("--image needs --window_size: about 1.5 times the biggest instance's width, in pixels of the "
                        "image.")
    window_size = samples.FRUIT_WINDOW_SIZE if scenes.window_size is None else scenes.window_size
    return hoc.load_cluster(scenes.image or samples.FRUIT_IMAGE, window_size=window_size), None


def check(options: config.Cluster) -> None:
    """Refuses flags that do not go together; UserError names them."""
    scenes, area = options.scenes, options.objective.area_constant
    task.check_padding(scenes.padding, area=area, max_magnification=scenes.max_magnification)
    config.initial_mask(options.generator, options.objective)
    if scenes.mask_start == "disk" and not 0.0 < area < 1.0:
        raise UserError(f"--mask_start=disk needs an area constant between 0 and 1, not {area:g}.")
    if options.information.num_recognized_layers > scenes.num_layers:
        raise UserError(f"--num_recognized_layers={options.information.num_recognized_layers} is more than --num_layers="
                        f"{scenes.num_layers}; 0 is all of them.")


def build(options: config.Cluster, *, run: loop.OpenRun, cluster, layout, disk_area):
    """Builds the networks and their training.

    Returns:
      (scenes to be shown, recognition network or None, `AdversarialTraining`).
    """
    generator = options.generator
    network, averaged = (build_generator(
        latent_dim=options.scenes.latent_dim, disk_area=disk_area, width=generator.generator_width,
        kernel_initializer=generator.generator_initializer, batch_norm_momentum=generator.batch_norm_momentum,
        initial_mask=config.initial_mask(generator, options.objective)) if wanted else None
                         for wanted in (True, generator.generator_average))
    if generator.initial_weights and not checkpoint.latest_checkpoint(run.folder.checkpoint_dir):
        start_from(generator.initial_weights, (network, averaged), network="instance_generator", disk_area=disk_area)
    discriminator = task.make_discriminator(**discriminator_options(**vars(options.discriminator), pictures=[cluster]))
    information = task.make_information(discriminator, latent_dim=options.scenes.latent_dim, **vars(options.information))
    training = task.build_training(
        scenes=task.make_scenes(network, layout), discriminator=discriminator, information=information,
        averaged_network=averaged, generator_average=generator.generator_average, objective=vars(options.objective),
        optimization=vars(options.players), observe=observer(options.discriminator.augmentation),
        seed=options.run.seed, num_discriminator_updates=options.players.num_discriminator_updates,
        jit_compile=options.run.jit_compile)
    return task.make_scenes(averaged or network, layout), information and information.recognition, training


def train(options: config.Cluster, run: loop.OpenRun, *, cluster, shapes) -> None:
    """Builds everything in a distribution's scope, trains, and writes what is left in the end.

    Args:
      options: what the command says, its area constant resolved.
      run: the run, open.
      cluster: picture scaled for windows, uint8 [H, W, 3].
      shapes: bool [m, T, T] as of `load_data`, or None.

    Raises:
      UserError: weights or a checkpoint do not fit or cannot be written, or training failed (`loop.train_in_folder`).
    """
    scenes, area = options.scenes, options.objective.area_constant
    disk_area = area if scenes.mask_start == "disk" else None
    layout = task.make_layout(padding=scenes.padding, max_rotation=scenes.max_rotation,
                              max_magnification=scenes.max_magnification, shadow_strength=scenes.shadow_strength)
    shown, recognition, training = build(options, run=run, cluster=cluster, layout=layout, disk_area=disk_area)
    stream = {"cluster": cluster, "num_layers": scenes.num_layers, "latent_dim": scenes.latent_dim,
              "horizontal_flip": options.run.flip, "vertical_flip": scenes.vertical_flip,
              "disk_radius": scenes.disk_radius, "black_background": scenes.background == "black",
              "sample_layout": layout.sample}
    panel_batch = next(iter(hoc.hoc_batches(**stream, batch_size=options.run.num_panel_images, num_steps=1,
                                            seed=options.run.seed + 1)))
    monitor = monitors.ClusterMonitor(
        shown, recognition=recognition, latent_dim=scenes.latent_dim, batch=panel_batch, seed=options.run.seed + 1,
        shapes=shapes, num_evaluated=options.run.num_evaluation_images, num_shown_layers=scenes.num_panel_layers)
    uncovered = task.uncovered_fraction(num_layers=scenes.num_layers, area=area, padding=scenes.padding,
                                        max_magnification=scenes.max_magnification)
    hole = (f"about {100 * uncovered:.0f} % of a window's middle is covered by no instance"
            if scenes.disk_radius or scenes.background == "black" else "backgrounds are whole windows")
    print(f"cluster of {cluster.shape[1]}x{cluster.shape[0]} pixels in windows of {hoc.WINDOW}; area constant {area}; "
          f"{hole}", flush=True)

    def make_batches(start_step):
        return hoc.hoc_batches(**stream, seed=options.run.seed, start_step=start_step, num_steps=options.run.num_steps,
                               batch_size=options.run.batch_size * options.players.num_discriminator_updates,
                               **run.replicas.shards())

    num_steps = run.train(training, make_batches=make_batches, screen_keys=SCREEN_KEYS, draw_panel=monitor.draw_panel,
                          evaluate=monitor.evaluate)
    save_weights(run.folder.path / "weights.npz", shown.foreground_provider.network, is_chief=run.replicas.is_chief,
                 metadata={"task": "hoc", "network": "instance_generator", "width": options.generator.generator_width,
                           "latent_dim": scenes.latent_dim, "area_constant": area, "disk_area": disk_area,
                           "num_steps": num_steps, "figures": run.folder.last_evaluation(),
                           "flags": run.folder.recorded()})
    if scenes.num_samples:
        write_samples(monitor.sampler.pictures(scenes.num_samples), run, num_samples=scenes.num_samples)


def write_samples(pictures, run: loop.OpenRun, *, num_samples: int) -> None:
    """Writes sampled instances into the run's folder; those of fewer steps, or of more samples, are removed."""
    if not run.replicas.is_chief:
        return
    folder = run.folder.path / "samples"
    for name, picture in pictures.items():
        tiles.save_png(picture, folder / name)
    beyond = samples_beyond(folder, num_samples)
    for path in beyond:
        path.unlink()
    print(f"{num_samples} instances, sheet.png and traversal.png are in {folder}"
          + (f"; {len(beyond)} more that were there from before are removed" if beyond else ""))


def main(argv: list[str]) -> None:
    """Trains, or continues a run; in the end writes weights and samples."""
    del argv
    options = config.from_flags(config.Cluster)
    if options.objective.area_constant is None:
        options = dataclasses.replace(options, objective=dataclasses.replace(options.objective, area_constant=PAPER_AREA))
    check(options)
    cluster, shapes = load_data(options.scenes, seed=options.run.seed)
    with loop.open_run(options, flag_lines=config.flag_lines(), default_lines=config.default_lines(),
                       changeable=(*flags.CHANGEABLE, "num_samples", "num_panel_layers"),
                       spectral_norm=options.discriminator.spectral_norm) as run:
        run.check_data(images.fingerprint(cluster))
        train(options, run, cluster=cluster, shapes=shapes)


if __name__ == "__main__":
    flags.define_cluster()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{PAPER_AREA} (Table 4, fruit and seed)")
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/hoc", evaluated="sampled instances", num_evaluated=256,
                     most_evaluated=flags.MOST_MEASURED)
    errors.run(main)
