"""Writes a weights file again in half precision, for release; everything that it says of itself stays.

    python experiments/release.py --weights=runs/birds_compact/weights.npz --out=pretrained/birds_compact.npz
    python experiments/release.py --weights=runs/oranges/weights.npz --out=pretrained/oranges.npz
    python experiments/release.py --weights=nuclei_counted/student.npz --out=pretrained/nuclei_student.npz

An instance generator's figures are measured anew, on the weights as released.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from errors import UserError  # noqa: E402
from inference.sampler import InstanceSampler  # noqa: E402
from storage.weights import read_weights, write_weights  # noqa: E402

NUM_EVALUATED = 256


@config.frozen
class Options:
    """The script's flags."""

    weights: str
    out: str
    leave_out: list


def main(argv):
    """Reads, writes, and says the sizes."""
    del argv
    options = config.from_flags(Options)
    if os.path.realpath(options.weights) == os.path.realpath(options.out):
        raise UserError(f"--out={options.out} is the file of --weights, which it would replace; give another.")
    metadata, arrays = read_weights(options.weights)
    # What the run's machine called its folders is nobody else's business.
    if "flags" in metadata:  # which a student of count.py has not
        metadata["flags"] = {name: line for name, line in metadata["flags"].items() if name not in options.leave_out}
    if "teacher" in metadata:
        metadata["teacher"] = " and ".join(os.path.basename(one) for one in str(metadata["teacher"]).split(" and "))
    write_weights(options.out, arrays, metadata=metadata, half_precision=True)
    if metadata.get("network") == "instance_generator":
        sampler, _ = InstanceSampler.from_weights(options.out, num_evaluated=NUM_EVALUATED)
        metadata["figures"] = sampler.metrics()
        write_weights(options.out, arrays, metadata=metadata, half_precision=True)
    print(f"{options.weights}, {os.path.getsize(options.weights)} bytes, is {options.out}, "
          f"{os.path.getsize(options.out)} bytes")


if __name__ == "__main__":
    flags.define_path("weights", None, "Weights file of a training script, or a student of count.py.", required=True)
    flags.define_path("out", None, "File to write.", required=True)
    absl_flags.DEFINE_list("leave_out", ["run_dir", "teacher", "data_dir", "image", "images", "boxes", "masks",
                                         "backgrounds", "initial_weights"],
                           "Flags that are not kept in the file, since they name folders.")
    errors.run(main)
