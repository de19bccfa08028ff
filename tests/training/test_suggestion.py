"""Suggested flags, on the bundled photographs whose windows were chosen by eye."""

import re

import numpy as np
import pytest

from data import decoding, samples
from errors import UserError
from training import hoc, suggestion


def flags_of(text):
    return {name: float(value) for name, value in re.findall(r"--(\w+)=([\d.]+)", text)}


@pytest.mark.parametrize("path, by_eye", [(samples.HAZELNUTS_IMAGE, 150), (samples.FRUIT_IMAGE, samples.FRUIT_WINDOW_SIZE)])
def test_windows_are_near_those_chosen_by_eye(path, by_eye):
    found = flags_of(suggestion.suggest(decoding.load_image(path), on_black=False))
    assert 0.7 * by_eye <= found["window_size"] <= 1.3 * by_eye
    assert 0.15 <= found["area_constant"] <= 0.3
    assert hoc.uncovered_fraction(num_layers=12, area=found["area_constant"], padding=int(found["padding"])) <= 0.006


def test_nuclei_on_black_have_a_window_of_their_size():
    found = flags_of(suggestion.suggest(decoding.load_image(samples.NUCLEI_IMAGE), on_black=True))
    assert 28 <= found["window_size"] <= 46  # nuclei are 21 pixels wide in the median, the largest 30


def test_a_picture_without_a_size_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="no size of instances stands out"):
        suggestion.suggest(np.full((100, 100, 3), 90, np.uint8), on_black=False)
