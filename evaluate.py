"""Measures a network's masks against reference masks (S5), beside those of trivial masks.

    python evaluate.py --run_dir=runs/fg                                                # on the bundled sample
    python evaluate.py --run_dir=runs/birds --dataset=birds --data_dir=CUB_200_2011
    python evaluate.py --weights=runs/birds/weights.npz --images=DIR --masks=DIR --boxes=FILE
"""

import flags  # before TensorFlow, whose environment it sets
import tensorflow as tf
from absl import flags as absl_flags

import visualization
from data import images, photographs
from errors import UserError
from evaluation import evaluator
from training import checkpoint, foreground, run_folder


def load_network(options):
    """Loads a run's or a weights file's network. Returns (network, image size, crop mode, its own description)."""
    if bool(options.run_dir) == bool(options.weights):
        raise UserError("give either --run_dir, a run folder, or --weights, a weights file.")
    if options.weights:
        metadata, arrays = checkpoint.read_weights(options.weights)
        if metadata.get("network") != "unet":
            raise UserError(f"{options.weights} holds a {metadata.get('network')!r}, expected a 'unet'.")
        size, crop = int(metadata["image_size"]), metadata["crop"]
        network = foreground.build_unet(width=float(metadata["width"]), size=size)
        checkpoint.assign_weights(network, arrays, path=options.weights)
        return network, size, crop, f"{options.weights} (step {metadata.get('num_steps')})"
    values = run_folder.read_flags(options.run_dir)
    folder = run_folder.RunFolder(options.run_dir)
    size, crop = int(values["image_size"]), values["crop"]
    network = foreground.build_unet(width=float(values["generator_width"]), size=size)
    step = checkpoint.restore_generator(folder.checkpoint_dir, network)
    return network, size, crop, f"{options.run_dir} (step {step})"


def main(argv):
    """Predicts, measures, prints and writes."""
    del argv
    options = flags.FLAGS
    found = photographs.list_photographs(
        dataset=options.dataset, data_dir=options.data_dir, images=options.images, boxes=options.boxes,
        masks=options.masks, split=options.split)
    labelled = [photograph for photograph in found if photograph.mask_path]
    if not labelled:
        raise UserError(f"none of the {len(found)} photographs has a reference mask; give --masks, or a data set "
                        "that has some.")
    network, size, crop, description = load_network(options)
    crop_options = {"size": options.image_size or size, "crop_mode": options.crop or crop}
    crops = images.load_crops(labelled, **crop_options)
    references = images.load_mask_crops(labelled, **crop_options)
    predict = tf.function(lambda batch, training=False: network(batch, training=training))
    soft = evaluator.predict_masks(predict, crops)
    report = evaluator.evaluate_masks(soft, references, names=[photograph.name for photograph in labelled])
    print(f"{description} on {len(labelled)} labelled photographs of {len(found)}, "
          f"crop '{crop_options['crop_mode']}'\n")
    print(evaluator.format_table(report))
    path = evaluator.write_report(report, options.out)
    ranked = evaluator.ranked_indices(report, num_each=min(4, max(1, len(labelled) // 3)))
    panel = visualization.ranked_panel(images=crops, masks=soft, references=references, ranked=ranked,
                                       mean_ious=[entry["mean_iou"] for entry in report["images"]])
    visualization.save_png(panel, path.parent / "evaluation.png")
    print(f"\nwrote {path} and {path.parent / 'evaluation.png'}")


if __name__ == "__main__":
    absl_flags.DEFINE_string("run_dir", None, "Run folder whose last checkpoint is measured.")
    absl_flags.DEFINE_string("weights", None, "Weights file that is measured.")
    absl_flags.DEFINE_string("out", "evaluation_out", "Folder for evaluation.json and evaluation.png.")
    flags.define_data(crop=None, image_size=None)
    flags.run(main)
