"""Learns foreground masks from box-labelled photographs: the paper's first application.

    python train_fg.py                                                     # the bundled sample
    python train_fg.py --flagfile=experiments/paper/fg_birds.flags --data_dir=CUB_200_2011 --backgrounds=landscapes
    python train_fg.py --images=my/photographs --boxes=my/boxes.txt --backgrounds=my/landscapes --run_dir=runs/mine

The same command continues a run that was stopped or killed.
"""

import flags  # before TensorFlow, whose environment it sets

import errors
import settings
from data import batches, photographs
from models.discriminator import Discriminator
from models.unet import build_unet
from storage import checkpoint, run_folder
from storage.weights import save_weights, start_from
from training import distribution, environment, foreground, loop, monitors

SCREEN_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", "mask/area_mean": "area",
               "mask/undecided_fraction": "undecided"}


def build(options, *, folder, area, crops):
    """Builds the networks and their training from the flags and the crops that are trained on.

    Returns:
      (network to be shown, `AdversarialTraining`).
    """
    network, averaged = (build_unet(size=options.image_size, **settings.generator()) if wanted else None
                         for wanted in (True, options.generator_average))
    if options.initial_weights and not checkpoint.latest_checkpoint(folder.checkpoint_dir):
        start_from(options.initial_weights, (network, averaged), network="unet")
    training = foreground.build_training(
        network=network, averaged_network=averaged, discriminator=Discriminator(**settings.discriminator(crops)),
        size=options.image_size, optimization=settings.optimization(), **settings.objective(area=area))
    return averaged or network, training


def train(options, *, folder, spread):
    """Builds everything in a distribution's scope, trains, and writes the weights."""
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    area = photographs.default_area(dataset) if options.area_constant is None else options.area_constant
    data = photographs.load_training_data(**settings.data(), backgrounds_flag=options.backgrounds,
                                          num_evaluation_images=options.num_evaluation_images)
    network, training = build(options, folder=folder, area=area, crops=data.crops)
    print(f"area constant {area}", flush=True)
    monitor = monitors.ForegroundMonitor(network, monitors.choose_validation_set(
        data, num_panel_images=options.num_panel_images, seed=options.seed + 1))

    def make_batches(start_step):
        return batches.foreground_batches(
            crops=data.crops, background_pool=data.pool, seed=options.seed, start_step=start_step,
            batch_size=options.batch_size * options.num_discriminator_updates, num_steps=options.num_steps,
            flip=options.flip, **spread.shards(),
        ).map(foreground.to_training_batch)

    num_steps = loop.train_in_folder(
        folder, training=training, spread=spread, make_batches=make_batches, screen_keys=SCREEN_KEYS,
        draw_panel=monitor.draw_panel, evaluate=monitor.evaluate if data.masks else None,
        evaluation_key="evaluation/mean_iou", **settings.run_options())
    save_weights(folder.path / "weights.npz", network, is_chief=spread.is_chief, metadata={
        "task": "foreground", "network": "unet", "width": options.generator_width, "image_size": options.image_size,
        "crop": options.crop, "area_constant": area, "num_steps": num_steps,
        "figures": folder.last_evaluation(),
        "flags": folder.recorded()})


def main(argv):
    """Trains, or continues a run."""
    del argv
    options = flags.FLAGS
    if options.initial_weights and options["area_ramp_steps"].using_default_value:
        options.area_ramp_steps = 0  # masks that are there already need not shrink from the picture's size
    spread = distribution.make_distribution(options.distribute, num_replicas=options.num_replicas)
    spread.check(batch_size=options.batch_size, spectral_norm=options.spectral_norm, jit_compile=options.jit_compile)
    folder = run_folder.RunFolder(options.run_dir)
    if spread.is_chief:
        folder.open(flag_lines=settings.flag_lines(), changeable=flags.CHANGEABLE,
                    default_lines=settings.default_lines(), removed=flags.REMOVED)
    environment.set_up(**settings.process())
    with spread.scope():
        train(options, folder=folder, spread=spread)


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{photographs.PAPER_AREA} (Table 3), with the bundled pets "
                           f"{photographs.SAMPLES_AREA}, which is what they cover of their boxes", area_ramp_steps=2000)
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/fg", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
