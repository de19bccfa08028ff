"""Picture files that several tests make."""

import numpy as np
from PIL import Image


def gradient(height, width):
    """An image whose red channel is the column and whose green channel is the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=-1)


def save(path, array, **options):
    """Saves an array as a picture; returns the path as text."""
    Image.fromarray(array).save(path, **options)
    return str(path)
