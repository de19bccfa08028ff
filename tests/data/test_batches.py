"""The input of training."""

import itertools

import numpy as np
import pytest

from data.backgrounds import BackgroundPool
from data.batches import foreground_batches
from errors import UserError

_KEYS = ("photographs", "backgrounds", "reals", "step")


def _numbered_crops(num_crops, size=8):
    """Crops whose red channel is their number, and whose green channel is 0 in the left half and 200 in the right."""
    crops = np.zeros((num_crops, size, size, 3), np.uint8)
    crops[..., 0] = np.arange(num_crops)[:, np.newaxis, np.newaxis]
    crops[:, :, size // 2 :, 1] = 200
    return crops


def _noise_pool(num_pictures=3):
    generator = np.random.default_rng(0)
    return BackgroundPool.from_images(
        [generator.integers(0, 256, (20, 24 + number, 3), dtype=np.uint8) for number in range(num_pictures)]
    )


def _batches(**options):
    arguments = {"crops": _numbered_crops(10), "background_pool": _noise_pool(), "batch_size": 4, "seed": 3}
    return list(foreground_batches(**{**arguments, **options}).as_numpy_iterator())


def _assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for key in _KEYS:
            np.testing.assert_array_equal(batch[key], other[key])


def test_batches_are_uint8_and_numbered_by_step():
    batches = _batches(start_step=2, num_steps=5)
    assert [batch["step"] for batch in batches] == [2, 3, 4]
    for batch in batches:
        assert set(batch) == set(_KEYS) and batch["step"].dtype == np.int64
        for key in _KEYS[:3]:
            assert batch[key].shape == (4, 8, 8, 3) and batch[key].dtype == np.uint8


def test_shapes_are_known_before_the_first_batch():
    dataset = foreground_batches(
        crops=_numbered_crops(5), background_pool=_noise_pool(), batch_size=4, seed=0, num_steps=9, shards=2
    )
    assert all(dataset.element_spec[key].shape == (2, 8, 8, 3) for key in _KEYS[:3])
    assert dataset.cardinality() == 9 and dataset.options().autotune.enabled is False  # see `data.prefetching`


def test_equal_seeds_give_equal_batches_and_others_do_not():
    batches, others = _batches(num_steps=3), _batches(num_steps=3, seed=4)
    _assert_same(batches, _batches(num_steps=3))
    for key in _KEYS[:3]:
        assert any((batch[key] != other[key]).any() for batch, other in zip(batches, others))


@pytest.mark.parametrize("start_step", [1, 4, 6])
def test_starting_at_a_step_equals_skipping_the_steps_before(start_step):
    _assert_same(_batches(num_steps=6, start_step=start_step), _batches(num_steps=6)[start_step:])


def test_number_of_steps_does_not_change_the_batches():
    _assert_same(_batches(num_steps=3), list(itertools.islice(_batches(num_steps=8), 3)))


@pytest.mark.parametrize("stream", ["photographs", "reals"])
def test_each_epoch_visits_each_image_once_in_another_order(stream):
    numbers = np.concatenate([batch[stream][:, 0, 0, 0] for batch in _batches(num_steps=15)])
    epochs = numbers.reshape(6, 10)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(10), (6, 1)))
    assert len({tuple(epoch) for epoch in epochs}) > 4


def test_each_epoch_visits_each_background_once():
    pictures = [np.full((16, 16, 3), level, np.uint8) for level in (10, 20, 30, 40, 50)]
    batches = _batches(background_pool=BackgroundPool.from_images(pictures), num_steps=10)
    levels = np.concatenate([batch["backgrounds"][:, 0, 0, 0] for batch in batches])
    np.testing.assert_array_equal(np.sort(levels.reshape(8, 5), axis=1), np.tile([10, 20, 30, 40, 50], (8, 1)))


def test_no_two_patches_of_one_picture_are_alike():
    batches = _batches(background_pool=_noise_pool(1), num_steps=5)
    assert len({patch.tobytes() for batch in batches for patch in batch["backgrounds"]}) == 20


@pytest.mark.parametrize("seed, epoch", [(3, 0), (0, 0), (1, 1), (3, 3)])  # equal numbers have tied streams together
def test_photographs_and_reals_are_permuted_independently(seed, epoch):
    batches = _batches(crops=_numbered_crops(100), seed=seed, start_step=25 * epoch, num_steps=25 * (epoch + 1))
    photographs, reals = (np.concatenate([batch[key][:, 0, 0, 0] for batch in batches]) for key in ("photographs", "reals"))
    assert len(set(photographs)) == len(set(reals)) == 100
    assert np.mean(photographs == reals) < 0.06  # 0.01 by chance
    assert abs(np.corrcoef(photographs, reals)[0, 1]) < 0.3


@pytest.mark.parametrize("stream", ["photographs", "reals"])
def test_half_of_the_images_are_flipped_each_by_itself(stream):
    batches = _batches(num_steps=100)
    is_flipped = np.stack([batch[stream][:, 0, 0, 1] == 200 for batch in batches])  # [100, B]
    assert 0.4 < is_flipped.mean() < 0.6
    assert 0 < np.mean(is_flipped.all(axis=1) | (~is_flipped).all(axis=1)) < 0.4
    right = np.stack([batch[stream][:, 0, -1, 1] == 200 for batch in batches])
    np.testing.assert_array_equal(right, ~is_flipped)


def test_nothing_is_flipped_unless_asked_for():
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[np.newaxis, :, np.newaxis], 100, axis=0).repeat(3, axis=2)
    pool = BackgroundPool.from_images([ramp])  # brighter to the right
    for batch in _batches(num_steps=5, flip=False, background_pool=pool):
        assert not batch["photographs"][:, :, 0, 1].any() and not batch["reals"][:, :, 0, 1].any()
        assert (batch["backgrounds"][:, :, 0] < batch["backgrounds"][:, :, -1]).all()
    flipped = [(batch["backgrounds"][:, 0, 0, 0] > batch["backgrounds"][:, 0, -1, 0]).mean()
               for batch in _batches(num_steps=25, background_pool=pool)]
    assert 0.3 < np.mean(flipped) < 0.7


@pytest.mark.parametrize("shards", [2, 4])
def test_shards_together_are_the_global_batch(shards):
    parts = [_batches(num_steps=5, start_step=1, shards=shards, shard_index=index) for index in range(shards)]
    joined = [
        {key: np.concatenate([part[key] for part in step]) for key in _KEYS[:3]} | {"step": step[0]["step"]}
        for step in zip(*parts, strict=True)
    ]
    _assert_same(joined, _batches(num_steps=5, start_step=1))


def test_one_photograph_is_enough():
    for batch in _batches(crops=_numbered_crops(1), num_steps=2):
        assert not batch["photographs"][..., 0].any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"crops": _numbered_crops(0)}, UserError, "no photographs to train on"),
        ({"batch_size": 0}, UserError, "batch size is 0"),
        ({"batch_size": 5, "shards": 2}, UserError, "batch size is 5; expected a positive multiple of the 2 shards"),
        ({"shards": 2, "shard_index": 2}, ValueError, "shard_index is 2"),
        ({"crops": np.zeros((2, 8, 8, 3))}, ValueError, r"got float64 \[2, 8, 8, 3\]"),
        ({"start_step": 8}, ValueError, "start_step is 8"),
    ],
)
def test_what_cannot_be_batched_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        _batches(num_steps=3, **options)
