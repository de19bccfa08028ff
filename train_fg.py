"""Learns foreground masks from box-labelled photographs: the paper's first application.

    python train_fg.py                                                     # the bundled sample
    python train_fg.py --flagfile=experiments/paper/fg_birds.flags --data_dir=CUB_200_2011 --backgrounds=landscapes
    python train_fg.py --images=my/photographs --boxes=my/boxes.txt --backgrounds=my/landscapes --run_dir=runs/mine

The same command continues a run that was stopped or killed.
"""

import dataclasses

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from data import batches, photographs
from extensions.augmentation import observer
from models.discriminator import Discriminator, discriminator_options
from models.unet import build_unet
from storage import checkpoint
from storage.weights import save_weights, start_from
from training import foreground, loop, monitors

SCREEN_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", "mask/area_mean": "area",
               "mask/undecided_fraction": "undecided"}


def build(options: config.Foreground, *, run: loop.OpenRun, crops):
    """Builds the networks and their training for the crops that are trained on.

    Returns:
      (network to be shown, `AdversarialTraining`).
    """
    generator = options.generator
    network, averaged = (build_unet(
        size=options.data.image_size, width=generator.generator_width, batch_norm_momentum=generator.batch_norm_momentum,
        kernel_initializer=generator.generator_initializer,
        initial_mask=config.initial_mask(generator, options.objective)) if wanted else None
                         for wanted in (True, generator.generator_average))
    if generator.initial_weights and not checkpoint.latest_checkpoint(run.folder.checkpoint_dir):
        start_from(generator.initial_weights, (network, averaged), network="unet")
    training = foreground.build_training(
        network=network, averaged_network=averaged, generator_average=generator.generator_average,
        discriminator=Discriminator(**discriminator_options(**vars(options.discriminator), pictures=crops)),
        size=options.data.image_size, objective=vars(options.objective), optimization=vars(options.players),
        observe=observer(options.discriminator.augmentation), seed=options.run.seed,
        num_discriminator_updates=options.players.num_discriminator_updates, jit_compile=options.run.jit_compile)
    return averaged or network, training


def train(options: config.Foreground, run: loop.OpenRun) -> None:
    """Builds everything in a distribution's scope, trains, and writes the weights."""
    data = photographs.load_training_data(**vars(options.data))
    run.check_data(data.fingerprint())
    network, training = build(options, run=run, crops=data.crops)
    print(f"area constant {options.objective.area_constant}", flush=True)
    monitor = monitors.ForegroundMonitor(network, monitors.choose_validation_set(
        data, num_panel_images=options.run.num_panel_images, seed=options.run.seed + 1))

    def make_batches(start_step):
        return batches.foreground_batches(
            crops=data.crops, background_pool=data.pool, seed=options.run.seed, start_step=start_step,
            batch_size=options.run.batch_size * options.players.num_discriminator_updates,
            num_steps=options.run.num_steps, flip=options.run.flip, **run.replicas.shards(),
        ).map(foreground.to_training_batch)

    num_steps = run.train(training, make_batches=make_batches, screen_keys=SCREEN_KEYS, draw_panel=monitor.draw_panel,
                          evaluate=monitor.evaluate if data.masks else None, evaluation_key="evaluation/mean_iou")
    save_weights(run.folder.path / "weights.npz", network, is_chief=run.replicas.is_chief, metadata={
        "task": "foreground", "network": "unet", "width": options.generator.generator_width,
        "image_size": options.data.image_size, "crop": options.data.crop,
        "area_constant": options.objective.area_constant, "num_steps": num_steps,
        "figures": run.folder.last_evaluation(), "flags": run.folder.recorded()})


def main(argv: list[str]) -> None:
    """Trains, or continues a run."""
    del argv
    options = config.from_flags(config.Foreground)
    if options.objective.area_constant is None:
        area = photographs.default_area(photographs.dataset_name(dataset=options.data.dataset, images=options.data.images))
        options = dataclasses.replace(options, objective=dataclasses.replace(options.objective, area_constant=area))
    config.initial_mask(options.generator, options.objective)
    with loop.open_run(options, flag_lines=config.flag_lines(), default_lines=config.default_lines(),
                       changeable=flags.CHANGEABLE,
                       spectral_norm=options.discriminator.spectral_norm) as run:
        train(options, run)


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    flags.define_own_backgrounds()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{photographs.PAPER_AREA} (Table 3), with the bundled pets "
                           f"{photographs.SAMPLES_AREA}, which is what they cover of their boxes")
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/fg", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
