"""Measures of found instances, against cases that were worked out by hand."""

import numpy as np
import pytest

from errors import UserError
from evaluation import detection, optional

STARDIST = "measures of label images are stardist's, an optional package (make count-install)"
SCIPY = "points are matched by SciPy, which comes with stardist (make count-install)"


def squares():
    """Three true squares of 10 x 10; of those found the first is the same, the second split, the third shifted."""
    true, found = np.zeros((40, 60), np.uint16), np.zeros((40, 60), np.int32)
    true[5:15, 5:15], true[5:15, 25:35], true[25:35, 5:15] = 1, 2, 3
    found[5:15, 5:15] = 40
    found[5:15, 25:32], found[5:15, 32:35] = 7, 9  # IoU 0.7 and 0.3
    found[25:35, 7:17] = 8  # 80 common pixels of 120: IoU 2 / 3
    return found, true


def test_label_images_by_hand():
    pytest.importorskip("stardist", reason=STARDIST)
    scores = detection.score_labels(*squares())
    # At 0.5 and 0.6 three pairs and one piece left over; at 0.7 the shifted one goes, at 0.8 the split one too.
    assert scores.thresholds == (0.5, 0.6, 0.7, 0.8, 0.9)
    assert scores.average_precision == pytest.approx((3 / 4, 3 / 4, 2 / 5, 1 / 6, 1 / 6))
    assert scores.f1 == pytest.approx((6 / 7, 6 / 7, 4 / 7, 2 / 7, 2 / 7))
    all_three = (1 + 0.7 + 2 / 3) / 3.5
    assert scores.panoptic_quality == pytest.approx((all_three, all_three, 1.7 / 3.5, 1 / 3.5, 1 / 3.5))
    assert (scores.num_found, scores.num_true, scores.count_error) == (4, 3, pytest.approx(1 / 3))


def test_found_instances_where_it_does_not_matter_are_not_counted():
    pytest.importorskip("stardist", reason=STARDIST)
    found, true = squares()
    found[30:34, 40:50] = 11
    ignored = np.zeros(true.shape, bool)
    ignored[:, 36:] = True
    ignored[5:15, 31:35] = True  # the smaller piece of the second and a seventh of the bigger one
    scores = detection.score_labels(found, true, ignored=ignored)
    assert (scores.num_found, scores.num_true) == (3, 3)
    assert scores.average_precision[0] == 1.0
    kept = detection.without_ignored(found, ignored)
    assert set(np.unique(kept)) == {0, 7, 8, 40} and np.array_equal(kept == 7, found == 7)


@pytest.mark.parametrize("has_found, has_true, share, error", [
    (False, False, 1.0, 0.0), (False, True, 0.0, -1.0), (True, False, 0.0, np.inf), (True, True, 1.0, 0.0)])
def test_pictures_without_instances(has_found, has_true, share, error):
    pytest.importorskip("stardist", reason=STARDIST)
    found, true = np.zeros((8, 8), int), np.zeros((8, 8), int)
    found[2:5, 2:5], true[2:5, 2:5] = has_found, has_true
    scores = detection.score_labels(found, true)
    assert set(scores.average_precision + scores.f1 + scores.panoptic_quality) == {share}
    assert scores.count_error == error
    points = detection.score_points(detection.centres(found), detection.centres(true), radius=1.0)
    assert (points.f1, points.count_error) == (share, error)


@pytest.mark.parametrize("found, true", [
    (np.zeros((4, 4), int), np.zeros((4, 5), int)), (np.zeros((4, 4)), np.zeros((4, 4), int)),
    (np.full((4, 4), -1), np.zeros((4, 4), int)), (np.zeros(4, int), np.zeros(4, int))])
def test_what_is_no_pair_of_label_images_is_refused(found, true):
    with pytest.raises(ValueError, match="label"):
        detection.score_labels(found, true)


def test_points_by_hand():
    pytest.importorskip("scipy", reason=SCIPY)
    true = np.array([[10.0, 10.0], [30.0, 10.0], [50.0, 10.0], [70.0, 10.0]])
    # Two at the first, one 5 px from the second, one 6 px from the third.
    found = np.array([[10.0, 11.0], [9.0, 10.0], [33.0, 14.0], [50.0, 16.0]])
    scores = detection.score_points(found, true, radius=5.0)
    assert (scores.precision, scores.recall, scores.f1) == (0.5, 0.5, 0.5)
    assert scores.count_error == 0.0
    assert detection.match_points(found, true, radius=5.0).tolist() in ([[0, 0], [2, 1]], [[1, 0], [2, 1]])
    scores = detection.score_points(found[:3], true, radius=5.0)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((2 / 3, 2 / 4, 4 / 7))
    assert scores.count_error == -0.25


def test_as_many_pairs_as_can_be_are_made_and_not_the_nearest_first():
    pytest.importorskip("scipy", reason=SCIPY)
    first, second = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([[3.0, 0.0], [8.0, 0.0]])
    assert detection.match_points(first, second, radius=4.0).tolist() == [[0, 0], [1, 1]]  # 4 - 3 is nearest
    assert detection.match_points(first[::-1], second, radius=4.0).tolist() == [[0, 1], [1, 0]]


def test_agreement_of_annotators():
    pytest.importorskip("scipy", reason=SCIPY)
    first, second = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]]), np.array([[20.0, 2.0], [40.0, 4.0]])
    result = detection.agreement(first, second, median_diameter=10.0)
    assert result == detection.Agreement(f1=0.8, num_first=3, num_second=2, num_both=2, mean_distance=3.0)
    assert np.isnan(detection.agreement(first, second + 10.0, median_diameter=10.0).mean_distance)


@pytest.mark.parametrize("points, radius", [([[1.0, 2.0, 3.0]], 1.0), ([[np.nan, 1.0]], 1.0), ([[1.0, 2.0]], 0.0)])
def test_what_are_no_points_is_refused(points, radius):
    with pytest.raises(ValueError, match="Points|radius"):
        detection.match_points(np.array(points), np.zeros((1, 2)), radius=radius)


def test_centres_and_diameters():
    true = squares()[1]
    np.testing.assert_allclose(detection.centres(true), [[9.5, 9.5], [29.5, 9.5], [9.5, 29.5]])
    assert detection.median_diameter(true) == pytest.approx(2 * np.sqrt(100 / np.pi))
    assert detection.centres(0 * true).shape == (0, 2) and detection.median_diameter(0 * true) == 0.0


def test_a_package_that_is_missing_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(optional.importlib.sys.modules, "stardist", None)
    monkeypatch.delitem(optional.importlib.sys.modules, "stardist.matching", raising=False)
    with pytest.raises(UserError, match="stardist, which is not installed; install it with `make count-install`"):
        detection.score_labels(*squares())
