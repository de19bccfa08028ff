"""`experiments/count_gates.py`: true instances, cut out of a labelled picture or drawn."""

from pathlib import Path

import numpy as np
import pytest

from data import samples
from evaluation import detection
from experiments import count_gates, count_pictures


def test_true_nuclei_are_cut_out_whole_in_the_middle():
    picture = count_pictures.with_labels(Path(samples.NUCLEI_LABELS))
    window = count_gates.window_of(picture, given=None)
    assert window == round(1.7 * picture.diameter) and count_gates.window_of(picture, given=46) == 46
    instances = count_gates.true_instances(picture, window_size=window)
    assert 200 < len(instances) < picture.labels.max() and instances.shape[1:] == (64, 64, 4)
    areas = (instances[..., 3] >= 0.5).sum(axis=(1, 2))
    diameter = float(np.median(2.0 * np.sqrt(areas / np.pi)))
    assert diameter == pytest.approx(detection.median_diameter(picture.labels) * 64 / window, rel=0.1)
    assert (instances[:, 20:44, 20:44, 3].mean(axis=(1, 2)) > instances[..., 3].mean(axis=(1, 2))).all()


def test_drawn_instances_need_no_labels():
    picture = count_pictures.drawn("bent_beans", size=128)
    assert count_gates.true_instances(picture, window_size=64).shape == (count_gates.NUM_INSTANCES, 64, 64, 4)
