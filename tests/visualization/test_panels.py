"""`visualization`: known pixels of panels, Eq. (5) on flat colours and checkerboards, refusals, files."""

import os

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from errors import UserError
from visualization import panels, tiles

GAP = 144  # grey level between tiles


def images_and_masks(num_images=3, size=16):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (num_images, size, size, 3), dtype=np.uint8)
    masks = random.random((num_images, size, size, 1), dtype=np.float32)
    return images, masks


def leftmost_ink(picture):
    """Number of dark pixels that are neither tile nor gap, in the panel's first columns."""
    return int((picture[:, :40].max(axis=-1) < 100).sum())


def test_panel_places_every_tile_behind_a_gap_and_leaves_its_pixels_alone():
    first, second = images_and_masks(num_images=4)[0], images_and_masks(num_images=4)[0][::-1]
    picture = tiles.panel([first, second], gap=2)
    assert picture.dtype == np.uint8 and picture.shape == (2 + 2 * 18, 2 + 4 * 18, 3)
    for i in range(4):
        np.testing.assert_array_equal(picture[2:18, 2 + 18 * i:18 + 18 * i], first[i])
        np.testing.assert_array_equal(picture[20:36, 2 + 18 * i:18 + 18 * i], second[i])
    assert np.all(picture[:2] == GAP) and np.all(picture[:, 18:20] == GAP) and np.all(picture[18:20] == GAP)


def test_panel_shows_floats_uint8_bool_and_tensors_alike():
    black_and_white = np.array([0, 1])[:, None, None, None] * np.ones((1, 4, 4, 1), np.int64)
    rows = [black_and_white.astype(bool), black_and_white.astype(np.float32), (black_and_white * 255).astype(np.uint8),
            black_and_white.astype(np.uint8), tf.constant(black_and_white, tf.float32)]
    picture = tiles.panel(rows, gap=0).reshape(5, 4, 8, 3)
    assert np.all(picture[:, :, :4] == 0) and np.all(picture[:, :, 4:] == 255)


def test_panel_rounds_floats_to_the_nearest_of_256_levels():
    row = np.array([0, 0.5, 1 / 255, 1.0], np.float32).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(tiles.panel([row], gap=0)[..., 0], [[0, 128], [1, 255]])


def test_panel_shows_at_most_max_columns():
    images, _ = images_and_masks(num_images=5)
    assert tiles.panel([images], gap=1, max_columns=3).shape == (18, 1 + 3 * 17, 3)
    assert tiles.panel([images], gap=1).shape == (18, 1 + 5 * 17, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_panel_shows_what_is_not_finite_in_magenta(value):
    row = np.zeros((1, 2, 2, 3), np.float32)
    row[0, 0, 1, 2] = value
    picture = tiles.panel([row], gap=0)
    np.testing.assert_array_equal(picture, [[[0, 0, 0], [255, 0, 255]], [[0, 0, 0], [0, 0, 0]]])


def test_labels_are_written_in_a_gutter_beside_unchanged_tiles():
    images, _ = images_and_masks(size=32)
    plain = tiles.panel([images, images])
    labelled = tiles.panel([images, images], labels=["input", "soft mask"])
    width = labelled.shape[1] - plain.shape[1]
    np.testing.assert_array_equal(labelled[:, width:], plain)
    for row in (labelled[:34, :width], labelled[34:, :width]):
        assert row.max() == 255 and 20 < (row.max(axis=-1) < 100).sum() < row.size / 6


def test_panel_refuses_rows_that_do_not_match():
    images, masks = images_and_masks()
    with pytest.raises(ValueError, match=r"equally many tiles.*\[3, 16, 16, 3\], \[2, 16, 16, 1\]"):
        tiles.panel([images, masks[:2]])
    with pytest.raises(ValueError, match=r"of one size.*\[3, 8, 8, 1\]"):
        tiles.panel([images, masks[:, :8, :8]])
    with pytest.raises(ValueError, match="2 rows needs as many labels, but got 1"):
        tiles.panel([images, masks], labels=["input"])


def test_panel_refuses_no_rows_and_no_tiles():
    with pytest.raises(ValueError, match="at least one tile.*none at all"):
        tiles.panel([])
    with pytest.raises(ValueError, match=r"at least one tile.*\[0, 16, 16, 3\]"):
        tiles.panel([np.zeros((0, 16, 16, 3))])


def test_panel_refuses_images_in_the_range_of_networks():
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\] to be shown, but range from -1.0"):
        tiles.panel([np.full((1, 4, 4, 3), -1.0)])
    with pytest.raises(ValueError, match=r"\[n, S, S, 3\] or \[n, S, S, 1\]"):
        tiles.panel([np.zeros((1, 4, 4, 2))])


def test_carve_blends_image_and_flat_colour_by_the_mask():
    image = np.array([[[1.0, 0.5, 0.0]] * 3])
    mask = np.array([[[0.0], [0.25], [1.0]]])
    flat, colour = np.array(tiles.FLAT_COLOUR), image[0, 0]
    np.testing.assert_allclose(tiles.carve(image, mask), [[flat, 0.25 * colour + 0.75 * flat, colour]], atol=1e-6)


def test_carve_with_a_mask_of_zeros_is_the_colour_and_with_ones_the_image():
    images, masks = images_and_masks()
    np.testing.assert_allclose(tiles.carve(images, np.ones_like(masks)), images / 255, atol=1e-6)
    flat = np.broadcast_to(tiles.FLAT_COLOUR, images.shape)
    np.testing.assert_allclose(tiles.carve(images, np.zeros_like(masks)), flat, atol=1e-6)


def test_carve_reads_a_uint8_mask_of_zeros_and_ones_as_binary():
    images, masks = images_and_masks()
    binary = (masks > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(tiles.carve(images, binary), tiles.carve(images, binary > 0))
    np.testing.assert_array_equal(tiles.carve(images, binary), tiles.carve(images, binary * 255))


def test_carve_refuses_masks_of_another_size():
    images, masks = images_and_masks()
    with pytest.raises(ValueError, match=r"\[3, 16, 16, 3\] and \[3, 8, 8, 1\]"):
        tiles.carve(images, masks[:, :8, :8])


def test_checkerboard_shows_dark_and_light_squares_where_alpha_is_zero():
    rgb, alpha = np.ones((16, 24, 3)), np.zeros((16, 24, 1))
    alpha[:4, :4] = 1
    picture = tiles.on_checkerboard(rgb, alpha)[::4, ::4]  # squares have a side of 8 pixels
    dark, light = tiles.CHECKERBOARD
    expected = np.array([[1, dark, light, light, dark, dark], [dark, dark, light, light, dark, dark],
                         [light, light, dark, dark, light, light], [light, light, dark, dark, light, light]])
    np.testing.assert_allclose(picture, np.repeat(expected[..., None], 3, axis=-1), atol=1e-6)


def test_foreground_panel_stacks_the_rows_of_figures_6_and_7():
    images, masks = images_and_masks()
    picture = panels.foreground_panel(
        images=images, masks=masks, composites=images[::-1], references=masks > 0.5)
    rows = [images, masks, tiles.carve(images, masks), images[::-1], masks > 0.5]
    grid = tiles.panel(rows)
    np.testing.assert_array_equal(picture[:, -grid.shape[1]:], grid)
    assert leftmost_ink(picture) > 100


def test_foreground_panel_leaves_out_the_rows_it_has_nothing_for():
    images, masks = images_and_masks()
    assert panels.foreground_panel(images=images, masks=masks).shape[0] == 2 + 3 * 18
    assert panels.foreground_panel(images=images, masks=masks, references=masks > 0.5).shape[0] == 2 + 4 * 18


def hoc_arguments(num_layers, num_scenes=3, size=16):
    random = np.random.default_rng(2)
    pictures = random.random((3, num_scenes, size, size, 3), dtype=np.float32)
    return dict(reals=(pictures[0] * 255).astype(np.uint8), composites=pictures[1], appearances=pictures[2],
                layer_images=random.random((num_layers, num_scenes, size, size, 3), dtype=np.float32),
                layer_masks=random.random((num_layers, num_scenes, size, size, 1), dtype=np.float32),
                masks=random.random((num_scenes, size, size, 1), dtype=np.float32))


@pytest.mark.parametrize("num_shown", [4, 1])
def test_hoc_panel_stacks_the_rows_of_figures_8_to_11(num_shown):
    arguments = hoc_arguments(num_shown)
    picture = panels.hoc_panel(**arguments, num_layers=10)
    layers = [tiles.on_checkerboard(image, mask)
              for image, mask in zip(arguments["layer_images"], arguments["layer_masks"])]
    grid = tiles.panel([arguments["reals"], *layers, arguments["composites"], arguments["appearances"],
                        arguments["masks"]])
    assert len(grid) == 2 + (num_shown + 4) * 18
    np.testing.assert_array_equal(picture[:, -grid.shape[1]:], grid)
    assert leftmost_ink(picture) > 100


def test_hoc_panel_numbers_the_last_layers_by_their_place_in_the_scene():
    """Their labels are those of layers 9 and 10 of ten, and of 1 and 2 of two."""
    arguments = hoc_arguments(num_layers=2)
    rows = [np.zeros((3, 16, 16, 3))] * 6
    for num_layers, numbers in ((10, (9, 10)), (2, (1, 2))):
        picture = panels.hoc_panel(**arguments, num_layers=num_layers)
        labels = ["real", *(f"layer {number}" for number in numbers), "composite", "appearance", "soft mask"]
        gutter_width = picture.shape[1] - (2 + 3 * 18)
        expected = tiles.panel(rows, labels=labels)
        np.testing.assert_array_equal(picture[:, :gutter_width], expected[:, :gutter_width])


def test_hoc_panel_shows_at_most_max_columns_and_refuses_what_does_not_match():
    arguments = hoc_arguments(num_layers=2)
    whole = panels.hoc_panel(**arguments, num_layers=2)
    fewer = panels.hoc_panel(**arguments, num_layers=2, max_columns=2)
    np.testing.assert_array_equal(fewer, whole[:, :-18])
    with pytest.raises(ValueError, match=r"equally many tiles.*\[2, 16, 16, 3\]"):
        panels.hoc_panel(**{**arguments, "composites": arguments["composites"][:2]}, num_layers=2)


def test_instance_sheet_shows_instances_in_rows_and_leaves_the_last_places_empty():
    appearances, masks = images_and_masks(num_images=5)
    picture = panels.instance_sheet(appearances, masks, columns=3)
    assert picture.shape == (2 + 2 * 18, 2 + 3 * 18, 3)
    carved = np.round(255 * tiles.on_checkerboard(appearances, masks))
    empty = np.round(255 * tiles.on_checkerboard(np.zeros((16, 16, 3)), np.zeros((16, 16, 1))))
    for index, tile in enumerate([*carved, empty]):
        top, left = 2 + 18 * (index // 3), 2 + 18 * (index % 3)
        np.testing.assert_array_equal(picture[top:top + 16, left:left + 16], tile)


@pytest.mark.parametrize("num_instances, shape", [(1, (1, 1)), (5, (1, 5)), (8, (1, 8)), (9, (2, 8)), (17, (3, 8))])
def test_instance_sheet_is_as_large_as_its_instances_need(num_instances, shape):
    picture = panels.instance_sheet(*images_and_masks(num_images=num_instances))
    assert picture.shape == (2 + 18 * shape[0], 2 + 18 * shape[1], 3)


def test_traversal_panel_has_a_labelled_row_for_each_latent():
    appearances, masks = images_and_masks(num_images=2 * 9)
    appearances, masks = appearances.reshape(2, 9, 16, 16, 3), masks.reshape(2, 9, 16, 16, 1)
    picture = panels.traversal_panel(appearances, masks)
    expected = tiles.panel(list(tiles.on_checkerboard(appearances, masks)), labels=["z1", "z2"],
                           max_columns=9)
    assert len(picture) == 2 + 2 * 18 and picture.shape[1] > 2 + 9 * 18
    np.testing.assert_array_equal(picture, expected)


def test_ranked_panel_shows_each_groups_images_under_a_head():
    images, masks = images_and_masks(num_images=5, size=48)
    references = (masks > 0.7).astype(np.uint8)
    ranked = {"best": [4, 1], "median": [], "worst": [0]}
    picture = panels.ranked_panel(images=images, masks=masks, references=references, ranked=ranked)
    order = [[4, 1], [0]]
    grids = [tiles.panel([images[i], masks[i], masks[i] >= 0.5, references[i],
                          tiles.carve(images[i], masks[i])]) for i in order]
    height = grids[0].shape[0]
    np.testing.assert_array_equal(picture[-height:, -grids[1].shape[1]:], grids[1])
    start = picture.shape[1] - grids[1].shape[1] - 48 // 8 - grids[0].shape[1]
    np.testing.assert_array_equal(picture[-height:, start:start + grids[0].shape[1]], grids[0])
    assert (picture[:-height].max(axis=-1) < 100).sum() > 100  # titles and lines


def test_ranked_panel_makes_room_for_mean_ious():
    images, masks = images_and_masks(size=48)
    arguments = dict(images=images, masks=masks, references=masks > 0.5, ranked={"best": [2], "worst": [0]})
    plain = panels.ranked_panel(**arguments)
    captioned = panels.ranked_panel(**arguments, mean_ious=[0.1, 0.5, 0.9])
    assert captioned.shape[0] > plain.shape[0] and captioned.shape[1] == plain.shape[1]


def test_ranked_panel_refuses_groups_without_images():
    images, masks = images_and_masks()
    with pytest.raises(ValueError, match="at least one group with images"):
        panels.ranked_panel(images=images, masks=masks, references=masks > 0.5, ranked={"best": []})


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_a_saved_png_is_read_back_as_it_was(tmp_path, shape):
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    tiles.save_png(picture, tmp_path / "new" / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "picture.png")), picture)
    assert os.listdir(tmp_path / "new") == ["picture.png"]


def test_saved_labels_keep_their_16_bits(tmp_path):
    labels = np.array([[0, 1], [256, 65535]], np.uint16)
    tiles.save_png(labels, tmp_path / "labels.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "labels.png")), labels)


def test_a_png_is_refused_by_path_and_reason_where_a_file_is_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/picture.png cannot be written: (File exists|Not a directory)"):
        tiles.save_png(np.zeros((2, 2), np.uint8), tmp_path / "file" / "picture.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="folder.png cannot be written: Is a directory"):
        tiles.save_png(np.zeros((2, 2), np.uint8), tmp_path / "folder.png")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]



def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"uint8 \[h, w\].*float32 \[2, 2, 3\]"):
        tiles.save_png(np.zeros((2, 2, 3), np.float32), "never.png")
    with pytest.raises(ValueError, match=r"uint16 \[h, w\].*uint16 \[2, 2, 3\]"):
        tiles.save_png(np.zeros((2, 2, 3), np.uint16), "never.png")
