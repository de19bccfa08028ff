"""The cluster task: its paddings, its layouts, and how much of the hole they leave uncovered."""

import types

import numpy as np
import pytest
import tensorflow as tf

from errors import UserError
from models.composition import Instance
from models.layout import TranslationLayout
from training import hoc, hoc_checks


@pytest.mark.parametrize("padding, area", [(30, 0.1), (32, 0.25), (26, 0.25)])
def test_the_papers_paddings_are_taken(padding, area):
    hoc_checks.check_padding(padding, area=area)


@pytest.mark.parametrize("area", [0.05, 0.1, 0.25, 0.5])
def test_a_padding_is_taken_as_long_as_a_disk_moved_by_it_both_ways_is_still_seen(area):
    offset = np.arange(64) - 31.5
    disk = np.hypot(offset[:, np.newaxis], offset) <= 64 * np.sqrt(area / np.pi)
    largest = max(padding for padding in range(64) if disk[:64 - padding, :64 - padding].any())
    hoc_checks.check_padding(largest, area=area)
    with pytest.raises(UserError, match=f"--padding={largest + 1} can push a whole instance out of its 64-pixel window;"
                                        f" instances that cover {area} of it can be moved by at most {largest} "):
        hoc_checks.check_padding(largest + 1, area=area)


@pytest.mark.parametrize("padding", [45, 51, 64])
def test_paddings_that_push_an_instance_of_a_quarter_out_of_the_window_are_refused(padding):
    """Moved by 45 both ways, a disk of radius 18 about (77, 77) ends 18.4 - 18.1 pixels before the corner (64, 64)."""
    with pytest.raises(UserError, match=f"--padding={padding} can push .* by at most 44 "):
        hoc_checks.check_padding(padding, area=0.25)


@pytest.mark.parametrize("max_magnification, words", [(1.0, "cover 0.25 of it can"),
                                                      (1.5, "cover 0.111111 of it where they are smallest can")])
def test_a_padding_is_checked_for_the_smallest_instances(max_magnification, words):
    hoc_checks.check_padding(int(31.5 + 18.05 / max_magnification / 1.4142), area=0.25, max_magnification=max_magnification)
    with pytest.raises(UserError, match=words):
        hoc_checks.check_padding(int(32.5 + 18.05 / max_magnification / 1.4142), area=0.25,
                          max_magnification=max_magnification)


def drawn_places(layout, *, count=300):
    """Areas, centroids [count, 2] and directions of the longer axis, degrees in [0, 180), of one bar that is laid out."""
    rows, columns = np.indices([64, 64])
    bar = ((np.abs(rows - 31.5) < 3) & (np.abs(columns - 31.5) < 12)).astype(np.float32)
    bars = tf.tile(tf.constant(bar)[tf.newaxis, tf.newaxis, :, :, tf.newaxis], [1, count, 1, 1, 1])
    masks = layout.warp(Instance(tf.repeat(bars, 3, axis=-1), bars), layout.sample([1, count], seed=[3, 4])).mask
    masks = masks[0, ..., 0].numpy()
    areas = masks.sum(axis=(1, 2))
    places = np.stack([(masks * axis).sum(axis=(1, 2)) / areas - 31.5 for axis in (rows, columns)], axis=-1)
    down, right = rows - 31.5 - places[:, 0, None, None], columns - 31.5 - places[:, 1, None, None]
    moments = [(masks * product).sum(axis=(1, 2)) / areas for product in (down * down, right * right, down * right)]
    directions = np.degrees(0.5 * np.arctan2(2 * moments[2], moments[1] - moments[0])) % 180
    return areas / bar.sum(), places, directions


def test_the_papers_layout_moves_by_whole_pixels_and_nothing_else():
    assert isinstance(hoc.make_layout(padding=7), TranslationLayout)
    areas, places, directions = drawn_places(hoc.make_layout(padding=7))
    np.testing.assert_allclose(areas, 1.0)
    np.testing.assert_allclose(places, np.round(places), atol=1e-4)
    assert np.abs(places).max() == pytest.approx(7) and np.minimum(directions, 180 - directions).max() < 0.1


@pytest.mark.parametrize("degrees", [20.0, 180.0])
def test_instances_are_turned_by_up_to_as_many_degrees_and_scaled_within_bounds(degrees):
    areas, places, directions = drawn_places(
        hoc.make_layout(padding=7, max_rotation=degrees, max_magnification=1.25))
    factors = np.sqrt(areas)
    assert 0.79 < factors.min() < 0.83 and 1.22 < factors.max() < 1.26  # 1 / 1.25 to 1.25
    assert 6.5 < np.abs(places).max() < 7.01
    turned = np.minimum(directions, 180 - directions).max()
    assert 0.95 * min(degrees, 90) < turned < min(degrees, 90) + 0.5


@pytest.mark.parametrize("padding, radius", [(26, 20.0), (14, 20.0), (26, 0.0)])
def test_the_uncovered_share_is_what_random_disks_leave(padding, radius):
    """Disks of the area, placed as the layout places instances, leave the estimated share of the hole uncovered."""
    generator, area, num_layers = np.random.default_rng(0), 0.12, 12
    disk = 64 * np.sqrt(area / np.pi)
    centres = generator.integers(-padding, padding + 1, [20000, num_layers, 2])
    angles, distances = generator.uniform(0, 2 * np.pi, 20000), radius * np.sqrt(generator.uniform(0, 1, 20000))
    points = np.stack([distances * np.cos(angles), distances * np.sin(angles)], axis=-1)[:, np.newaxis]
    measured = (np.hypot(*np.moveaxis(points - centres, -1, 0)) > disk).all(axis=1).mean()
    estimated = hoc.uncovered_fraction(num_layers=num_layers, area=area, padding=padding, disk_radius=radius)
    assert estimated == pytest.approx(measured, rel=0.1, abs=0.003)


def test_the_uncovered_share_counts_areas_of_scaled_instances():
    """Of one instance it is one less what it covers, and scales on [0.5, 2] have a mean square of 1.75."""
    plain, scaled = (hoc.uncovered_fraction(num_layers=1, area=0.1, padding=26, disk_radius=0, max_magnification=magnification)
                     for magnification in (1.0, 2.0))
    assert (1 - scaled) / (1 - plain) == pytest.approx(1.75, rel=0.04)  # whole pixels


@pytest.mark.parametrize("row, expected", [((8, 0.1, 30), 0.383), ((10, 0.25, 32), 0.063), ((12, 0.25, 26), 0.008)])
def test_the_uncovered_share_of_table_4(row, expected):
    num_layers, area, padding = row
    share = hoc.uncovered_fraction(num_layers=num_layers, area=area, padding=padding)
    assert share == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("background, radius, message", [
    ("black", 30.0, "--disk_radius=30 is of --background=disk, and here it is black"),
    ("disk", 100.0, "--disk_radius=100 leaves nothing of a window of 64 pixels; give --background=black, or at most 45"),
])
def test_a_hole_that_does_nothing_or_leaves_nothing_is_refused(background, radius, message):
    scenes = types.SimpleNamespace(background=background, disk_radius=radius)
    with pytest.raises(UserError, match=message):
        hoc_checks.check_hole(scenes)
    hoc_checks.check_hole(types.SimpleNamespace(background=background, disk_radius=0.0))


@pytest.mark.parametrize("options, message", [
    ({"layer_ramp_start": 5}, "--layer_ramp_start=5 is of a layer ramp; add --layer_ramp_steps"),
    ({"layer_ramp_steps": 5, "num_layers": 1}, "--layer_ramp_steps needs several --num_layers"),
    ({"layer_ramp_steps": 5, "background": "black"}, "--background=disk, whose hole grows"),
    ({"layer_ramp_start": 6, "layer_ramp_steps": 5}, "scenes grow until step 11 .* beyond --num_steps=10"),
])
def test_a_layer_ramp_that_does_nothing_is_refused(options, message):
    usual = {"layer_ramp_start": 0, "layer_ramp_steps": 0, "num_layers": 12, "background": "disk"}
    with pytest.raises(UserError, match=message):
        hoc_checks.check_ramp(types.SimpleNamespace(**{**usual, **options}), num_steps=10)
    hoc_checks.check_ramp(types.SimpleNamespace(**usual), num_steps=10)
