"""Learns foreground masks from box-labelled photographs: the paper's first application.

    python train_fg.py                                                     # the bundled airplanes
    python train_fg.py --flagfile=experiments/paper/fg_birds.flags --data_dir=CUB_200_2011 --backgrounds=landscapes
    python train_fg.py --flagfile=experiments/best/fg_birds_suggested_area.flags --dataset=folder --images=DIR --boxes=FILE

An area constant for them:

    python train_fg.py --images=DIR --boxes=FILE --backgrounds=outside_boxes --suggest

The same command continues a run that was stopped or killed.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from data import photographs
from training import area_suggestion, environment, foreground, loop, monitors, objectives


def train(options: config.Foreground, run: loop.OpenRun) -> None:
    """Loads, builds, trains, and writes the weights."""
    data = photographs.load_training_data(options.data)
    run.check_data(data.fingerprint())
    print(f"area constant {options.objective.area_constant}", flush=True)
    network, training = foreground.build(options, crops=data.crops, is_new=not run.continues)
    monitor = monitors.ForegroundMonitor(network, monitors.choose_validation_set(
        data, num_panel_images=options.run.num_panel_images, seed=options.run.seed + 1))
    run.train(training, make_batches=foreground.batch_maker(options, data, **run.replicas.shards()), monitor=monitor,
              network=network, metadata=dict(
                  task="foreground", network="unet", width=options.generator.generator_width,
                  image_size=options.data.image_size, crop=options.data.crop,
                  area_constant=options.objective.area_constant))


def main(argv: list[str]) -> None:
    """Trains, or continues a run."""
    del argv
    data = config.from_flags(config.Data)
    name = photographs.dataset_name(dataset=data.dataset, images=data.images)
    given = {"dataset": name} if name == "airplanes" else {}  # a run names the bundled photographs that it is trained on
    options = config.from_flags(config.Foreground, given=given)
    if options.suggest:
        listed = photographs.list_training_photographs(options.data)
        print(area_suggestion.suggest_area(listed, crop_mode=options.data.crop))
        return
    given |= environment.precision_given(options.process.mixed_precision, distribute=options.run.distribute)
    options = config.with_area(config.from_flags(config.Foreground, given=given), photographs.default_area(name))
    objectives.initial_mask(options.generator, options.objective)  # refuses two starts before the folder is made
    with loop.open_run(options, flag_lines=config.flag_lines(given), default_lines=config.default_lines(),
                       changeable=flags.CHANGEABLE, spectral_norm=options.discriminator.spectral_norm) as run:
        train(options, run)


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    flags.define_own_backgrounds()
    flags.define_suggest("the area constant that fits the photographs, from what stays when boxes are cut by their colours")
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{photographs.PAPER_AREA} (Table 3); with bundled photographs what they cover of "
                           "their boxes: " + ", ".join(f"{name} {area:g}" for name, area in photographs.BUNDLED_AREAS.items()))
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/fg", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
