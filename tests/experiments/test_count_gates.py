"""`experiments/count_gates.py`: true instances, cut out of a labelled picture or drawn."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from counting.student import Found
from data import samples
from data.illumination import Light
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


def test_a_given_student_is_applied_and_none_is_trained(monkeypatch):
    class Corner:
        metadata, ground, light = {}, "dense", Light()

        def find(self, picture):
            assert picture.shape == (256, 256, 3)  # twice as large, for windows of 32 pixels
            return Found(np.array([[[0, 0], [64, 0], [64, 64], [0, 64]]], np.float32), np.ones(1, np.float32))

    monkeypatch.setattr(count_gates.student, "load", {"a.npz": Corner()}.get)
    options = SimpleNamespace(student="a.npz", window_size=32, seed=0, self_training_rounds=0, ground=None, outlines="auto",
                              least_seen=0.0, gamma=None)
    row = count_gates.measure(options, count_pictures.drawn("bent_beans", size=128))
    assert row["num_found"] == 1 and row["num_true"] > 10 and row["instances"] == 0


def test_a_round_of_self_training_teaches_by_what_was_found(monkeypatch):
    square = np.array([[0, 0], [20, 0], [20, 20], [0, 20]], np.float32)

    class Squares:
        metadata, ground, light = {}, "dense", Light()

        def __init__(self, number):
            self._number = number

        def find(self, picture):
            return Found(np.stack([square + [20 + 24 * (one % 4), 20 + 24 * (one // 4)] for one in range(self._number)]),
                         np.ones(self._number, np.float32))

    def teach(options, instances, *, picture, scaled, is_cut):
        assert is_cut and instances.shape == (8, 64, 64, 4) and scaled.shape == (128, 128, 3)
        return Squares(5)

    monkeypatch.setattr(count_gates.student, "load", {"a.npz": Squares(8)}.get)
    monkeypatch.setattr(count_gates, "teach", teach)
    options = SimpleNamespace(student="a.npz", window_size=64, seed=0, self_training_rounds=1, ground=None, outlines="auto",
                              least_seen=0.0, amodal=False, cut_out_share=1.0, gamma=1.0)
    row = count_gates.measure(options, count_pictures.drawn("bent_beans", size=128))
    assert row["num_found"] <= 5 and row["instances"] == 8 and row["window_size"] == 64
