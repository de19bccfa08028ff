"""Learns foreground masks from box-labelled photographs: the paper's first application.

    python train_fg.py                                                     # the bundled sample
    python train_fg.py --flagfile=experiments/fg_birds.flags --data_dir=CUB_200_2011 --backgrounds=landscapes
    python train_fg.py --images=my/photographs --boxes=my/boxes.txt --backgrounds=my/landscapes --run_dir=runs/mine

The same command continues a run that was stopped or killed.
"""

import flags  # before TensorFlow, whose environment it sets
import numpy as np

from data import batches, images, photographs
from models.discriminator import Discriminator
from training import checkpoint, environment, foreground, loop, run_folder

SCREEN_KEYS = {"discriminator/total_loss": "D", "generator/adversarial_loss": "G", "mask/area_mean": "area",
               "mask/undecided_fraction": "undecided"}


def load_data(options):
    """Loads what the flags name. Returns (crops, labelled masks by index, names, background pool)."""
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    found = photographs.list_photographs(
        dataset=dataset, data_dir=options.data_dir, images=options.images, boxes=options.boxes, masks=options.masks,
        split=options.split)
    crop = {"size": options.image_size, "crop_mode": options.crop}
    pool = photographs.load_backgrounds(backgrounds_flag=options.backgrounds, dataset=dataset, photographs=found,
                                        size=options.image_size)
    crops = images.load_crops(found, **crop)
    labelled = [index for index, photograph in enumerate(found) if photograph.mask_path]
    spread = np.unique(np.linspace(0, len(labelled) - 1, min(len(labelled), options.num_evaluation_images)).astype(int))
    labelled = [labelled[place] for place in spread]
    masks = images.load_mask_crops([found[index] for index in labelled], **crop) if labelled else []
    print(f"{len(found)} photographs ({dataset}), {len(labelled)} of them with masks for evaluation alone, "
          f"{pool.num_images} background pictures", flush=True)
    return crops, dict(zip(labelled, masks)), [photograph.name for photograph in found], pool


def build(options, area):
    """Builds the networks and their training from the flags. Returns (network, `AdversarialTraining`)."""
    network = foreground.build_unet(size=options.image_size, **flags.generator())
    training = foreground.build_training(
        network=network, discriminator=Discriminator(**flags.discriminator()), size=options.image_size,
        optimization=flags.optimization(), **flags.objective(area=area))
    return network, training


def inspection_of(network, *, crops, masks, names, pool, options):
    """Chooses the panel's photographs, labelled ones where there are any, and their backgrounds."""
    order = sorted(masks) or list(range(len(crops)))
    count = min(options.num_panel_images, len(order))
    panel_indices = [order[place] for place in np.linspace(0, len(order) - 1, count).astype(int)]
    indices = panel_indices + [index for index in order if index not in panel_indices]
    drawn = next(iter(batches.foreground_batches(crops=crops[:1], background_pool=pool, batch_size=count, num_steps=1,
                                                 seed=options.seed + 1)))
    return foreground.ForegroundInspection(
        network, crops=crops[indices], names=[names[index] for index in indices],
        masks={place: masks[index] for place, index in enumerate(indices) if index in masks},
        backgrounds=drawn["backgrounds"].numpy())


def main(argv):
    """Trains, or continues a run."""
    del argv
    options = flags.FLAGS
    folder = run_folder.RunFolder(options.run_dir)
    folder.open(flag_lines=flags.lines(), changeable=flags.CHANGEABLE)
    environment.set_up(seed=options.seed, deterministic=options.deterministic, mixed_precision=options.mixed_precision)
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    area = photographs.default_area(dataset) if options.area_constant is None else options.area_constant
    crops, masks, names, pool = load_data(options)
    network, training = build(options, area)
    print(f"area constant {area}", flush=True)
    inspection = inspection_of(network, crops=crops, masks=masks, names=names, pool=pool, options=options)

    def make_batches(start_step):
        return batches.foreground_batches(
            crops=crops, background_pool=pool, batch_size=options.batch_size * options.num_discriminator_updates,
            seed=options.seed, start_step=start_step, num_steps=options.num_steps, flip=options.flip,
        ).map(foreground.to_training_batch)

    num_steps = loop.train_in_folder(
        folder, flag_lines=flags.lines(), objects=training.objects(), step=training.step, make_batches=make_batches,
        num_steps=options.num_steps, batch_size=options.batch_size, cadence=loop.Cadence(**flags.cadence()),
        screen_keys=SCREEN_KEYS, draw_panel=inspection.draw_panel, evaluate=inspection.evaluate if masks else None,
        evaluation_key="evaluation/mean_iou")
    checkpoint.save_weights(folder.path / "weights.npz", network, metadata={
        "task": "foreground", "network": "unet", "width": options.generator_width, "image_size": options.image_size,
        "crop": options.crop, "area_constant": area, "num_steps": num_steps,
        "flags": {name: line for name, line in flags.lines().items() if line}})


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{photographs.PAPER_AREA} (Table 3), with the bundled pets "
                           f"{photographs.SAMPLES_AREA}, which is what they cover of their boxes", area_ramp_steps=2000)
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/fg", evaluated="labelled photographs", num_evaluated=200)
    flags.run(main)
