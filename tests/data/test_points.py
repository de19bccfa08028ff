"""Points files."""

import json

import numpy as np
import pytest

from data import images, points, samples
from errors import UserError

POINT = {"x": 1.5, "y": 2}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_a_points_file_is_read(tmp_path):
    content = {"image": "a.png", "median_diameter": 24, "annotators": [[POINT], []], "points": [POINT, {"y": 0, "x": 3}],
               "rule": "by eye"}
    read = points.read_points(write(tmp_path / "a.json", content))
    np.testing.assert_array_equal(read.points, [[1.5, 2.0], [3.0, 0.0]])
    assert (read.image, read.median_diameter) == ("a.png", 24.0)
    assert [list(map(list, one)) for one in read.annotators] == [[[1.5, 2.0]], []]


@pytest.mark.parametrize("content", [[POINT], {"points": [POINT]}])
def test_what_a_file_does_not_say_is_none(tmp_path, content):
    read = points.read_points(write(tmp_path / "a.json", content))
    assert read.points.tolist() == [[1.5, 2.0]]
    assert (read.image, read.median_diameter, read.annotators) == (None, None, ())


def test_no_points_are_an_empty_array(tmp_path):
    assert points.read_points(write(tmp_path / "a.json", [])).points.shape == (0, 2)


@pytest.mark.parametrize("content, message", [
    ("[{", "is no points file"), ("{}", "has no 'points'"), ("3", "has no 'points'"), ("[" * 9999, "is no points file"),
    ({"points": 3}, "'points': found 3, expected a list"),
    ([POINT, {"x": 1}], r"'points', number 2: found {\"x\": 1}, expected"),
    ([{"x": "1", "y": 2}], "number 1"), ("[{\"x\": NaN, \"y\": 2}]", "number 1"), ([[1, 2]], "number 1"),
    ([{"x": True, "y": 2}], "number 1"), ([{"x": 10**400, "y": 2}], "number 1"),
    ({"points": [], "median_diameter": 0}, "'median_diameter' is 0"), ({"points": [], "image": 3}, "'image' is 3"),
    ({"points": [], "annotators": {}}, "'annotators' is {}"),
    ({"points": [], "annotators": [[3]]}, "annotator 1, number 1"),
])
def test_a_file_of_another_form_is_refused_in_a_sentence(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as error:
        points.read_points(write(tmp_path / "a.json", content))
    assert str(error.value).endswith(".") and "expected" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        points.read_points(str(tmp_path / "a.json"))


@pytest.mark.parametrize("path, picture, count", [
    (samples.LIMES_POINTS, samples.LIMES_IMAGE, 100), (samples.FRUIT_POINTS, samples.FRUIT_IMAGE, 122),
    (samples.HAZELNUTS_POINTS, samples.HAZELNUTS_IMAGE, 180)])
def test_points_of_the_samples_lie_in_their_pictures_and_apart(path, picture, count):
    read = points.read_points(path)
    height, width = images.load_image(picture).shape[:2]
    assert picture.endswith(read.image) and len(read.points) == count and len(read.annotators) == 2
    for listed in (read.points, *read.annotators):
        assert (listed >= 0).all() and (listed < [width, height]).all()
        apart = np.linalg.norm(listed[:, np.newaxis] - listed, axis=-1)[~np.eye(len(listed), dtype=bool)]
        assert apart.min() > 0.15 * read.median_diameter
