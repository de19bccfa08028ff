"""Distils a student from the raw masks of a finished foreground run (appendix, Eq. 8).

    python distill.py --teacher=runs/fg                                    # on the data that the teacher saw
    python distill.py --teacher=runs/birds --student_width=0.25 --run_dir=runs/birds_student
    python distill.py --teacher=runs/birds_small --image_size=128 --run_dir=runs/large  # of a teacher of smaller crops
    python distill.py --teacher=boxes --grabcut_iterations=1 --run_dir=runs/boxes       # no GAN at all, to compare with

The same command continues a run that was stopped or killed.
"""

import flags  # before TensorFlow, whose environment it sets

import errors
import settings
from data import batches, photographs
from errors import UserError
from extensions import refinement
from inference import pipeline
from models.unet import build_unet
from storage import run_folder
from storage.weights import save_weights
from training import distillation, distribution, environment, labels, loop, monitors, optimizers

SCREEN_KEYS = {"student/distillation_loss": "loss", "mask/area_mean": "area", "mask/undecided_fraction": "undecided"}
# Flags that say what the teacher saw; the student sees the same unless told otherwise.
INHERITED = ("dataset", "data_dir", "images", "boxes", "masks", "split", "crop", "image_size", "backgrounds")


def inherit(teacher):
    """Gives each data flag that was not given the teacher's value, so that the run folder holds it."""
    told = [name for name in INHERITED if flags.FLAGS[name].value is not None]
    if any(name in told for name in ("dataset", "data_dir", "images")):
        names = ("split", "crop", "image_size")  # other photographs: how they are cropped alone is the teacher's
    else:
        names = INHERITED
    values = {"split": "all", "crop": teacher.crop, "image_size": str(teacher.image_size), **teacher.flags}
    for name in names:
        if name not in told and name in values:
            flags.FLAGS[name].parse(values[name])


def check_labels(options):
    """Raises UserError where two flags say what labels are, or one does not go with a teacher that knows only boxes."""
    if options.label_area and options.mask_threshold != 0.5:
        raise UserError("--label_area finds the threshold that --mask_threshold gives; give one or the other.")
    if labels.BOXES not in options.teacher:
        return
    if not options.grabcut_iterations:
        raise UserError("--teacher=boxes has labels only where they are cut by colours: give --grabcut_iterations, 1 "
                        "for instance.")
    if options.label_area or options.mask_threshold != 0.5:
        raise UserError("--label_area and --mask_threshold do not go with --teacher=boxes, whose masks are the same "
                        "everywhere before they are cut.")


def train(options, *, folder, spread, teacher):
    """Builds everything in a distribution's scope, trains, and writes the weights."""
    data = photographs.load_training_data(**settings.data(), backgrounds_flag=options.backgrounds,
                                          num_evaluation_images=options.num_evaluation_images)
    inferred = settings.inference()
    masks = labels.teacher_masks(
        pipeline.inference(teacher.network, **{**inferred, "sharpen_temperature": 1.0, "threshold": 0.5}), data.crops,
        description=teacher.description, made_of=labels.fingerprint(data.crops, teacher.network), cache_dir=folder.path if spread.is_chief else None,
        max_megabytes=options.max_cache_megabytes)
    if options.label_area:
        inferred["threshold"] = refinement.threshold_of_area(masks, options.label_area)
    temperature, threshold = inferred["sharpen_temperature"], inferred["threshold"]
    cut = labels.cut_labels(
        labels.sharpen_labels(masks, temperature=temperature, threshold=threshold), data.photographs,
        crop_mode=options.crop, iterations=options.grabcut_iterations,
        cache_dir=folder.path if spread.is_chief else None)
    print(f"teacher {teacher.description}: its masks have a mean area of {masks.mean() / 255:.3f}, the labels made of "
          f"them of {cut.mean() / 255:.3f} (threshold {threshold:.3f})", flush=True)
    student = build_unet(width=options.student_width, size=options.image_size,
                                    batch_norm_momentum=options.batch_norm_momentum)
    optimizer = optimizers.make_optimizer(student.trainable_variables, **settings.single_optimization())
    training = distillation.Distillation(student=student, optimizer=optimizer,
                                         augmentation=options.augmentation, seed=options.seed,
                                         jit_compile=options.jit_compile)
    monitor = monitors.DistillationMonitor(
        labels=cut, student=student,
        shown=monitors.choose_validation_set(data, num_panel_images=options.num_panel_images, seed=options.seed + 1))

    def make_batches(start_step):
        return batches.distillation_batches(
            crops=data.crops, masks=cut, background_pool=data.pool, batch_size=options.batch_size,
            seed=options.seed, start_step=start_step, num_steps=options.num_steps, flip=options.flip,
            **spread.shards())

    num_steps = loop.train_in_folder(
        folder, training=training, spread=spread, make_batches=make_batches, screen_keys=SCREEN_KEYS,
        draw_panel=monitor.draw_panel, evaluate=monitor.evaluate if data.masks else None,
        evaluation_key="evaluation/mean_iou", **settings.run_options())
    save_weights(folder.path / "weights.npz", student, is_chief=spread.is_chief, metadata={
        "task": "distillation", "network": "unet", "width": options.student_width, "image_size": options.image_size,
        "crop": options.crop, "area_constant": teacher.area_constant, "num_steps": num_steps,
        "teacher": teacher.description,
        "figures": folder.last_evaluation(), "flags": folder.recorded()})


def main(argv):
    """Trains, or continues a run."""
    del argv
    options = flags.FLAGS
    spread = distribution.make_distribution(options.distribute, num_replicas=options.num_replicas)
    spread.check(batch_size=options.batch_size, jit_compile=options.jit_compile)
    check_labels(options)
    teacher = labels.load_teacher(options.teacher, image_size=options.image_size, crop=options.crop)
    inherit(teacher)
    folder = run_folder.RunFolder(options.run_dir)
    if spread.is_chief:
        folder.open(flag_lines=settings.flag_lines(), changeable=flags.CHANGEABLE,
                    default_lines=settings.default_lines(), removed=flags.REMOVED)
    environment.set_up(**settings.process())
    with spread.scope():
        train(options, folder=folder, spread=spread, teacher=teacher)


if __name__ == "__main__":
    flags.define_distillation()
    flags.define_inference("the teacher's masks, which are the labels,")
    flags.define_data(crop=None, image_size=None, split=None)
    flags.define_backgrounds()
    flags.define_optimization(batch_size=16, num_steps=3000)
    flags.define_run(run_dir="runs/distilled", evaluated="labelled photographs", num_evaluated=200)
    errors.run(main)
