"""Distils a student from the raw masks of a finished foreground run (appendix, Eq. 8).

    python distill.py --teacher=runs/fg                                    # on the data that the teacher saw
    python distill.py --teacher=runs/birds --student_width=0.25 --run_dir=runs/birds_student

Of a teacher of smaller crops, and of no GAN at all, to compare with:

    python distill.py --teacher=runs/birds_small --image_size=128 --run_dir=runs/large
    python distill.py --teacher=boxes --grabcut_iterations=1 --run_dir=runs/boxes

The same command continues a run that was stopped or killed.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from data import photographs
from inference import networks
from training import distillation, environment, labels, loop, monitors


def train(options: config.Distillation, run: loop.OpenRun, *, teacher: networks.LoadedNetwork) -> None:
    """Loads, makes labels, builds, trains, and writes the weights."""
    data = photographs.load_training_data(options.data)
    run.check_data(data.fingerprint())
    made = labels.make(options, teacher=teacher, data=data, cache_dir=run.folder.path if run.replicas.is_chief else None)
    training = distillation.build(options)
    monitor = monitors.DistillationMonitor(
        labels=made, student=training.shown, validation_set=monitors.choose_validation_set(
            data, num_panel_images=options.run.num_panel_images, seed=options.run.seed + 1))
    run.train(training, make_batches=distillation.batch_maker(options, data, made, **run.replicas.shards()), monitor=monitor,
              network=training.shown, metadata=dict(
                  task="distillation", network="unet", width=options.student.student_width,
                  image_size=options.data.image_size, crop=options.data.crop, area_constant=teacher.area_constant,
                  teacher=teacher.description))


def main(argv: list[str]) -> None:
    """Trains, or continues a run."""
    del argv
    options = config.from_flags(config.Distillation)
    labels.check(options.student, options.inference)
    teacher = labels.load_teacher(options.student.teacher, image_size=options.data.image_size, crop=options.data.crop)
    given = {**networks.inherited_flags(teacher, options.data),
             **environment.precision_given(options.process.mixed_precision, distribute=options.run.distribute)}
    options = config.from_flags(config.Distillation, given=given)
    with loop.open_run(options, flag_lines=config.flag_lines(given), default_lines=config.default_lines(),
                       changeable=flags.CHANGEABLE) as run:
        train(options, run, teacher=teacher)


if __name__ == "__main__":
    flags.define_distillation()
    flags.define_inference("the teacher's masks, which are the labels,")
    flags.define_data(crop=None, image_size=None, split=None)
    flags.define_backgrounds()
    flags.define_optimization(batch_size=16, num_steps=3000)
    flags.define_run(run_dir="runs/distilled", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
