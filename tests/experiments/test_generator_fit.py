"""`experiments/generator_fit.py`: instances beside the true shapes of a picture with labels."""

import dataclasses

import numpy as np
import pytest

from conftest import ROOT
from errors import UserError
from experiments import generator_fit


def boxes(*sides):
    """RGBA pictures with a grey box of each height and width in the middle."""
    pictures = np.zeros((len(sides), 64, 64, 4), np.float32)
    for picture, (height, width) in zip(pictures, sides):
        picture[32 - height // 2:32 + height // 2, 32 - width // 2:32 + width // 2] = (0.5, 0.5, 0.5, 1.0)
    return pictures


def test_instances_are_compared_with_the_shape_that_each_fits_best():
    shapes = boxes((20, 20), (40, 20))[..., 3] > 0
    figures = generator_fit.fit(boxes((20, 20), (20, 10)), shapes)
    assert figures["best_shape_iou"] == pytest.approx((1.0 + 0.5) / 2)
    assert figures["area_mean"] == pytest.approx((400 + 200) / 2 / 64**2)
    assert figures["area_std"] == pytest.approx(100 / 64**2)
    assert figures["area_std_of_shapes"] == pytest.approx(200 / 64**2)
    assert figures["single_piece_fraction"] == 1.0


@pytest.fixture
def options():
    """Of a measurement of the bundled nuclei."""
    return generator_fit.Options(data=None, picture="07fb37aa", weights=str(ROOT / "pretrained/nuclei.npz"), num_samples=32, seed=0,
                                 out=None)


def test_the_bundled_nuclei_fit_true_ones(options):
    figures = generator_fit.measure(options)
    assert figures["best_shape_iou"] > 0.8 and figures["num_shapes"] > 200 and 10 < figures["num_instances"] <= 32


def test_a_picture_without_labels_is_named(options):
    with pytest.raises(UserError, match="there is no picture limes with labels; give --data"):
        generator_fit.measure(dataclasses.replace(options, picture="limes"))
