"""`evaluation.report`: the report's metrics worked by hand, the table, the file, the ranking."""

import json
import tracemalloc

import numpy as np
import pytest

from data.codings import IGNORED
from errors import UserError
from evaluation import metrics, report


def small_case():
    """Two 2x2 images: TP 1, FP 1, TN 2 in the first; TP 1, FN 3 in the second."""
    soft_masks = np.array([[[0.9, 0.5], [0.4, 0.05]], [[1.0, 0.2], [0.3, 0.0]]], np.float32)[..., None]
    references = np.array([[[1, 0], [0, 0]], [[1, 1], [1, 1]]], np.uint8)[..., None]
    return soft_masks, references, ["a.jpg", "b.jpg"]


def small_report():
    soft_masks, references, names = small_case()
    return report.evaluate_masks(soft_masks, references, names=names)


def report_of(mean_ious):
    return {"images": [{"name": str(i), "mean_iou": value} for i, value in enumerate(mean_ious)]}


def test_report_of_two_small_images_as_worked_by_hand():
    scores = small_report()
    assert scores["num_images"] == 2 and scores["threshold"] == 0.5
    assert scores["per_image"]["mean_iou"] == pytest.approx((7 / 12 + 1 / 8) / 2)
    assert scores["pooled"]["mean_iou"] == pytest.approx(1 / 3)  # TP 2, FP 1, FN 3, TN 2
    assert scores["per_image"]["num_images"] == scores["pooled"]["num_images"] == 2
    assert scores["reference_area_mean"] == pytest.approx(5 / 8)
    assert scores["mask"]["area_mean"] == pytest.approx((1.85 + 1.5) / 8)
    assert scores["mask"]["area_std"] == pytest.approx((1.85 - 1.5) / 8)
    assert scores["mask"]["undecided_fraction"] == pytest.approx(4 / 8)  # 0.5, 0.4, 0.2 and 0.3; 0.9 as float32 is not
    assert [image["name"] for image in scores["images"]] == ["a.jpg", "b.jpg"]
    assert [image["foreground_iou"] for image in scores["images"]] == pytest.approx([1 / 2, 1 / 4])


def test_report_scores_the_trivial_masks_in_both_ways():
    trivial = small_report()["trivial"]
    assert trivial["all_ones"]["foreground_iou"] == pytest.approx((1 / 4 + 1) / 2)
    assert trivial["all_ones"]["pooled"]["foreground_iou"] == pytest.approx(5 / 8)
    assert trivial["all_ones"]["num_images"] == trivial["all_ones"]["pooled"]["num_images"] == 2
    assert set(trivial["ellipse"]) == {*metrics.KEYS, "num_images", "pooled", "width_fraction", "height_fraction"}


def test_an_ellipse_that_was_drawn_is_reported_with_its_axes_and_scores_one():
    drawn = metrics.centred_ellipse(32, width_fraction=0.7, height_fraction=0.4)[None, ..., None]
    ellipse = report.evaluate_masks(np.zeros((1, 32, 32, 1)), drawn, names=["x"])["trivial"]["ellipse"]
    assert ellipse["mean_iou"] == ellipse["pooled"]["mean_iou"] == 1.0
    assert (ellipse["width_fraction"], ellipse["height_fraction"]) == (0.7, 0.4)


def test_ignored_pixels_are_left_out_of_every_metric():
    soft_masks, references, names = small_case()
    wider = [np.concatenate([array, array[:, :1]], axis=1) for array in (soft_masks, references)]  # a third row
    wider = [np.concatenate([array, array[:, :, :1]], axis=2) for array in wider]  # a third column
    ignored = wider[1].copy()
    ignored[:, 2], ignored[:, :, 2] = IGNORED, IGNORED
    found = report.evaluate_masks(wider[0], ignored, names=names, baselines={"the same": wider[0]})
    expected = report.evaluate_masks(soft_masks, references, names=names, baselines={"the same": soft_masks})
    for key in ("per_image", "pooled", "mask", "reference_area_mean", "images"):
        assert found[key] == pytest.approx(expected[key]) if key != "images" else found[key] == expected[key]
    for name in ("all_ones", "the same"):
        assert found["trivial"][name] == expected["trivial"][name]
    assert report.evaluate_masks(wider[0], wider[1], names=names)["per_image"] != expected["per_image"]


def test_the_best_ellipse_does_not_see_what_is_ignored():
    ellipse = metrics.centred_ellipse(40, width_fraction=0.6, height_fraction=0.9)
    references = np.repeat(ellipse[np.newaxis].astype(np.uint8), 2, axis=0)
    references[:, :, :12] = IGNORED
    best = metrics.best_centred_ellipse(references)
    counts = metrics.confusion_counts(np.repeat(best.mask[np.newaxis], 2, axis=0), references)
    assert metrics.average(counts)["mean_iou"] == 1.0 and best.height_fraction == pytest.approx(0.9, abs=0.051)
    assert sum(count[0] for count in counts) == 40 * 28


def test_a_reference_that_counts_no_pixel_is_refused_by_name():
    soft_masks, references, names = small_case()
    references[1] = IGNORED
    with pytest.raises(UserError, match="The reference of b.jpg has no pixel that counts"):
        report.evaluate_masks(soft_masks, references, names=names)


def test_a_mask_of_another_size_is_refused_by_name():
    masks = [np.zeros((4, 4, 1)), np.zeros((4, 4, 1))]
    references = [np.zeros((4, 4, 1)), np.zeros((8, 8, 1))]
    with pytest.raises(UserError, match=r"mask of wren.jpg has shape \(4, 4, 1\).*reference has \(8, 8, 1\)"):
        report.evaluate_masks(masks, references, names=["tit.jpg", "wren.jpg"])


def test_evaluation_refuses_unequal_numbers_nothing_at_all_and_values_out_of_range():
    soft_masks, references, names = small_case()
    with pytest.raises(ValueError, match="2 masks, 2 references and 1 names"):
        report.evaluate_masks(soft_masks, references, names=names[:1])
    with pytest.raises(UserError, match="no images to evaluate"):
        report.evaluate_masks(soft_masks[:0], references[:0], names=[])
    with pytest.raises(ValueError, match="References must be 0 or 1"):
        report.evaluate_masks(soft_masks, references * 255, names=names)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        report.evaluate_masks(soft_masks * np.nan, references, names=names)
    with pytest.raises(ValueError, match=r"one shape \[S, S, 1\]"):
        report.evaluate_masks(soft_masks[:, :1], references[:, :1], names=names)


def test_an_image_more_takes_less_memory_than_its_mask():
    peaks, generator = [], np.random.default_rng(0)
    for count in (600, 1600):
        soft_masks = generator.random((count, 32, 32, 1), np.float32)
        references = generator.integers(0, 2, soft_masks.shape, np.uint8)
        tracemalloc.start()
        try:
            scores = report.evaluate_masks(soft_masks, references, names=[str(index) for index in range(count)])
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert scores["mask"]["area_mean"] == pytest.approx(soft_masks.mean(dtype=np.float64))
        last = np.mean((soft_masks[-1] >= 0.5) == references[-1])
        assert scores["images"][-1]["pixel_accuracy"] == pytest.approx(last)
    assert (peaks[1] - peaks[0]) / 1000 < soft_masks[0].nbytes  # 1.9 kB; with all images at once it is 12 kB


def test_table_has_four_rows_of_five_metrics_with_three_decimals():
    header, *rows = report.format_table(small_report()).splitlines()
    assert header.split() == ["2", "images", *metrics.KEYS]
    assert rows[0].split() == ["masks", "(per", "image)", "0.375", "0.333", "0.354", "0.500", "0.578"]
    assert [row.split()[0] for row in rows] == ["masks", "masks", "all", "centred"]
    assert {len(row) for row in rows} == {len(header)}


def test_report_is_read_back_from_a_new_folder_as_it_was(tmp_path):
    scores = small_report()
    path = report.write_report(scores, tmp_path / "run" / "evaluation")
    assert path == tmp_path / "run" / "evaluation" / "evaluation.json"
    assert json.loads(path.read_text()) == scores
    assert [entry.name for entry in path.parent.iterdir()] == ["evaluation.json"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = report.write_report({"num_images": 1}, tmp_path)
    with pytest.raises(ValueError):
        report.write_report({"num_images": float("nan")}, tmp_path)
    assert json.loads(path.read_text()) == {"num_images": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["evaluation.json"]


def test_a_folder_that_cannot_be_made_is_refused_by_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file.*evaluation.json cannot be written"):
        report.write_report({}, tmp_path / "file")


def test_ranking_gives_best_median_and_worst_from_better_to_worse():
    scores = report_of([0.1, 0.9, 0.5, 0.8, 0.2, 0.6, 0.4])
    assert report.ranked_indices(scores, num_each=2) == {"best": [1, 3], "median": [5, 2], "worst": [4, 0]}
    assert report.ranked_indices(scores, num_each=1) == {"best": [1], "median": [2], "worst": [0]}


@pytest.mark.parametrize("num_images", range(9))
@pytest.mark.parametrize("num_each", range(4))
def test_ranking_never_shows_an_image_twice(num_images, num_each):
    ranked = report.ranked_indices(report_of(np.linspace(1, 0, num_images)), num_each=num_each)
    shown = ranked["best"] + ranked["median"] + ranked["worst"]
    assert shown == sorted(set(shown)) and len(shown) == min(3 * num_each, num_images)
    assert max(map(len, ranked.values())) - min(map(len, ranked.values())) <= 1
