"""Which sampled instances composites are made of."""

import numpy as np
import pytest

from counting import generator
from errors import UserError

PHOTOGRAPH = np.repeat(np.linspace(0, 255, 100).astype(np.uint8).reshape(10, 10, 1), 3, axis=2)


def instance(*, brightness, second_piece=False):
    rgba = np.zeros((16, 16, 4), np.float32)
    rgba[..., :3] = brightness
    rgba[4:10, 4:10, 3] = 1.0
    if second_piece:
        rgba[14:, 14:, 3] = 1.0
    return rgba


def test_dark_instances_and_those_in_pieces_are_left_out():
    bright = instance(brightness=0.7)
    kept = generator.usable(np.stack([bright, instance(brightness=0.05), instance(brightness=0.7, second_piece=True)]),
                            PHOTOGRAPH)
    np.testing.assert_array_equal(kept, bright[np.newaxis])


def test_a_generator_of_dark_patches_alone_is_refused():
    with pytest.raises(UserError, match="of 3 instances of the generator 0 are one piece and not dark"):
        generator.usable(np.stack([instance(brightness=0.05)] * 3), PHOTOGRAPH)
