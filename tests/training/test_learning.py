"""Whether the two updates together learn masks of drawn scenes."""

import os

import pytest
import tensorflow as tf
from small_training import made_training

from data import backgrounds, batches, synthetic
from evaluation import report
from inference import pipeline
from training import foreground, processor


@pytest.mark.parametrize("precision", ["none", "bfloat16", "float16"])
def test_masks_of_drawn_scenes_are_learnt_without_labels(precision):
    """From the first to the last step no mask is seen, and IoU ends far above the trivial masks', in every precision.

    The seed is 1, with 0.914 in float32. Five seeds have 0.860 to 0.919 (docs/log/precision.md).
    """
    has_instructions = precision == "bfloat16" and processor.describe().features & processor.BFLOAT16_FEATURES
    if precision != "none" and not (has_instructions or tf.config.list_physical_devices("GPU") or os.environ.get("SLOW_TESTS")):
        pytest.skip("half precision takes minutes on a processor without instructions for it; SLOW_TESTS=1 runs it")
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32" if precision == "none" else f"mixed_{precision}")
    try:
        scores = report_of_drawn_scenes(precision)
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    trivial = max(scores["trivial"][kind]["mean_iou"] for kind in ("all_ones", "ellipse"))
    print(report.format_table(scores))
    assert trivial < 0.7 and scores["per_image"]["mean_iou"] > 0.87


def report_of_drawn_scenes(precision):
    """Trains on drawn scenes in a precision; returns the evaluation's report on them."""
    size = 64
    photographs, masks, pictures = synthetic.drawn_photographs(num_images=160, size=size, seed=0)
    pool = backgrounds.BackgroundPool.from_images(pictures)
    network, training = made_training(
        width=0.25, widths=(32, 64, 128, 128, 128), area_constant=0.22, area_weight=200.0, area_penalty="batch_mean",
        area_start=0.92, area_ramp_steps=180, discriminator_learning_rate=5e-4, seed=1, mixed_precision=precision)
    dataset = batches.foreground_batches(crops=photographs, background_pool=pool, batch_size=8, seed=1, num_steps=360)
    for batch in dataset.map(foreground.to_training_batch):
        training.step(batch)
    soft = pipeline.predict_masks(network, photographs)
    return report.evaluate_masks(soft, masks, names=[str(index) for index in range(len(masks))])
