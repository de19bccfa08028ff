"""What was found, in the photograph's pixels: labels of 16 bits, tables, outlines, and sizes that were not learnt."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from counting import found, outputs
from counting.student import Found
from errors import UserError


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


@pytest.fixture(name="instances")
def instances_fixture():
    """Two overlapping squares, in a photograph of twice the scaled one's sides, and a third one below both."""
    outlines = np.array([box(5, 5, 10, 10), box(1, 1, 6, 6), box(6, 6, 9, 9)], np.float32)
    scores = np.array([0.9, 0.7, 0.2], np.float32)
    return found.in_photograph(Found(outlines, scores), scaled=(12, 20), shape=(24, 40))


def test_instances_are_numbered_from_top_to_bottom_and_the_better_score_is_seen(instances):
    expected = np.zeros((24, 40), int)
    expected[2:12, 2:12], expected[10:20, 10:20] = 1, 2
    assert instances.labels.dtype == np.uint16
    np.testing.assert_array_equal(instances.labels, expected)
    assert instances.scores.tolist() == pytest.approx([0.7, 0.9])  # the third is hidden


def test_the_table_holds_centres_boxes_areas_and_diameters(instances):
    rows = list(csv.DictReader(io.StringIO(found.csv_text(instances))))
    assert tuple(rows[0]) == found.COLUMNS
    assert {name: float(value) for name, value in rows[1].items()} == pytest.approx(
        {"number": 2, "x": 15, "y": 15, "left": 10, "top": 10, "width": 10, "height": 10, "area": 100,
         "equivalent_diameter": 11.28, "whole_diameter": 11.28, "seen": 1.0, "score": 0.9})
    assert [int(row["area"]) for row in rows] == [96, 100]
    assert float(rows[0]["whole_diameter"]) == 11.28 and float(rows[0]["seen"]) == 0.96  # the other covers four pixels


def test_a_pixel_is_inside_where_its_middle_is_by_odd_crossings():
    crossed = np.array([[[1, 3], [9, 7], [9, 3], [1, 7]]], np.float32)  # two triangles that meet in the middle
    labels = found.in_photograph(Found(crossed, np.ones(1, np.float32)), scaled=(10, 10), shape=(10, 10)).labels
    rows, columns = np.mgrid[:10, :10] + 0.5 - 5.0
    np.testing.assert_array_equal(labels > 0, (2 * abs(rows) < abs(columns)) & (abs(columns) < 4))


def test_outlines_are_polygons_of_coco(instances):
    made = json.loads(found.coco_text(instances, name="a.png"))
    assert made["images"] == [{"id": 1, "file_name": "a.png", "width": 40, "height": 24}]
    assert [one["id"] for one in made["annotations"]] == [1, 2]
    second = made["annotations"][1]
    assert second["segmentation"] == [[10, 10, 20, 10, 20, 20, 10, 20]] and second["bbox"] == [10, 10, 10, 10]
    assert second["area"] == 100 and second["iscrowd"] == 0 and second["category_id"] == made["categories"][0]["id"]


def test_outlines_are_cut_at_the_border_and_many_numbers_fit():
    outlines = np.array([box(x, y, x + 1, y + 1) for y in range(20) for x in range(-1, 20)], np.float32)
    instances = found.in_photograph(Found(outlines, np.ones(len(outlines), np.float32)), scaled=(20, 20), shape=(20, 20))
    assert instances.labels.max() == 400 == len(instances.scores)  # those outside are left out
    assert instances.outlines.min() == 0 and len(instances.rows) == 400
    contents = outputs.results(np.zeros((20, 20, 3), np.uint8), instances, name="a", settings={})
    with Image.open(io.BytesIO(contents["labels.png"])) as saved:
        np.testing.assert_array_equal(np.asarray(saved), instances.labels)
        assert saved.mode.startswith("I")


def test_what_is_seen_less_than_a_share_is_left_out():
    outlines = np.array([box(0, 0, 10, 10), box(0, 4, 10, 14), box(12, 0, 16, 4)], np.float32)  # 0.4, 1 and 1 are seen
    everything = found.in_photograph(Found(outlines, np.ones(3, np.float32), np.array([0, 1, 2])), scaled=(20, 20), shape=(20, 20))
    assert len(found.without_hidden(everything, least_seen=0.4).scores) == 3
    left = found.without_hidden(everything, least_seen=0.45)
    assert [(row.number, row.seen, row.top) for row in left.rows] == [(1, 1.0, 0), (2, 1.0, 4)]
    assert left.labels.dtype == np.uint16 and not left.labels[:4, :10].any() and left.labels.max() == 2
    nothing = found.without_hidden(everything, least_seen=1.1)
    assert not nothing.labels.any() and nothing.rows == []


def test_nothing_found_is_no_instance():
    nothing = Found(np.zeros((0, 32, 2), np.float32), np.zeros(0, np.float32))
    instances = found.in_photograph(nothing, scaled=(20, 20), shape=(20, 20))
    assert not instances.labels.any() and instances.rows == [] and len(instances.scores) == 0


def test_results_say_how_many_there_are_and_enlarge_what_would_be_unreadable(instances):
    contents = outputs.results(np.zeros((24, 40, 3), np.uint8), instances, name="a.png", settings={"window_size": 52})
    assert set(contents) == set(outputs.RESULTS)
    summary = json.loads(contents["count.json"])
    assert summary["count"] == 2 and summary["window_size"] == 52 and summary["width"] == 40
    assert summary["covered"] == pytest.approx(196 / 960, abs=1e-4)
    with Image.open(io.BytesIO(contents["overlay.png"])) as overlay:
        assert overlay.width % 40 == 0 and overlay.width >= 4 * 40 * 0.75 and np.asarray(overlay).max() == 255


def test_a_size_at_the_border_of_what_was_learnt_is_refused_with_one_that_fits():
    learnt = {"diameter": 30.0, "min_scale": 0.6, "max_scale": 1.7}
    found.check_scale(30.0, learnt, window_size=52, largest=200, name="a.png")
    for diameter, size in ((48.0, 83), (19.0, 33)):
        with pytest.raises(UserError, match=f"--window_size={size} would fit better"):
            found.check_scale(diameter, learnt, window_size=52, largest=200, name="a.png")
    with pytest.raises(UserError, match="windows of 83 pixels .* larger part of the photograph"):
        found.check_scale(48.0, learnt, window_size=52, largest=60, name="a.png")


def test_files_are_written_together_or_not_at_all(tmp_path):
    (tmp_path / "count.json").write_text("old")
    (tmp_path / "labels.png").mkdir()
    with pytest.raises(UserError, match="labels.png cannot be written"):
        outputs.write(str(tmp_path), {"labels.png": b"new", "count.json": "new"})
    assert (tmp_path / "count.json").read_text() == "old" and len(list(tmp_path.iterdir())) == 2


def test_a_student_is_kept_only_where_none_is(tmp_path):
    contents = {outputs.STUDENT: b"new", outputs.COMPOSITES: b"new"}
    assert outputs.keep(str(tmp_path / "a"), contents) == str(tmp_path / "a" / "student.npz")
    (tmp_path / "a" / "student.npz").write_text("old")
    assert outputs.keep(str(tmp_path / "a"), contents) is None
    assert (tmp_path / "a" / "student.npz").read_text() == "old"
    assert outputs.keep(str(tmp_path / "b"), {}) is None
