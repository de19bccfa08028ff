"""Tells how well simple figures of a patch separate backgrounds from what surrounds the foreground in crops.

    python experiments/background_cues.py --dataset=birds --data_dir=CUB_200_2011 --backgrounds=box_windows --image_size=64

A mask cannot remove what tells them apart: 0.5 means that nothing does, 1 that every patch is recognised.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import flags  # before TensorFlow, whose environment it sets
from absl import flags as absl_flags
import tensorflow as tf

import config
import errors
from data import photographs

CORNER_SHARE = 0.25  # side of a corner over the crop's


def cues(patches: np.ndarray) -> np.ndarray:
    """Returns logarithms of sharpness, contrast and gradient of uint8 patches [n, S, S, 3]: float [n, 3].

    Sharpness is the mean absolute Laplacian of the grey values, contrast their standard deviation, and the gradient is
    the mean absolute difference of neighbours.
    """
    grey = patches.astype(np.float64).mean(axis=-1)
    middle = grey[:, 1:-1, 1:-1]
    laplacian = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
    gradient = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
    return np.log(1.0 + np.stack([np.abs(laplacian).mean(axis=(1, 2)), grey.std(axis=(1, 2)), gradient], axis=1))


def linear_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the share of held-out rows that a linear rule by least squares puts right.

    Args:
      first: float [n, k]; half of its rows, every other, are held out.
      second: float [n, k], of the other class.
    """
    def with_labels(rows):
        parts = [one[rows::2] for one in (first, second)]
        values = np.concatenate(parts)
        return np.column_stack([values, np.ones(len(values))]), np.repeat([1.0, -1.0], [len(part) for part in parts])

    values, labels = with_labels(0)
    weights = np.linalg.lstsq(values, labels, rcond=None)[0]
    values, labels = with_labels(1)
    return float(np.mean((values @ weights > 0) == (labels > 0)))


def corners(images: np.ndarray, *, generator: np.random.Generator) -> np.ndarray:
    """Cuts a random corner of each image, uint8 [n, S, S, 3]: [n, S / 4, S / 4, 3]."""
    side = round(CORNER_SHARE * images.shape[1])
    starts = generator.integers(2, size=(len(images), 2)) * (images.shape[1] - side)
    return np.stack([image[top : top + side, left : left + side] for image, (top, left) in zip(images, starts)])


def main(argv: list[str]) -> None:
    """Loads, cuts and measures."""
    del argv
    options = config.from_flags(config.Data)
    data = photographs.load_training_data(options)
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(data.crops))
    indices = generator.integers(data.pool.num_images, size=len(chosen))
    cut = tf.function(lambda index, seed: data.pool.patch(index, size=options.image_size, seed=seed))
    patches = np.stack([cut(index, tf.constant([0, number], tf.int64)).numpy() for number, index in enumerate(indices)])
    of_crops, of_patches = (cues(corners(images, generator=generator)) for images in (data.crops[chosen], patches))
    for name, values in (("corners of crops", of_crops), ("corners of backgrounds", of_patches)):
        print(f"{name}: sharpness {np.expm1(values[:, 0]).mean():.1f}, contrast {np.expm1(values[:, 1]).mean():.1f}")
    print(f"a linear rule tells them apart in {linear_accuracy(of_crops, of_patches):.3f} of the cases")


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    absl_flags.DEFINE_integer("num_evaluation_images", 0, "Not used.")
    errors.run(main)
