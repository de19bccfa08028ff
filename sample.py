"""Samples instances with masks from a generator that train_hoc.py trained.

    python sample.py --run_dir=runs/beans --out=beans                              # the instances of the run's figures
    python sample.py --weights=pretrained/oranges.npz --out=oranges --num_samples=100 --seed=7
    python sample.py --weights=pretrained/nuclei.npz --labels=data/samples/nuclei/07fb37aa_labels.png --out=nuclei

Writes RGBA pictures, a sheet of them on a checkerboard and a traversal of each latent, and prints the figures.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets

import config
import errors
from errors import UserError
from inference.sampler import InstanceSampler, samples_beyond, weights_path
from storage import atomic
from visualization import tiles
import tool_config
import tool_flags


FIGURES, SHOWN = "figures.json", ("sheet.png", "traversal.png")


def check_out(options: tool_config.Sampling) -> None:
    """Raises UserError where files would stay beside new ones, or be replaced that no call of this script has written."""
    if beyond := samples_beyond(options.out, options.num_samples):
        raise UserError(f"--out={options.out} holds more instances than --num_samples={options.num_samples}, {beyond[0].name} "
                        "for one, which would stay beside the new ones; give another folder.")
    paths = [os.path.join(options.out, name) for name in (FIGURES, *SHOWN)] + samples_beyond(options.out, 0)
    there = [path for path in paths if os.path.exists(path)]
    if there and not os.path.exists(paths[0]):
        raise UserError(f"{there[0]}, which sample.py has not written, would be overwritten; give another --out.")
    atomic.refuse_inputs([options.labels] if options.labels else [], written=there)


def main(argv: list[str]) -> None:
    """Loads, samples, writes, prints."""
    del argv
    options = config.from_flags(tool_config.Sampling)
    weights = weights_path(run_dir=options.run_dir, weights=options.weights)
    check_out(options)
    sampler, metadata = InstanceSampler.from_weights(
        weights, num_evaluated=options.num_evaluation_images, seed=options.seed, labels=options.labels)
    figures = sampler.metrics()
    print(f"{weights} (step {metadata.get('num_steps')})")
    for name, value in figures.items():
        print(f"    {name:24} {value:.3f}")
    pictures = sampler.pictures(options.num_samples)
    # First, since a folder that has it is this script's.
    atomic.write(os.path.join(options.out, FIGURES), json.dumps(figures, indent=2) + "\n")
    for name, picture in pictures.items():
        tiles.save_png(picture, os.path.join(options.out, name))
    print(f"{options.num_samples} instances, sheet.png, traversal.png and figures.json are in {options.out}")


if __name__ == "__main__":
    flags.define_path("run_dir", None, "Run folder of train_hoc.py, whose run has ended.")
    flags.define_path("weights", None, "Weights file of an instance generator: weights.npz of such a folder.")
    tool_flags.define_sampling()
    errors.run(main)
