"""Distils a student from the raw masks of a finished foreground run (appendix, Eq. 8).

    python distill.py --teacher=runs/fg                                    # on the data that the teacher saw
    python distill.py --teacher=runs/birds --student_width=0.25 --run_dir=runs/birds_student
    python distill.py --teacher=runs/birds_small --image_size=128 --run_dir=runs/large  # of a teacher of smaller crops
    python distill.py --teacher=boxes --grabcut_iterations=1 --run_dir=runs/boxes       # no GAN at all, to compare with

The same command continues a run that was stopped or killed.
"""

import dataclasses

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from data import batches, photographs
from errors import UserError
from extensions import refinement
from inference import pipeline
from models.unet import build_unet
from storage.weights import save_weights
from training import distillation, labels, loop, monitors, optimizers

SCREEN_KEYS = {"student/distillation_loss": "loss", "mask/area_mean": "area", "mask/undecided_fraction": "undecided"}
# Flags that say what the teacher saw; the student sees the same unless told otherwise.
INHERITED = ("dataset", "data_dir", "images", "boxes", "masks", "split", "crop", "image_size", "backgrounds")


def inherited(teacher, data: config.Data) -> dict[str, str]:
    """Returns the teacher's value, as text, of each data flag that was not given: texts by flags' names."""
    told = [name for name in INHERITED if getattr(data, name) is not None]
    if any(name in told for name in ("dataset", "data_dir", "images")):
        names = ("split", "crop", "image_size")  # other photographs: how they are cropped alone is the teacher's
    else:
        names = INHERITED
    values = {"split": "all", "crop": teacher.crop, "image_size": str(teacher.image_size), **teacher.flags}
    return {name: values[name] for name in names if name not in told and name in values}


def check_labels(student: config.Student, inference: config.Inference) -> None:
    """Raises UserError where two flags say what labels are, or one does not go with a teacher that knows only boxes."""
    if student.label_area and inference.mask_threshold != 0.5:
        raise UserError("--label_area finds the threshold that --mask_threshold gives; give one or the other.")
    if labels.BOXES not in student.teacher:
        return
    if not student.grabcut_iterations:
        raise UserError("--teacher=boxes has labels only where they are cut by colours: give --grabcut_iterations, 1 "
                        "for instance.")
    if student.label_area or inference.mask_threshold != 0.5:
        raise UserError("--label_area and --mask_threshold do not go with --teacher=boxes, whose masks are the same "
                        "everywhere before they are cut.")


def make_labels(options: config.Distillation, *, run: loop.OpenRun, teacher, data):
    """Makes what the student learns: the teacher's masks, with what the flags do to them. uint8 [n, S, S, 1]."""
    inferred, student = options.inference, options.student
    raw = dataclasses.replace(inferred, sharpen_temperature=1.0, mask_threshold=0.5)
    cache_dir = run.folder.path if run.replicas.is_chief else None
    masks = labels.teacher_masks(
        pipeline.inference(teacher.network, **vars(raw)), data.crops, description=teacher.description,
        made_of=labels.fingerprint(data.crops, teacher.network), cache_dir=cache_dir,
        max_megabytes=student.max_cache_megabytes)
    threshold = (refinement.threshold_of_area(masks, student.label_area) if student.label_area
                 else inferred.mask_threshold)
    sharpened = labels.sharpen_labels(masks, temperature=inferred.sharpen_temperature, threshold=threshold)
    made = labels.cut_labels(sharpened, data.photographs, crop_mode=options.data.crop,
                             iterations=student.grabcut_iterations, cache_dir=cache_dir)
    print(f"teacher {teacher.description}: its masks have a mean area of {masks.mean() / 255:.3f}, the labels made of "
          f"them of {made.mean() / 255:.3f} (threshold {threshold:.3f})", flush=True)
    return made


def train(options: config.Distillation, run: loop.OpenRun, *, teacher) -> None:
    """Builds everything in a distribution's scope, trains, and writes the weights."""
    data = photographs.load_training_data(**vars(options.data))
    run.check_data(data.fingerprint())
    made = make_labels(options, run=run, teacher=teacher, data=data)
    student = build_unet(width=options.student.student_width, size=options.data.image_size,
                         batch_norm_momentum=options.student.batch_norm_momentum)
    optimizer = optimizers.make_optimizer(
        student.trainable_variables, learning_rate=options.student.student_learning_rate,
        num_steps=options.run.num_steps, learning_rate_fall_steps=options.student.learning_rate_fall_steps,
        adam_beta_1=options.student.adam_beta_1, adam_beta_2=options.student.adam_beta_2,
        mixed_precision=options.process.mixed_precision)
    training = distillation.Distillation(student=student, optimizer=optimizer, augmentation=options.student.augmentation,
                                         seed=options.run.seed, jit_compile=options.run.jit_compile)
    monitor = monitors.DistillationMonitor(labels=made, student=student, shown=monitors.choose_validation_set(
        data, num_panel_images=options.run.num_panel_images, seed=options.run.seed + 1))

    def make_batches(start_step):
        return batches.distillation_batches(
            crops=data.crops, masks=made, background_pool=data.pool, batch_size=options.run.batch_size,
            seed=options.run.seed, start_step=start_step, num_steps=options.run.num_steps, flip=options.run.flip,
            **run.replicas.shards())

    num_steps = run.train(training, make_batches=make_batches, screen_keys=SCREEN_KEYS, draw_panel=monitor.draw_panel,
                          evaluate=monitor.evaluate if data.masks else None, evaluation_key="evaluation/mean_iou")
    save_weights(run.folder.path / "weights.npz", student, is_chief=run.replicas.is_chief, metadata={
        "task": "distillation", "network": "unet", "width": options.student.student_width,
        "image_size": options.data.image_size, "crop": options.data.crop, "area_constant": teacher.area_constant,
        "num_steps": num_steps, "teacher": teacher.description, "figures": run.folder.last_evaluation(),
        "flags": run.folder.recorded()})


def main(argv: list[str]) -> None:
    """Trains, or continues a run."""
    del argv
    told = config.from_flags(config.Distillation)
    check_labels(told.student, told.inference)
    teacher = labels.load_teacher(told.student.teacher, image_size=told.data.image_size, crop=told.data.crop)
    given = inherited(teacher, told.data)
    with loop.open_run(config.from_flags(config.Distillation, given=given), flag_lines=config.flag_lines(given),
                       default_lines=config.default_lines(), changeable=flags.CHANGEABLE) as run:
        train(run.options, run, teacher=teacher)


if __name__ == "__main__":
    flags.define_distillation()
    flags.define_inference("the teacher's masks, which are the labels,")
    flags.define_data(crop=None, image_size=None, split=None)
    flags.define_backgrounds()
    flags.define_optimization(batch_size=16, num_steps=3000)
    flags.define_run(run_dir="runs/distilled", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
