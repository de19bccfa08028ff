"""Measures a network's masks against reference masks (S5), beside those of trivial masks.

    python evaluate.py --run_dir=runs/fg                                                # on the bundled sample
    python evaluate.py --run_dir=runs/birds --dataset=birds --data_dir=CUB_200_2011
    python evaluate.py --weights=runs/birds/weights.npz --images=DIR --masks=DIR --boxes=FILE
"""

import flags  # before TensorFlow, whose environment it sets
from absl import flags as absl_flags

import config
import errors
from data import images, photographs
from errors import UserError
from evaluation import report
from extensions import grabcut
from inference import networks, pipeline
from visualization import panels, tiles


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
    if options.weights and not options.run_dir:
        loaded = networks.load_networks(options.weights)
    else:
        loaded = networks.load_network(run_dir=options.run_dir, weights=options.weights)
    loaded = networks.at_size(loaded, options.image_size)
    crop_options = {"size": loaded.image_size, "crop_mode": options.crop or loaded.crop}
    crops = images.load_crops(labelled, **crop_options)
    references = images.load_mask_crops(labelled, **crop_options)
    soft = pipeline.predict_masks(pipeline.inference(loaded.network, **vars(config.from_flags(config.Inference))), crops)
    baselines = {}
    if options.grabcut_iterations:
        cut_options = {"crop_mode": crop_options["crop_mode"], "iterations": options.grabcut_iterations}
        boxes = grabcut.masks_of_boxes(len(labelled), size=crop_options["size"])
        soft, boxes = (grabcut.cut_masks(masks, labelled, **cut_options) for masks in (soft, boxes))
        baselines["the boxes alone, cut"] = boxes
    scores = report.evaluate_masks(soft, references, names=[photograph.name for photograph in labelled],
                                   baselines=baselines)
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    print(f"{loaded.description} on {len(labelled)} labelled photographs of {len(found)} ('{dataset}'), "
          f"crop '{crop_options['crop_mode']}'\n")
    print(report.format_table(scores))
    path = report.write_report(scores, options.out)
    ranked = report.ranked_indices(scores, num_each=min(4, max(1, len(labelled) // 3)))
    panel = panels.ranked_panel(images=crops, masks=soft, references=references, ranked=ranked,
                                mean_ious=[entry["mean_iou"] for entry in scores["images"]])
    tiles.save_png(panel, path.parent / "evaluation.png")
    print(f"\nwrote {path} and {path.parent / 'evaluation.png'}")


if __name__ == "__main__":
    absl_flags.DEFINE_string("run_dir", None, "Run folder whose last checkpoint is measured.")
    absl_flags.DEFINE_multi_string("weights", None, "Weights file that is measured. Given several times, the mean of "
                                   "all networks' masks is measured (S20).")
    absl_flags.DEFINE_string("out", "evaluation_out", "Folder for evaluation.json and evaluation.png.")
    flags.define_inference()
    flags.define_data(crop=None, image_size=None)
    errors.run(main)
