"""Writes a weights file again in half precision, for release; everything that it says of itself stays.

    python experiments/release.py --weights=runs/birds_compact/weights.npz --out=pretrained/birds_compact.npz
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

from training import checkpoint, foreground  # noqa: E402


def main(argv):
    """Reads, writes, and says the sizes."""
    del argv
    options = flags.FLAGS
    network = foreground.load_network(weights=options.weights).network
    metadata = {name: value for name, value in checkpoint.read_weights(options.weights)[0].items() if name != "format"}
    # What the run's machine called its folders is nobody else's business.
    metadata["flags"] = {name: line for name, line in metadata["flags"].items() if name not in options.leave_out}
    metadata["teacher"] = os.path.basename(str(metadata.get("teacher", "")))
    checkpoint.save_weights(options.out, network, metadata=metadata, half_precision=True)
    print(f"{options.weights}, {os.path.getsize(options.weights)} bytes, is {options.out}, "
          f"{os.path.getsize(options.out)} bytes")


if __name__ == "__main__":
    absl_flags.DEFINE_string("weights", None, "Weights file of train_fg.py or distill.py.", required=True)
    absl_flags.DEFINE_string("out", None, "File to write.", required=True)
    absl_flags.DEFINE_list("leave_out", ["run_dir", "teacher", "data_dir", "images", "boxes", "masks", "backgrounds"],
                           "Flags that are not kept in the file, since they name folders.")
    flags.run(main)
