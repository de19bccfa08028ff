"""Writes a trained segmentation network as a TensorFlow SavedModel, which needs nothing of this project.

    python export.py --weights=runs/mine/weights.npz --out=mine_model

    masks = tf.saved_model.load("mine_model").signatures["serving_default"](images=crops)["masks"]

    python export.py --weights=runs/mine/weights.npz --out=served --serving_version=1
    tensorflow_model_server --model_name=mine --model_base_path=$PWD/served
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets
import tensorflow as tf
from absl import logging

import config
import errors
from inference.segmenter import Segmenter
import tool_config
import tool_flags


def main(argv: list[str]) -> None:
    """Loads, writes, and says what the signature is."""
    del argv
    options = config.from_flags(tool_config.Export)
    logging.set_verbosity(logging.WARNING)  # TensorFlow tells every step of saving, twice
    tf.get_logger().setLevel("WARNING")
    segmenter = Segmenter.from_weights(options.weights, **vars(options.inference))
    version = options.serving_version
    directory = options.out if version is None else os.path.join(options.out, str(version))
    segmenter.save_model(directory)
    size = segmenter.image_size
    print(f"wrote {directory}: images uint8 [B, {size}, {size}, 3] to masks float32 [B, {size}, {size}, 1] in "
          f"[0, 1]; the network was trained on '{segmenter.crop_mode}' crops")


if __name__ == "__main__":
    tool_flags.define_weights()
    flags.define_inference(with_pictures=False)
    tool_flags.define_export()
    errors.run(main)
