"""Label images."""

import numpy as np
from PIL import Image
import pytest

from data import label_images
from errors import UserError

LABELS = np.zeros((10, 12), np.uint16)
LABELS[2:5, 2:4], LABELS[6:8, 5:9], LABELS[0:2, 9:11] = 300, 7, 5  # the last touches the border


def save(path, array):
    Image.fromarray(array).save(path)
    return str(path)


def test_instances_are_cut_apart_without_those_at_the_border():
    shapes = label_images.shapes_of(LABELS, scale=1.0)
    assert shapes.shape == (2, 4, 4) and sorted(shapes.sum(axis=(1, 2))) == [6, 8]
    assert sorted(label_images.shapes_of(LABELS, scale=2.0).sum(axis=(1, 2))) == [24, 32]
    with pytest.raises(UserError, match="no instance that lies wholly inside"):
        label_images.shapes_of(LABELS[:2], scale=1.0)


def test_labels_of_sixteen_bits_are_read(tmp_path):
    read = label_images.read_labels(save(tmp_path / "labels.png", LABELS), shape=(10, 12), picture="nuts.png")
    np.testing.assert_array_equal(read, LABELS)


@pytest.mark.parametrize("array, message", [
    (np.zeros((10, 12), np.uint8), "or it numbers nothing"), (LABELS[:5], "it is 12x5 pixels and the picture 12x10"),
    (np.zeros((10, 12, 3), np.uint8), "3 channels")])
def test_what_is_no_label_image_is_refused(tmp_path, array, message):
    with pytest.raises(UserError, match=message):
        label_images.read_labels(save(tmp_path / "labels.png", array), shape=(10, 12), picture="nuts.png")
    with pytest.raises(UserError, match="cannot be read as a label image"):
        label_images.read_labels(str(tmp_path / "missing.png"), shape=(10, 12), picture="nuts.png")
