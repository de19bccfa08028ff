"""Windows of one photograph of a cluster: where they are cut, what backgrounds keep, and the input of training."""

import dataclasses
import time

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from data import hoc, window_backgrounds
from errors import UserError

_STREAMS = ("foreground_inputs", "background_inputs", "reals")


def _noise(height=80, width=100):
    """A picture of which no two windows are alike and no pixel is black."""
    return np.random.default_rng(0).integers(1, 256, (height, width, 3), dtype=np.uint8)


def _numbered(height, width):
    """A picture whose red channel is the row and whose green channel is the column."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(height)[:, np.newaxis], np.arange(width)
    return picture


def _batches(**options):
    stream = {"cluster": _noise(), "num_layers": 3, "latent_dim": 5}
    stream.update({field.name: options.pop(field.name) for field in dataclasses.fields(hoc.SceneStream)
                   if field.name in options})
    arguments = {"batch_size": 4, "seed": 3, "num_steps": 2, **options}
    return list(hoc.SceneStream(**stream).batches(**arguments).as_numpy_iterator())


def _assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for key in (*_STREAMS, "step"):
            np.testing.assert_array_equal(batch[key], other[key])


def _places(picture, window):
    """Where a window is found in a picture: a list of (row, column, mirrored, upside down)."""
    all_windows = np.lib.stride_tricks.sliding_window_view(picture, (64, 64), axis=(0, 1))  # [h, w, 3, 64, 64]
    found = []
    for mirrored in (False, True):
        for upside_down in (False, True):
            turned = window[::-1 if upside_down else 1, ::-1 if mirrored else 1].transpose(2, 0, 1)
            places = np.argwhere((all_windows == turned).all(axis=(2, 3, 4)))
            found += [(int(row), int(column), mirrored, upside_down) for row, column in places]
    return found


def _disk(radius):
    """The pixels of a window whose centres lie in the central disk, one by one: bool [64, 64]."""
    return np.array([[(row - 31.5) ** 2 + (column - 31.5) ** 2 <= radius**2 for column in range(64)]
                     for row in range(64)])


def _save(path, array):
    Image.fromarray(array).save(path)
    return str(path)


@pytest.mark.parametrize("uniforms, place", [
    ((0.0, 0.0, 0.5, 0.5), (0, 0, False, False)),
    ((0.5, 0.25, 0.9, 0.9), (2, 2, False, False)),  # 0.5 * 4 places and 0.25 * 8 places
    ((0.49, 0.49, 0.49, 0.51), (1, 3, True, False)),
    ((0.75, 0.99, 0.5, 0.0), (3, 7, False, True)),
    ((0.26, 0.6, 0.1, 0.1), (1, 4, True, True)),
    ((np.nextafter(np.float32(1), np.float32(0)),) * 4, (3, 7, False, False)),
])
def test_a_window_is_cut_out_at_whole_pixels_and_flipped_as_its_numbers_say(uniforms, place):
    picture = _noise(67, 71)  # 4 places down, 8 to the right
    windows = hoc.cut_windows(tf.constant(picture), tf.constant([uniforms], tf.float32), horizontal_flip=True,
                              vertical_flip=True)
    assert windows.shape == (1, 64, 64, 3) and windows.dtype == tf.uint8
    assert _places(picture, windows[0].numpy()) == [place]


@pytest.mark.parametrize("horizontal", [False, True])
@pytest.mark.parametrize("vertical", [False, True])
def test_windows_are_flipped_only_in_the_ways_allowed(horizontal, vertical):
    picture = _noise(67, 71)
    windows = hoc.cut_windows(tf.constant(picture), tf.zeros([1, 4]), horizontal_flip=horizontal,
                              vertical_flip=vertical)
    assert _places(picture, windows[0].numpy()) == [(0, 0, horizontal, vertical)]


@pytest.mark.parametrize("window_size, size, expected", [
    (48, (96, 120), (128, 160)), (64, (64, 90), (64, 90)), (32, (64, 100), (128, 200)),
    (78, (78, 100), (64, 82)),  # 100 * 64 / 78 = 82.05
])
def test_a_photograph_is_scaled_so_that_a_windows_pixels_become_64(tmp_path, window_size, size, expected):
    cluster = hoc.load_cluster(_save(tmp_path / "cluster.png", _noise(*size)), window_size=window_size)
    assert cluster.shape == (*expected, 3) and cluster.dtype == np.uint8


def test_an_edge_one_window_from_the_border_lies_64_pixels_from_it_after_scaling(tmp_path):
    photograph = np.zeros((96, 144, 3), np.uint8)
    photograph[:, 48:] = 200
    cluster = hoc.load_cluster(_save(tmp_path / "edge.png", photograph), window_size=48)
    assert cluster[:, :62].max() < 20 and cluster[:, 66:].min() > 180
    assert abs(int((cluster[0, :, 0] < 100).sum()) - 64) <= 1


_HALVES = np.repeat(np.array([1, 2], np.uint8), 35)[:, np.newaxis]  # how often a colour is taken: two halves of a picture


@pytest.mark.parametrize("array, colour", [
    (np.tile(100 * _HALVES, (1, 70)), (100, 100, 100)),
    (np.concatenate([np.tile(_HALVES[..., np.newaxis] * np.array([10, 20, 30], np.uint8), (1, 70, 1)),
                     np.full((70, 70, 1), 255, np.uint8)], axis=-1), (10, 20, 30)),
    (np.tile(25700 * _HALVES.astype(np.uint16), (1, 70)), (100, 100, 100)),  # 25700 / 257
], ids=["grey", "RGBA", "16-bit"])
def test_pictures_of_other_kinds_become_rgb(tmp_path, array, colour):
    cluster = hoc.load_cluster(_save(tmp_path / "cluster.png", array), window_size=35)
    assert cluster.shape == (128, 128, 3)
    for part, times in ((cluster[:56], 1), (cluster[72:], 2)):
        np.testing.assert_array_equal(part, np.broadcast_to(times * np.array(colour), part.shape))


def test_pixels_that_cannot_be_seen_are_black(tmp_path):
    layers = np.full((70, 70, 4), 90, np.uint8)
    layers[:35, :, 3], layers[35:, :, 3] = 0, 255
    cluster = hoc.load_cluster(_save(tmp_path / "cluster.png", layers), window_size=35)
    assert cluster[:56].max() == 0 and cluster[72:].min() == 90


def test_photographs_and_windows_that_do_not_fit_are_refused(tmp_path):
    path = _save(tmp_path / "small.png", _noise(50, 80))
    assert hoc.load_cluster(path, window_size=16).shape == (200, 320, 3)
    with pytest.raises(UserError, match="--window_size is 15 pixels, expected at least 16"):
        hoc.load_cluster(path, window_size=15)
    assert hoc.load_cluster(path, window_size=50).shape == (64, 102, 3)
    with pytest.raises(UserError, match=r"small.png is 80x50 pixels, smaller than a window of --window_size=51"):
        hoc.load_cluster(path, window_size=51)
    with pytest.raises(UserError, match="no image file nowhere.png"):
        hoc.load_cluster("nowhere.png", window_size=64)
    whole = (tmp_path / "small.png").read_bytes()
    (tmp_path / "small.png").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(UserError, match="small.png could not be read as an image"):
        hoc.load_cluster(path, window_size=16)


@pytest.mark.parametrize("radius", [0.0, 0.71, 10.0, 20.0])
def test_a_backgrounds_disk_hides_the_pixels_whose_centres_it_holds(radius):
    visible = window_backgrounds.visibility(disk_radius=radius, black=False)
    assert visible.shape == (64, 64, 1) and visible.dtype == np.uint8
    np.testing.assert_array_equal(visible[..., 0] == 0, _disk(radius))


def test_a_disk_of_radius_20_hides_its_area_and_black_hides_all():
    hidden = 64**2 - int(window_backgrounds.visibility(disk_radius=20.0, black=False).sum())
    assert hidden == pytest.approx(np.pi * 20**2, rel=0.01)
    assert int((window_backgrounds.visibility(disk_radius=0.71, black=False) == 0).sum()) == 4  # the four around the centre
    assert not window_backgrounds.visibility(disk_radius=20.0, black=True).any()


def test_backgrounds_are_windows_with_a_black_disk_and_nothing_else_black():
    picture, disk = _noise(68, 70), _disk(20.0)
    (batch,) = _batches(cluster=picture, num_steps=1, horizontal_flip=False, vertical_flip=False)
    for background in batch["background_inputs"]:
        np.testing.assert_array_equal((background == 0).all(axis=-1), disk)
        matches = [np.array_equal(background[~disk], picture[row:row + 64, column:column + 64][~disk])
                   for row in range(5) for column in range(7)]
        assert sum(matches) == 1


def test_backgrounds_are_cut_of_the_ground_without_a_disk():
    plain, grounded = _batches(), _batches(ground=np.full((80, 90, 3), 77, np.uint8))
    for before, after in zip(plain, grounded):
        assert np.all(after["background_inputs"] == 77)
        np.testing.assert_array_equal(before["reals"], after["reals"])


def test_the_ground_is_the_picture_without_its_bright_things():
    rows, columns = np.mgrid[:200, :200]
    slope = np.repeat((30 + columns // 10)[..., np.newaxis], 3, axis=2).astype(np.uint8)
    picture = slope.copy()
    picture[np.hypot(rows - 100, columns - 100) < 20] = 200
    assert np.abs(window_backgrounds.ground_of(picture).astype(int) - slope).max() <= 8
    assert window_backgrounds.ground_of(picture)[100, 100].max() < 50


def test_black_backgrounds_leave_reals_and_latents_as_they_are():
    plain, black = _batches(), _batches(black_background=True)
    for one, other in zip(plain, black, strict=True):
        assert not other["background_inputs"].any()
        np.testing.assert_array_equal(one["reals"], other["reals"])
        np.testing.assert_array_equal(one["foreground_inputs"], other["foreground_inputs"])


def test_shapes_are_known_before_the_first_batch():
    dataset = hoc.SceneStream(cluster=_noise(), num_layers=3, latent_dim=5).batches(
        batch_size=4, seed=0, num_steps=9, shards=2)
    spec = dataset.element_spec
    assert spec["foreground_inputs"] == tf.TensorSpec([3, 2, 5], tf.float32)
    assert spec["background_inputs"] == spec["reals"] == tf.TensorSpec([2, 64, 64, 3], tf.uint8)
    assert spec["step"] == tf.TensorSpec([], tf.int64) and dataset.cardinality() == 9
    assert dataset.options().autotune.enabled is False  # see `data.prefetching`


def test_latents_are_uniform_between_minus_one_and_one():
    latents = np.stack([batch["foreground_inputs"] for batch in _batches(batch_size=64, num_steps=20)])
    assert latents.shape == (20, 3, 64, 5) and latents.dtype == np.float32
    assert -1.0 <= latents.min() < -0.99 and 0.99 < latents.max() <= 1.0
    counts, _ = np.histogram(latents, bins=8, range=(-1, 1))
    np.testing.assert_allclose(counts / latents.size, 1 / 8, atol=0.01)  # of 19,200 draws; four standard deviations
    per_dimension = np.corrcoef(latents.reshape(-1, 5), rowvar=False) - np.eye(5)
    assert np.abs(per_dimension).max() < 0.07


def test_equal_seeds_give_equal_batches_and_others_do_not():
    batches, others = _batches(), _batches(seed=4)
    _assert_same(batches, _batches())
    for key in _STREAMS:
        assert all((batch[key] != other[key]).any() for batch, other in zip(batches, others, strict=True))


def test_no_two_batches_and_no_two_streams_are_alike():
    batches = _batches(num_steps=6, disk_radius=0.0)
    for key in _STREAMS:
        assert len({batch[key].tobytes() for batch in batches}) == 6
    assert all((batch["reals"] != batch["background_inputs"]).any() for batch in batches)


@pytest.mark.parametrize("start_step", [1, 4, 6])
def test_starting_at_a_step_equals_skipping_the_steps_before(start_step):
    batches = _batches(num_steps=6, start_step=start_step)
    assert [batch["step"] for batch in batches] == list(range(start_step, 6))
    _assert_same(batches, _batches(num_steps=6)[start_step:])


@pytest.mark.parametrize("shards", [2, 4])
def test_shards_together_are_the_global_batch(shards):
    parts = [_batches(start_step=1, num_steps=3, shards=shards, shard_index=index) for index in range(shards)]
    joined = [{"foreground_inputs": np.concatenate([part["foreground_inputs"] for part in step], axis=1),
               **{key: np.concatenate([part[key] for part in step]) for key in _STREAMS[1:]}, "step": step[0]["step"]}
              for step in zip(*parts, strict=True)]
    _assert_same(joined, _batches(start_step=1, num_steps=3))


@pytest.mark.parametrize("stream", ["reals", "background_inputs"])
def test_every_place_of_a_window_is_reached_and_none_outside(stream):
    picture = _numbered(67, 68)  # 4 places down, 5 to the right
    batches = _batches(cluster=picture, batch_size=64, num_steps=8, horizontal_flip=False, vertical_flip=False)
    corners = np.concatenate([batch[stream][:, 0, 0, :2] for batch in batches])
    places, counts = np.unique(corners, axis=0, return_counts=True)
    assert [tuple(place) for place in places] == [(row, column) for row in range(4) for column in range(5)]
    assert counts.min() > 8 and counts.max() < 52  # 512 draws of 20 places: 25.6 each, give or take 4.9


@pytest.mark.parametrize("stream", ["reals", "background_inputs"])
def test_half_of_the_windows_are_flipped_each_way_and_each_by_itself(stream):
    windows = np.concatenate([batch[stream] for batch in _batches(cluster=_numbered(66, 66), batch_size=64,
                                                                  num_steps=8)])
    upside_down = windows[:, 0, 0, 0] > windows[:, -1, 0, 0]
    mirrored = windows[:, 0, 0, 1] > windows[:, 0, -1, 1]
    shares = [np.mean((upside_down == one) & (mirrored == other)) for one in (False, True) for other in (False, True)]
    np.testing.assert_allclose(shares, 0.25, atol=0.08)  # four standard deviations of 512 draws


@pytest.mark.parametrize("options, error, message", [
    ({"cluster": np.zeros((80, 80, 3))}, ValueError, r"got float64 \[80, 80, 3\]"),
    ({"cluster": np.zeros((63, 80, 3), np.uint8)}, ValueError, "at least 64 pixels a side"),
    ({"cluster": np.zeros((80, 80), np.uint8)}, ValueError, r"got uint8 \[80, 80\]"),
    ({"num_layers": 0}, ValueError, "num_layers 0"),
    ({"latent_dim": 0}, ValueError, "latent_dim 0"),
    ({"shards": 2, "shard_index": 2}, ValueError, "shard_index 2 below shards"),
    ({"start_step": 3}, ValueError, "start_step 3 at most 2"),
    ({"batch_size": 0}, UserError, "batch size is 0"),
    ({"batch_size": 5, "shards": 2}, UserError, "batch size is 5; expected a positive multiple of the 2 shards"),
])
def test_what_cannot_be_batched_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        _batches(**options)


def test_batches_come_far_faster_than_steps():
    batches = iter(hoc.SceneStream(cluster=_noise(300, 400), num_layers=10, latent_dim=5).batches(
        batch_size=16, seed=0, num_steps=21))
    next(batches)  # which starts the pipeline
    start = time.monotonic()
    assert sum(1 for _ in batches) == 20
    assert time.monotonic() - start < 2.0  # 0.1 s a batch: even small networks' steps take longer on a processor
