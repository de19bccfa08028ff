"""Measures a network's masks against reference masks (S5), beside those of trivial masks.

    python evaluate.py --run_dir=runs/birds                  # on the run's own photographs
    python evaluate.py --run_dir=runs/fg --dataset=pets      # on the bundled pets

On other photographs, and in pictures instead of crops:

    python evaluate.py --weights=runs/birds/weights.npz --images=DIR --masks=DIR --boxes=FILE
    python evaluate.py --run_dir=runs/birds --protocol=redo
"""

import os
import sys
from typing import Any, Sequence

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets
import numpy as np

import config
import errors
from data import decoding, masks, photographs
from data.images import Crops, Photograph
from errors import UserError
from evaluation import frames, report
from extensions import grabcut
from inference import networks, pipeline
from storage import atomic
from visualization import panels, tiles
import tool_config
import tool_flags


def labelled_photographs(options: config.Photographs) -> list[Photograph]:
    """Lists the photographs that have a reference mask, and says how many there are; UserError where none has."""
    names = ("dataset", "data_dir", "images", "boxes", "boxes_format", "masks", "split", "split_file")
    named = {name: getattr(options, name) for name in names}
    found = photographs.list_photographs(**named)
    labelled = [photograph for photograph in found if photograph.mask_path]
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    if not labelled:
        raise UserError(f"none of the {len(found)} photographs has a reference mask ('{dataset}'); give --masks, or a "
                        "data set that has some, such as --dataset=pets.")
    print(f"{len(labelled)} labelled photographs of {len(found)} ('{dataset}'), crop '{options.crop}'", flush=True)
    return labelled


def predict(options: tool_config.Evaluation, network: Any, labelled: Sequence[Photograph],
            crops: Crops) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Predicts masks, and cuts them by colours where asked.

    Returns:
      soft masks, float32 [n, S, S, 1], and trivial masks to compare with, by name.
    """
    soft = pipeline.predict_masks(pipeline.inference(network, **vars(options.inference)), crops, shows_progress=True)
    if not options.grabcut_iterations:
        return soft, {}
    soft, boxes = (grabcut.cut_masks(masks, labelled, crop_mode=options.photographs.crop,
                                     iterations=options.grabcut_iterations)
                   for masks in (soft, grabcut.masks_of_boxes(len(labelled), size=crops.shape[1])))
    return soft, {"the boxes alone, cut": boxes}


def measure(masks: dict[str, np.ndarray], references: np.ndarray, labelled: Sequence[Photograph], *, crop_mode: str,
            protocol: str) -> dict[str, Any]:
    """Measures masks where the protocol says.

    Args:
      masks: by name, soft masks float32 [n, S, S, 1]: 'masks', and trivial ones to compare with.
      references: uint8 [n, S, S, 1], of the crops.
      labelled: the n photographs.
      crop_mode: how crops are taken.
      protocol: one of `frames.PROTOCOLS`.

    Returns:
      The report, as `evaluation.report` describes it.
    """
    names = [one.name for one in labelled]
    if protocol == "box":
        baselines = {name: values for name, values in masks.items() if name != "masks"}
        return report.evaluate_masks(masks["masks"], references, names=names, baselines=baselines)
    return report.of_counts(frames.frame_counts(masks, labelled, crop_mode=crop_mode, protocol=protocol), names=names,
                            protocol=protocol)


def main(argv: list[str]) -> None:
    """Predicts, measures, prints and writes."""
    del argv
    told = config.from_flags(tool_config.Evaluation)
    if told.weights and not told.run_dir:
        loaded = networks.load_networks(told.weights)
    else:
        loaded = networks.load_network(run_dir=told.run_dir, weights=told.weights)
    loaded = networks.at_size(loaded, told.photographs.image_size)
    given = networks.inherited_flags(loaded, told.photographs)
    if told.protocol == "redo" and not told.photographs.split:
        given["split"] = "test"
    if {"dataset", "data_dir", "images"} & set(given):
        print("measured on the photographs of the network's own run, since no other are given", flush=True)
    options = config.from_flags(tool_config.Evaluation, given=given)
    decoding.allow_megapixels(options.photographs.max_megapixels)
    labelled = labelled_photographs(options.photographs)
    panel_path = os.path.join(options.out, "evaluation.png")
    atomic.refuse_inputs([path for photograph in labelled for path in (photograph.path, photograph.mask_path)],
                         written=[os.path.join(options.out, report.REPORT_NAME), panel_path])
    cropping = {"size": options.photographs.image_size, "crop_mode": options.photographs.crop}
    crops, references = Crops(labelled, **cropping), masks.load_mask_crops(labelled, **cropping)
    soft, baselines = predict(options, loaded.network, labelled, crops)
    scores = measure({"masks": soft, **baselines}, references, labelled, crop_mode=options.photographs.crop,
                     protocol=options.protocol)
    print(f"{loaded.description}, protocol '{options.protocol}'\n\n{report.format_table(scores)}")
    path = report.write_report(scores, options.out)
    ranked = report.ranked_indices(scores, num_each=min(4, max(1, len(labelled) // 3)))
    shown = sorted(index for indices in ranked.values() for index in indices)
    panel = panels.ranked_panel(
        images=Crops([labelled[index] for index in shown], **cropping)[:], masks=soft[shown],
        references=references[shown] == 1, mean_ious=[scores["images"][index]["mean_iou"] for index in shown],
        ranked={title: [shown.index(index) for index in indices] for title, indices in ranked.items()})
    tiles.save_png(panel, panel_path)
    print(f"\nwrote {path} and {panel_path}")


if __name__ == "__main__":
    flags.define_path("run_dir", None, "Run folder whose last checkpoint is measured.")
    flags.define_paths("weights", None, "Weights file that is measured. Given several times, the mean of "
                       "all networks' masks is measured (S20).")
    flags.define_path("out", "evaluation_out", "Folder for evaluation.json and evaluation.png.")
    tool_flags.define_protocol()
    flags.define_inference()
    flags.define_data(crop=None, image_size=None, split=None)
    errors.run(main)
