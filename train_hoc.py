"""Learns single instances with masks from one photograph of a cluster: the paper's second application.

    python train_hoc.py                                                    # the bundled oranges
    python train_hoc.py --flagfile=experiments/paper/hoc_seed.flags --image=beans.jpg --window_size=96
    python train_hoc.py --drawn_cluster=ellipses                           # known masks, measured against

The same command continues a run that was stopped or killed.
"""

import flags  # before TensorFlow, whose environment it sets

import errors
import settings
from data import hoc, samples, synthetic
from errors import UserError
from inference.sampler import samples_beyond
from models.instance_generator import build_generator
from storage import checkpoint, run_folder
from storage.weights import save_weights, start_from
from training import distribution, environment, loop, monitors
from training import hoc as task
from visualization import tiles

SCREEN_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", "mask/area_mean": "area",
               "mask/undecided_fraction": "undecided", "generator/information_loss": "z error"}
PAPER_AREA = 0.25  # Table 4, fruit and seed


def load_data(options):
    """Loads or draws the cluster.

    Args:
      options: the flags.

    Returns:
      (picture scaled for windows, uint8 [H, W, 3]; shapes of its instances, bool [m, T, T], or None of a photograph).

    Raises:
      UserError: flags contradict each other, or the photograph cannot be used (`data.hoc.load_cluster`).
    """
    if options.drawn_cluster and (options.image or options.window_size is not None):
        raise UserError("--drawn_cluster needs no --image and no --window_size; give one or the other.")
    if options.drawn_cluster:
        return synthetic.drawn_cluster(options.drawn_cluster, seed=options.seed)
    if options.image and options.window_size is None:
        raise UserError("--image needs --window_size: about 1.5 times the biggest instance's width, in pixels of the "
                        "image.")
    window_size = samples.FRUIT_WINDOW_SIZE if options.window_size is None else options.window_size
    return hoc.load_cluster(options.image or samples.FRUIT_IMAGE, window_size=window_size), None


def train(options, *, folder, spread, cluster, shapes, area):
    """Builds everything in a distribution's scope, trains, and writes what is left in the end.

    Args:
      options: the flags.
      folder: `storage.run_folder.RunFolder`, open.
      spread: `training.distribution.Distribution`.
      cluster: picture scaled for windows, uint8 [H, W, 3].
      shapes: bool [m, T, T] as of `load_data`, or None.
      area: area constant.

    Raises:
      UserError: weights or a checkpoint do not fit or cannot be written, or training failed (`loop.train_in_folder`).
    """
    disk_area = area if options.mask_start == "disk" else None
    shape = {"latent_dim": options.latent_dim, "disk_area": disk_area, **settings.generator()}
    network, averaged = (build_generator(**shape) if wanted else None
                         for wanted in (True, options.generator_average))
    if options.initial_weights and not checkpoint.latest_checkpoint(folder.checkpoint_dir):
        start_from(options.initial_weights, (network, averaged), network="instance_generator",
                              disk_area=disk_area)
    training = task.build_training(
        network=network, averaged_network=averaged, latent_dim=options.latent_dim,
        placement=task.make_layout(padding=options.padding, max_rotation=options.max_rotation,
                                   max_magnification=options.max_magnification),
        shadow_strength=options.shadow_strength, discriminator_options=settings.discriminator([cluster]),
        recognition_kind=options.recognition, information_weight=options.information_weight,
        num_recognized_layers=options.num_recognized_layers, optimization=settings.optimization(),
        **settings.objective(area=area))
    stream = {"cluster": cluster, "num_layers": options.num_layers, "latent_dim": options.latent_dim,
              "horizontal_flip": options.flip, "vertical_flip": options.vertical_flip,
              "disk_radius": options.disk_radius, "black_background": options.background == "black"}
    shown = hoc.hoc_batches(**stream, batch_size=options.num_panel_images, num_steps=1, seed=options.seed + 1)
    monitor = monitors.ClusterMonitor(
        training, latent_dim=options.latent_dim, batch=next(iter(shown)), seed=options.seed + 1, shapes=shapes,
        num_evaluated=options.num_evaluation_images, num_shown_layers=options.num_panel_layers)
    uncovered = task.uncovered_fraction(num_layers=options.num_layers, area=area, padding=options.padding,
                                        max_magnification=options.max_magnification)
    hole = (f"about {100 * uncovered:.0f} % of a window's middle is covered by no instance"
            if options.disk_radius or options.background == "black" else "backgrounds are whole windows")
    print(f"cluster of {cluster.shape[1]}x{cluster.shape[0]} pixels in windows of {hoc.WINDOW}; area constant {area}; "
          f"{hole}", flush=True)

    def make_batches(start_step):
        return hoc.hoc_batches(**stream, batch_size=options.batch_size * options.num_discriminator_updates,
                               seed=options.seed, start_step=start_step, num_steps=options.num_steps,
                               **spread.shards())

    num_steps = loop.train_in_folder(
        folder, training=training, spread=spread, make_batches=make_batches, screen_keys=SCREEN_KEYS,
        draw_panel=monitor.draw_panel, evaluate=monitor.evaluate, **settings.run_options())
    save_weights(folder.path / "weights.npz", averaged or network, is_chief=spread.is_chief, metadata={
        "task": "hoc", "network": "instance_generator", "width": options.generator_width,
        "latent_dim": options.latent_dim, "area_constant": area, "disk_area": disk_area, "num_steps": num_steps,
        "figures": folder.last_evaluation(),
        "flags": folder.recorded()})
    pictures = monitor.sampler.pictures(options.num_samples) if options.num_samples else {}
    if pictures and spread.is_chief:
        for name, picture in pictures.items():
            tiles.save_png(picture, folder.path / "samples" / name)
        beyond = samples_beyond(folder.path / "samples", options.num_samples)  # of fewer steps, or of more samples
        for path in beyond:
            path.unlink()
        print(f"{options.num_samples} instances, sheet.png and traversal.png are in {folder.path / 'samples'}"
              + (f"; {len(beyond)} more that were there from before are removed" if beyond else ""))


def main(argv):
    """Trains, or continues a run; in the end writes weights and samples."""
    del argv
    options = flags.FLAGS
    area = PAPER_AREA if options.area_constant is None else options.area_constant
    task.check_padding(options.padding, area=area, max_magnification=options.max_magnification)
    if options.mask_start == "disk" and not 0.0 < area < 1.0:
        raise UserError(f"--mask_start=disk needs an area constant between 0 and 1, not {area:g}.")
    if options.num_recognized_layers > options.num_layers:
        raise UserError(f"--num_recognized_layers={options.num_recognized_layers} is more than --num_layers="
                        f"{options.num_layers}; 0 is all of them.")
    cluster, shapes = load_data(options)
    spread = distribution.make_distribution(options.distribute, num_replicas=options.num_replicas)
    spread.check(batch_size=options.batch_size, spectral_norm=options.spectral_norm, jit_compile=options.jit_compile)
    folder = run_folder.RunFolder(options.run_dir)
    if spread.is_chief:
        folder.open(flag_lines=settings.flag_lines(), changeable=(*flags.CHANGEABLE, "num_samples", "num_panel_layers"),
                    default_lines=settings.default_lines(), removed=flags.REMOVED)
    environment.set_up(**settings.process())
    with spread.scope():
        train(options, folder=folder, spread=spread, cluster=cluster, shapes=shapes, area=area)


if __name__ == "__main__":
    flags.define_cluster()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{PAPER_AREA} (Table 4, fruit and seed)", area_ramp_steps=0)
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/hoc", evaluated="sampled instances", num_evaluated=256,
                     most_evaluated=flags.MOST_MEASURED)
    errors.run(main)
