"""The pool of background pictures and the patches cut from it."""

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from data import backgrounds
from data.backgrounds import BackgroundPool
from data.images import Photograph
from data.windows import Window
from errors import UserError


def _images_of(pool):
    """The pool's pictures, cut out of its buffer."""
    for offset, (height, width) in zip(pool.offsets.numpy(), pool.sizes.numpy()):
        yield pool.pixels.numpy()[offset : offset + height * width * 3].reshape(height, width, 3)


def _patches(pool, count, *, index=0, size=16):
    patch = tf.function(lambda seed: pool.patch(index, size=size, seed=seed))
    return np.stack([patch(tf.constant([5, number], tf.int64)).numpy() for number in range(count)])


def test_pool_holds_its_images_unchanged():
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((5, 7), (1, 1), (9, 4))]
    pool = BackgroundPool.from_images(pictures)
    assert pool.num_images == 3
    for kept, picture in zip(_images_of(pool), pictures, strict=True):
        np.testing.assert_array_equal(kept, picture)


def test_pool_refuses_other_arrays_and_none():
    with pytest.raises(ValueError, match="at least one image"):
        BackgroundPool.from_images([])
    with pytest.raises(ValueError, match=r"got float64 \[4, 4, 3\]"):
        BackgroundPool.from_images([np.zeros((4, 4, 3))])


def test_patch_of_its_pictures_size_is_the_picture_or_its_mirror_image():
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    pool = BackgroundPool.from_images([np.zeros((3, 3, 3), np.uint8), picture])
    kinds = set()
    for patch in _patches(pool, 12, index=1):
        is_same, is_mirrored = (patch == picture).all(), (patch == picture[:, ::-1]).all()
        assert is_same != is_mirrored
        kinds.add(bool(is_same))
    assert kinds == {True, False}


def test_patches_show_every_scale_and_place_without_distortion():
    rows, columns = np.mgrid[:100, :200].astype(np.uint8)
    pool = BackgroundPool.from_images([np.stack([columns, rows, np.zeros_like(rows)], axis=-1)])
    patches = _patches(pool, 300).astype(float)
    widths = np.abs(patches[:, 8, -1, 0] - patches[:, 8, 0, 0]) * 16 / 15
    heights = (patches[:, -1, 8, 1] - patches[:, 0, 8, 1]) * 16 / 15
    np.testing.assert_allclose(widths, heights, atol=5.0)
    assert heights.min() < 20 and heights.max() > 90
    # Log-uniform in [16, 100]: half of the sides lie below the geometric mean, 40.
    assert 0.4 < np.mean(heights < 40) < 0.6
    assert patches[..., 0].min() < 5 and patches[..., 0].max() > 194
    assert patches[..., 1].min() < 3 and patches[..., 1].max() > 96


def test_patch_of_a_picture_below_its_size_is_enlarged():
    pool = BackgroundPool.from_images([np.full((5, 9, 3), 77, np.uint8)])
    np.testing.assert_array_equal(_patches(pool, 2), np.full((2, 16, 16, 3), 77))


def test_patch_is_a_function_of_its_seed():
    pool = BackgroundPool.from_images([np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)])
    np.testing.assert_array_equal(_patches(pool, 4), _patches(pool, 4))
    assert (_patches(pool, 2)[0] != _patches(pool, 2)[1]).any()


def test_folder_is_loaded_and_scaled_to_one_to_two_and_a_half_patches(tmp_path):
    (tmp_path / "deep").mkdir()
    for name, size in (("a.png", (200, 100)), ("b.png", (30, 24)), ("deep/c.png", (8, 4))):
        Image.new("RGB", size, (1, 2, 3)).save(tmp_path / name)
    pool = backgrounds.load_folder(str(tmp_path), patch_size=16)
    np.testing.assert_array_equal(pool.sizes, [[40, 80], [24, 30], [16, 32]])
    assert all((picture == [1, 2, 3]).all() for picture in _images_of(pool))


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no image"):
        backgrounds.load_folder(str(tmp_path), patch_size=16)


def test_maximal_empty_rectangles_about_one_box():
    found = backgrounds.empty_rectangles([Window(30, 20, 60, 50)], image_size=(100, 200), min_size=1)
    assert found == sorted(
        [Window(0, 0, 200, 20), Window(0, 50, 200, 100), Window(0, 0, 30, 100), Window(60, 0, 200, 100)]
    )


def test_maximal_empty_rectangles_are_those_of_an_exhaustive_search():
    generator = np.random.default_rng(1)
    for _ in range(20):
        occupied = np.zeros((9, 9), bool)
        boxes = []
        for left, top in generator.integers(0, 8, (3, 2)):
            width, height = generator.integers(1, 4, 2)
            boxes.append(Window(left, top, min(9, left + width), min(9, top + height)))
            occupied[top : top + height, left : left + width] = True
        spans = [(first, last) for first in range(9) for last in range(first + 1, 10)]
        free = {(x0, y0, x1, y1) for x0, x1 in spans for y0, y1 in spans if not occupied[y0:y1, x0:x1].any()}
        grown = ((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
        maximal = {one for one in free if not any(tuple(map(sum, zip(one, by))) in free for by in grown)}
        found = backgrounds.empty_rectangles(boxes, image_size=(9, 9), min_size=1)
        assert len(found) == len(maximal) and set(map(tuple, found)) == maximal


def test_backgrounds_outside_boxes_touch_no_box(tmp_path):
    picture = np.full((120, 160, 3), (0, 200, 0), np.uint8)
    boxes = [(40.5, 30.2, 30.0, 40.0), (100.0, 70.0, 20.0, 20.0)]
    for x, y, width, height in boxes:
        picture[int(y) : int(np.ceil(y + height)), int(x) : int(np.ceil(x + width))] = (255, 0, 0)
    path = str(tmp_path / "scene.png")
    Image.fromarray(picture).save(path)
    photographs = [Photograph(f"scene#{number}", path, box, None) for number, box in enumerate(boxes)]
    pool = backgrounds.outside_boxes(photographs, patch_size=32)
    assert pool.num_images > 2
    assert pool.sizes.numpy().min() >= 32
    assert all((picture == [0, 200, 0]).all() for picture in _images_of(pool))
    for index in range(pool.num_images):
        np.testing.assert_array_equal(_patches(pool, 3, index=index, size=32)[..., 0], 0)


def test_images_that_are_all_box_leave_no_background(tmp_path):
    path = str(tmp_path / "full.png")
    Image.new("RGB", (60, 60)).save(path)
    with pytest.raises(UserError, match="None of the 1 images has a rectangle of 16 pixels or more outside"):
        backgrounds.outside_boxes([Photograph("full", path, (2.0, 2.0, 56.0, 56.0), None)], patch_size=32)
    pool = backgrounds.outside_boxes([Photograph("full", path, (2.0, 2.0, 56.0, 56.0), None)], patch_size=4)
    np.testing.assert_array_equal(np.sort(pool.sizes, axis=1)[:, 0], [4, 4, 4, 4])


def test_photograph_without_a_box_has_no_outside():
    with pytest.raises(UserError, match=r"cat\.jpg has no box"):
        backgrounds.outside_boxes([Photograph("cat", "cat.jpg", None, None)], patch_size=16)


def _scene(tmp_path, boxes, *, size=(120, 160)):
    """An image whose boxes are red and whose rest is green and blue, by its columns' numbers; its photographs."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 1], picture[..., 2] = 200, np.arange(size[1])
    for x, y, width, height in boxes:
        picture[y : y + height, x : x + width] = (255, 0, 0)
    path = str(tmp_path / "scene.png")
    Image.fromarray(picture).save(path)
    return [Photograph(f"scene#{number}", path, box, None) for number, box in enumerate(boxes)]


def test_box_windows_have_the_sides_of_boxes_and_touch_none(tmp_path):
    photographs = _scene(tmp_path, [(60, 30, 40, 20), (110, 70, 40, 20)])
    pool = backgrounds.box_windows(photographs, patch_size=40, crop_mode="box")
    np.testing.assert_array_equal(pool.sizes, [[40, 40]] * 2)
    for picture in _images_of(pool):
        assert (picture[..., 0] == 0).all() and (picture[..., 1] == 200).all()
        np.testing.assert_array_equal(np.abs(np.diff(picture[20, :, 2].astype(int))), 1)  # 40 columns become 40


def test_windows_of_square_crops_are_square(tmp_path):
    photographs = _scene(tmp_path, [(130, 50, 20, 10)])
    pool = backgrounds.box_windows(photographs, patch_size=30, crop_mode="square")
    for picture in _images_of(pool):
        np.testing.assert_array_equal(np.abs(np.diff(picture[20, :, 2].astype(int))), 1)  # 1.5 * 20 columns become 30


def test_strip_that_is_too_narrow_is_continued_by_its_mirror_image(tmp_path):
    photographs = _scene(tmp_path, [(30, 0, 130, 120)])  # a strip of 30 columns is left, for windows of 130
    pool = backgrounds.box_windows([photographs[0]._replace(box=(30, 0, 60, 120)), photographs[0]], patch_size=60,
                                   crop_mode="box")
    for picture in _images_of(pool):
        columns = picture[20, :, 2].astype(int)
        assert columns.max() <= 29 and (picture[..., 0] == 0).all()
        assert {-1, 1} <= set(np.sign(np.diff(columns)))


def test_box_windows_are_the_same_for_the_same_photographs(tmp_path):
    photographs = _scene(tmp_path, [(60, 30, 40, 20), (110, 70, 40, 20)])
    first, second = (backgrounds.box_windows(photographs, patch_size=16, crop_mode="box") for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_images_without_room_for_a_window_are_refused(tmp_path):
    photographs = _scene(tmp_path, [(2, 2, 156, 116)])
    with pytest.raises(UserError, match="None of the 1 images has room for a window"):
        backgrounds.box_windows(photographs, patch_size=16, crop_mode="box")
