"""`evaluation.metrics`: metrics worked by hand, agreement with Keras, conventions for empty masks, trivial masks."""

import math

import numpy as np
import pytest
import tensorflow as tf

from evaluation import metrics

# Two 2x2 images. First: TP 1, FP 1, FN 0, TN 2. Second: TP 1, FP 0, FN 3, TN 0.
PREDICTIONS = np.array([[[1, 1], [0, 0]], [[1, 0], [0, 0]]])
REFERENCES = np.array([[[1, 0], [0, 0]], [[1, 1], [1, 1]]])


def random_masks(seed, shape=(5, 8, 8)):
    return np.random.default_rng(seed).random(shape) < np.linspace(0.2, 0.8, shape[0])[:, None, None]


def average(predictions, references):
    return metrics.average(metrics.confusion_counts(predictions, references))


def test_confusion_counts_of_two_small_images():
    counts = metrics.confusion_counts(PREDICTIONS, REFERENCES)
    np.testing.assert_array_equal(counts.true_positives, [1, 1])
    np.testing.assert_array_equal(counts.false_positives, [1, 0])
    np.testing.assert_array_equal(counts.false_negatives, [0, 3])
    np.testing.assert_array_equal(counts.true_negatives, [2, 0])
    assert all(count.dtype == np.int64 for count in counts)


def test_each_metric_of_two_small_images_as_worked_by_hand():
    values = metrics.scores(metrics.confusion_counts(PREDICTIONS, REFERENCES))
    assert tuple(values) == metrics.KEYS
    np.testing.assert_allclose(values["foreground_iou"], [1 / 2, 1 / 4])
    np.testing.assert_allclose(values["background_iou"], [2 / 3, 0])
    np.testing.assert_allclose(values["mean_iou"], [7 / 12, 1 / 8])
    np.testing.assert_allclose(values["pixel_accuracy"], [3 / 4, 1 / 4])
    # precision 1/2, recall 1: 1.3 * 0.5 / (0.15 + 1); precision 1, recall 1/4: 1.3 * 0.25 / (0.3 + 0.25)
    np.testing.assert_allclose(values["f_beta"], [0.65 / 1.15, 0.325 / 0.55])


def test_average_and_pooled_differ_as_worked_by_hand():
    mean = average(PREDICTIONS, REFERENCES)
    pooled = metrics.pooled(metrics.confusion_counts(PREDICTIONS, REFERENCES))  # TP 2, FP 1, FN 3, TN 2
    assert mean["foreground_iou"] == pytest.approx(3 / 8)
    assert pooled["foreground_iou"] == pytest.approx(2 / 6)
    assert mean["background_iou"] == pytest.approx(1 / 3)
    assert pooled["background_iou"] == pytest.approx(2 / 6)
    assert mean["mean_iou"] == pytest.approx(17 / 48)
    assert pooled["mean_iou"] == pytest.approx(1 / 3)
    assert mean["pixel_accuracy"] == pooled["pixel_accuracy"] == pytest.approx(1 / 2)
    assert pooled["f_beta"] == pytest.approx(1.3 * 2 / (1.3 * 2 + 0.3 * 3 + 1))
    assert all(type(value) is float for value in (*mean.values(), *pooled.values()))


def test_metrics_of_a_shifted_square_as_worked_by_hand():
    prediction, reference = np.zeros((1, 4, 4), bool), np.zeros((1, 4, 4), bool)
    prediction[0, :2, :2] = True
    reference[0, 1:3, :2] = True  # TP 2, FP 2, FN 2, TN 10
    values = average(prediction, reference)
    expected = dict(foreground_iou=2 / 6, background_iou=10 / 14, mean_iou=11 / 21, pixel_accuracy=12 / 16, f_beta=0.5)
    assert values == pytest.approx(expected)


def test_a_trailing_channel_changes_nothing():
    plain = metrics.confusion_counts(PREDICTIONS, REFERENCES)
    channelled = metrics.confusion_counts(PREDICTIONS[..., None].astype(np.float32), REFERENCES.astype(bool))
    np.testing.assert_array_equal(plain, channelled)


def test_complement_of_the_reference_scores_zero_rather_than_one():
    references = random_masks(0)
    values = average(~references, references)
    assert values == dict.fromkeys(metrics.KEYS, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_metrics_agree_with_keras_per_image_and_pooled(seed):
    predictions, references = random_masks(seed), random_masks(seed + 100)
    per_image = metrics.scores(metrics.confusion_counts(predictions, references))
    cases = [({key: per_image[key][i] for key in metrics.KEYS}, predictions[i], references[i]) for i in range(2)]
    cases.append((metrics.pooled(metrics.confusion_counts(predictions, references)), predictions, references))
    keras = {
        "foreground_iou": tf.keras.metrics.BinaryIoU(target_class_ids=[1]),
        "background_iou": tf.keras.metrics.BinaryIoU(target_class_ids=[0]),
        "mean_iou": tf.keras.metrics.BinaryIoU(),
        "pixel_accuracy": tf.keras.metrics.BinaryAccuracy(),
        "precision": tf.keras.metrics.Precision(),
        "recall": tf.keras.metrics.Recall(),
    }
    for ours, prediction, reference in cases:
        theirs = {}
        for name, metric in keras.items():
            metric.reset_state()
            metric.update_state(reference.ravel().astype(np.float32), prediction.ravel().astype(np.float32))
            theirs[name] = float(metric.result())
        precision, recall = theirs.pop("precision"), theirs.pop("recall")
        theirs["f_beta"] = 1.3 * precision * recall / (0.3 * precision + recall)
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_two_empty_masks_agree_perfectly():
    empty = np.zeros((1, 4, 4), bool)
    assert average(empty, empty) == dict.fromkeys(metrics.KEYS, 1.0)


def test_two_full_masks_agree_perfectly():
    full = np.ones((1, 4, 4), bool)
    assert average(full, full) == dict.fromkeys(metrics.KEYS, 1.0)


@pytest.mark.parametrize("prediction_value", [False, True])
def test_an_empty_mask_against_a_full_one_scores_zero(prediction_value):
    prediction = np.full((1, 4, 4), prediction_value)
    assert average(prediction, ~prediction) == dict.fromkeys(metrics.KEYS, 0.0)


def test_an_empty_image_in_a_pool_is_not_counted_as_perfect():
    predictions, references = np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    references[1] = True
    assert average(predictions, references)["foreground_iou"] == 0.5
    assert metrics.pooled(metrics.confusion_counts(predictions, references))["foreground_iou"] == 0.0


def test_different_shapes_are_refused_naming_both():
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 1\).*\(2, 4, 5\)"):
        metrics.confusion_counts(np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 5)))
    with pytest.raises(ValueError, match=r"\[n, H, W\].*\(2, 4, 4, 3\)"):
        metrics.confusion_counts(np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 4, 3)))


def test_soft_masks_are_refused_where_binary_ones_are_due():
    with pytest.raises(ValueError, match="predictions must be binary"):
        metrics.confusion_counts(np.full((1, 2, 2), 0.5), np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="references must be binary"):
        metrics.confusion_counts(np.zeros((1, 2, 2)), np.full((1, 2, 2), 255))


def test_binarize_counts_the_threshold_itself_as_foreground():
    np.testing.assert_array_equal(metrics.binarize(np.array([0.0, 0.4999, 0.5, 1.0])), [False, False, True, True])
    np.testing.assert_array_equal(metrics.binarize(np.array([0.2, 0.3]), threshold=0.25), [False, True])


@pytest.mark.parametrize("value", [np.nan, -0.1, 255.0])
def test_binarize_refuses_what_is_no_soft_mask(value):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        metrics.binarize(np.array([0.5, value]))


def test_all_ones_has_the_reference_area_as_foreground_iou():
    references = random_masks(7)
    values = metrics.scores(metrics.confusion_counts(np.ones_like(references), references))
    np.testing.assert_allclose(values["foreground_iou"], references.mean(axis=(1, 2)))
    np.testing.assert_array_equal(values["background_iou"], 0)


@pytest.mark.parametrize("width,height", [(0.5, 0.5), (0.4, 0.9), (1.0, 0.3)])
def test_ellipse_area_is_a_quarter_pi_times_its_axes(width, height):
    ellipse = metrics.centred_ellipse(128, width_fraction=width, height_fraction=height)
    assert ellipse.mean() == pytest.approx(math.pi / 4 * width * height, rel=0.01)


def test_ellipse_is_symmetric_and_width_runs_along_columns():
    ellipse = metrics.centred_ellipse(33, width_fraction=0.9, height_fraction=0.4)
    np.testing.assert_array_equal(ellipse, ellipse[::-1])
    np.testing.assert_array_equal(ellipse, ellipse[:, ::-1])
    assert ellipse[16].sum() > ellipse[:, 16].sum()


def test_an_ellipse_beyond_the_corners_is_all_ones():
    assert metrics.centred_ellipse(16, width_fraction=1.5, height_fraction=1.5).all()


def test_best_ellipse_recovers_the_ellipse_that_was_drawn():
    drawn = metrics.centred_ellipse(64, width_fraction=0.55, height_fraction=0.9)
    best = metrics.best_centred_ellipse(np.stack([drawn] * 3)[..., None])
    assert (best.width_fraction, best.height_fraction) == (0.55, 0.9)
    np.testing.assert_array_equal(best.mask, drawn)


def test_best_ellipse_has_the_best_mean_iou_of_all_ellipses_also_over_several_batches():
    random = np.random.default_rng(3)
    references = np.stack([metrics.centred_ellipse(16, width_fraction=w, height_fraction=h)
                           for w, h in random.uniform(0.3, 1.2, (300, 2))])
    references = np.roll(references, 2, axis=2)

    def mean_iou(ellipse):
        predictions = np.broadcast_to(ellipse, references.shape)
        return average(predictions, references)["mean_iou"]

    found = mean_iou(metrics.best_centred_ellipse(references).mask)
    others = [mean_iou(metrics.centred_ellipse(16, width_fraction=w, height_fraction=h))
              for w in metrics.AXIS_FRACTIONS[::2] for h in metrics.AXIS_FRACTIONS[::2]]
    assert found >= max(others) - 1e-12


def test_best_ellipse_refuses_no_references_and_oblong_ones():
    with pytest.raises(ValueError, match="one or more square references"):
        metrics.best_centred_ellipse(np.zeros((0, 8, 8), bool))
    with pytest.raises(ValueError, match="one or more square references"):
        metrics.best_centred_ellipse(np.zeros((2, 8, 9), bool))
