"""The input of training: batches that are a pure function of a seed and of their step.

A run resumed at step k therefore draws exactly the batches of an uninterrupted one, without replaying k steps.
"""

from typing import Callable, NamedTuple

import numpy as np
import tensorflow as tf

from data.backgrounds import BackgroundPool
from data.prefetching import prefetched
from errors import UserError

# Independent streams of random numbers under one seed.
_PHOTOGRAPHS, _REALS, _BACKGROUNDS, _PHOTOGRAPH_FLIPS, _REAL_FLIPS, _PATCHES = range(6)


_plain = tf.autograph.experimental.do_not_convert  # conversion takes seconds, and nothing here needs it


class _Span(NamedTuple):
    """Which batches are made: those of the steps from `start_step` to below `num_steps`, and of each this slice."""

    batch_size: int
    in_shard: slice
    start_step: int
    num_steps: int


def foreground_batches(
    *,
    crops: np.ndarray,
    background_pool: BackgroundPool,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_steps: int,
    flip: bool = True,
    shards: int = 1,
    shard_index: int = 0,
) -> tf.data.Dataset:
    """Batches for learning a foreground's mask (Eq. 6 and 7): photographs to carve, backgrounds, and real photographs.

    Photographs and reals are two independent permutations of the same crops, a new pair in each epoch; backgrounds are
    random patches, the pool's pictures too being permuted in each epoch of theirs.

    Args:
      crops: uint8 [n, S, S, 3].
      background_pool: the background provider's pictures.
      batch_size: B of the global batch, a multiple of `shards`.
      seed: any integer of 32 bits.
      start_step: the first batch's step, number of updates made before it.
      num_steps: one more than the last batch's step.
      flip: whether each photograph and each real is flipped horizontally half of the time.
      shards: among how many workers each global batch is divided, in equal slices.
      shard_index: which slice this dataset yields, in [0, shards).

    Returns:
      A dataset of `num_steps - start_step` dicts: `photographs`, `backgrounds`, `reals`, each uint8
      [B / shards, S, S, 3], and `step`, an int64 scalar.

    Raises:
      UserError: there are no crops, or the batch cannot be divided.
      ValueError: crops of another kind, or steps or shards out of order.
    """
    _check(crops=crops, channels=3, batch_size=batch_size, shards=shards, shard_index=shard_index)
    in_shard = _shard_slice(batch_size, shards=shards, shard_index=shard_index)
    draw = {"batch_size": batch_size, "in_shard": in_shard, "seed": seed, "flip": flip}
    with tf.device("/CPU:0"):
        pictures = tf.constant(crops)

    def draw_photographs(step: tf.Tensor) -> dict[str, tf.Tensor]:
        photographs = _draw_crops(pictures, step=step, stream=_PHOTOGRAPHS, flip_stream=_PHOTOGRAPH_FLIPS, **draw)
        reals = _draw_crops(pictures, step=step, stream=_REALS, flip_stream=_REAL_FLIPS, **draw)
        return {"photographs": photographs, "reals": reals, "step": step}

    span = _Span(batch_size, in_shard, start_step, num_steps)
    return _with_backgrounds(draw_photographs, background_pool, size=crops.shape[1], seed=seed, flip=flip, span=span)


def distillation_batches(
    *,
    crops: np.ndarray,
    masks: np.ndarray,
    background_pool: BackgroundPool,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_steps: int,
    flip: bool = True,
    shards: int = 1,
    shard_index: int = 0,
) -> tf.data.Dataset:
    """Batches for teaching a student (appendix, 'Data Distillation'): photographs, the teacher's masks, backgrounds.

    Args:
      crops: uint8 [n, S, S, 3].
      masks: the teacher's soft masks of them, uint8 [n, S, S, 1] in [0, 255]; flipped with their photographs.
      background_pool: as for `foreground_batches`, and so are the other arguments.
      batch_size: B of the global batch.
      seed: any integer of 32 bits.
      start_step: the first batch's step.
      num_steps: one more than the last batch's step.
      flip: whether each photograph is flipped horizontally half of the time.
      shards: among how many workers each global batch is divided.
      shard_index: which slice this dataset yields.

    Returns:
      A dataset of `num_steps - start_step` dicts: `photographs` uint8 [B / shards, S, S, 3], `masks` uint8
      [B / shards, S, S, 1], `backgrounds` uint8 [B / shards, S, S, 3], and `step`, an int64 scalar.

    Raises:
      UserError: as `foreground_batches`.
      ValueError: as `foreground_batches`, or masks of another kind.
    """
    if masks.dtype != np.uint8 or masks.shape != (*crops.shape[:-1], 1):
        raise ValueError(f"masks are uint8 {[*crops.shape[:-1], 1]}, got {masks.dtype} {list(masks.shape)}.")
    rgba = np.concatenate([crops, masks], axis=-1)
    _check(crops=rgba, channels=4, batch_size=batch_size, shards=shards, shard_index=shard_index)
    in_shard = _shard_slice(batch_size, shards=shards, shard_index=shard_index)
    with tf.device("/CPU:0"):
        pictures = tf.constant(rgba)

    def draw_labelled(step: tf.Tensor) -> dict[str, tf.Tensor]:
        drawn = _draw_crops(pictures, step=step, stream=_PHOTOGRAPHS, flip_stream=_PHOTOGRAPH_FLIPS, seed=seed,
                            batch_size=batch_size, in_shard=in_shard, flip=flip)
        return {"photographs": drawn[..., :3], "masks": drawn[..., 3:], "step": step}

    return _with_backgrounds(draw_labelled, background_pool, size=crops.shape[1], seed=seed, flip=flip,
                             span=_Span(batch_size, in_shard, start_step, num_steps))


def _shard_slice(batch_size: int, *, shards: int, shard_index: int) -> slice:
    """The places of a shard in the global batch."""
    return slice(shard_index * (batch_size // shards), (shard_index + 1) * (batch_size // shards))


def _with_backgrounds(
    draw: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    pool: BackgroundPool,
    *,
    size: int,
    seed: int,
    flip: bool,
    span: _Span,
) -> tf.data.Dataset:
    """The dataset of what `draw` makes of each step, with `backgrounds`, a patch for each place of the shard."""
    if not 0 <= span.start_step <= span.num_steps:
        raise ValueError(f"start_step is {span.start_step}, expected 0 to num_steps, which is {span.num_steps}.")
    def draw_background(position: tf.Tensor) -> tf.Tensor:
        return _draw_patch(pool, position=position, size=size, seed=seed, flip=flip)

    steps = tf.data.Dataset.range(span.start_step, span.num_steps)
    photographs = steps.map(_plain(draw), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = tf.data.Dataset.zip((photographs, _one_by_one(draw_background, span=span)))
    return prefetched(batches.map(_plain(lambda batch, patches: {**batch, "backgrounds": patches})), 2)


def _one_by_one(draw: Callable, *, span: _Span) -> tf.data.Dataset:
    """Batches of what `draw` makes of each int64 position of the shard in the endless stream of global batches.

    Patches are cut one by one, since their pictures differ in size, and on all cores.
    """
    shard_size = span.in_shard.stop - span.in_shard.start

    def draw_item(item: tf.Tensor) -> tf.Tensor:
        return draw((item // shard_size) * span.batch_size + span.in_shard.start + item % shard_size)

    items = tf.data.Dataset.range(span.start_step * shard_size, span.num_steps * shard_size)
    drawn = items.map(_plain(draw_item), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return drawn.batch(shard_size, drop_remainder=True)


def _check(*, crops: np.ndarray, channels: int, batch_size: int, shards: int, shard_index: int) -> None:
    """Refuses what batches cannot be made of."""
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1] != crops.shape[2] or crops.shape[3] != channels:
        raise ValueError(f"crops are uint8 [n, S, S, {channels}], got {crops.dtype} {list(crops.shape)}.")
    if not len(crops):
        raise UserError("There are no photographs to train on; give at least one.")
    if shards < 1 or not 0 <= shard_index < shards:
        raise ValueError(f"shard_index is {shard_index}, expected 0 to shards - 1, with shards {shards}.")
    if batch_size < 1 or batch_size % shards:
        raise UserError(f"The batch size is {batch_size}; expected a positive multiple of the {shards} shards.")


def _draw_crops(
    crops: tf.Tensor,
    *,
    step: tf.Tensor,
    batch_size: int,
    in_shard: slice,
    seed: int,
    stream: int,
    flip_stream: int,
    flip: bool,
) -> tf.Tensor:
    """The shard's slice of one step's global batch of crops, each flipped or not: uint8 [B / shards, S, S, 3]."""
    positions = step * batch_size + tf.range(in_shard.start, in_shard.stop, dtype=tf.int64)
    images = tf.gather(crops, _permuted(positions, num_items=crops.shape[0], seed=[seed, stream]))
    if not flip:
        return images
    # Coins are tossed for the global batch, so that they do not depend on how it is divided.
    flip_seed = tf.random.experimental.stateless_fold_in(tf.constant([seed, flip_stream], tf.int64), step)
    is_flipped = tf.random.stateless_uniform([batch_size], flip_seed)[in_shard] < 0.5
    return tf.where(is_flipped[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.reverse(images, [2]), images)


def _draw_patch(pool: BackgroundPool, *, position: tf.Tensor, size: int, seed: int, flip: bool) -> tf.Tensor:
    """The patch at an int64 position in the endless stream of global batches: uint8 [S, S, 3]."""
    index = _permuted(position[tf.newaxis], num_items=pool.num_images, seed=[seed, _BACKGROUNDS])[0]
    patch_seed = tf.random.experimental.stateless_fold_in(tf.constant([seed, _PATCHES], tf.int64), position)
    return pool.patch(index, size=size, seed=patch_seed, flip=flip)


def _permuted(positions: tf.Tensor, *, num_items: int, seed: list[int]) -> tf.Tensor:
    """Maps positions int64 [B] in an endless stream to items: each epoch of `num_items` is a permutation of its own.

    Returns:
      int64 [B] in [0, num_items), a pure function of the seed [2] and the position.
    """
    epochs, places = positions // num_items, positions % num_items
    seeds = tf.stack([tf.fill([positions.shape[0]], tf.constant(part, tf.int64)) for part in seed] + [epochs], axis=1)
    # tf.random.experimental.index_shuffle is this operation, but its padding of the seed allows no seed per index. With four
    # rounds two streams have nearly the same permutation in the epoch whose number is the seed.
    largest = tf.constant(num_items - 1, tf.int64)
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=seeds, max_index=largest, rounds=8)
