"""Classical ways of counting: each finds what is easy, is tuned on one picture alone, and is measured on all."""

import json

import numpy as np
from PIL import Image
import pytest

from errors import UserError
from evaluation import detection
from experiments import count_baselines, count_methods, count_pictures

pytest.importorskip("skimage", reason="the classical methods are scikit-image's and SciPy's, which come with stardist "
                    "(make count-install)")
DIAMETER = 16.0
SETTINGS = {"watershed": {"window": 2.4, "offset": 0.02, "blur": 0.05, "smoothing": 0.1, "distance": 0.4},
            "hough": {"edge": 100, "votes": 9, "distance": 0.8},
            "log": {"smallest": 0.8, "largest": 1.2, "threshold": 0.12, "overlap": 0.4},
            "template": {"scale": 1.0, "rim": 0.15, "turns": 1, "threshold": 0.5, "distance": 0.5}}


def disks(name="07fb37aa", *, step=20):
    """A picture of 12 bright disks on black, of the group of nuclei."""
    rows, columns = np.mgrid[:100, :120]
    labels = np.zeros((100, 120), np.int64)
    for number, (y, x) in enumerate(((y, x) for y in (15, 45, 75) for x in range(20, 20 + 4 * step, step)), start=1):
        labels[np.hypot(rows - y, columns - x) <= DIAMETER / 2] = number
    rgb = np.repeat(np.uint8(200 * (labels > 0) + 20)[..., np.newaxis], 3, axis=-1)
    return count_pictures.Picture(name=name, group="nuclei", rgb=rgb, diameter=DIAMETER, labels=labels,
                                  points=detection.centres(labels))


def template_of(picture):
    return count_methods.mean_instance(picture.rgb, picture.points, diameter=picture.diameter, labels=picture.labels)


@pytest.mark.parametrize("method", SETTINGS)
@pytest.mark.parametrize("has_labels", [True, False])
def test_disks_are_found(method, has_labels):
    picture = disks()
    if not has_labels:
        picture = count_pictures.dataclasses.replace(picture, labels=None)
    more = {"template": template_of(picture)} if method == "template" else {}
    measures = count_pictures.measure(picture, count_baselines.find(picture, method, {**SETTINGS[method], **more}))
    assert (measures.centre_f1, measures.count_error, measures.num_true) == (1.0, 0.0, 12)
    assert (measures.average_precision is not None) == (method == "watershed" and has_labels)
    if measures.average_precision:
        pytest.importorskip("stardist")
        assert measures.average_precision[0] == measures.f1 == 1.0 and measures.panoptic_quality > 0.8


def test_points_of_a_picture_that_is_scaled_down_are_in_its_own_pixels():
    small = disks()
    big = count_pictures.Picture(name="limes", group="fruit", rgb=small.rgb.repeat(4, axis=0).repeat(4, axis=1),
                                 diameter=4 * DIAMETER, points=4 * small.points + 1.5)
    assert big.scale == count_pictures.WORKING_DIAMETER / (4 * DIAMETER)
    found = count_baselines.find(big, "watershed", SETTINGS["watershed"])
    pairs = detection.match_points(found, big.points, radius=3.0)
    assert len(found) == len(pairs) == 12


def test_a_lattice_does_not_look_at_the_picture():
    points = count_methods.lattice(np.zeros((50, 70), np.float32), 10.0, spacing=1.0)
    apart = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)[~np.eye(len(points), dtype=bool)]
    assert apart.min() == pytest.approx(10.0)
    assert points.min() >= 0 and (points < [70, 50]).all() and len(points) == pytest.approx(50 * 70 / 86.6, rel=0.2)


def test_settings_are_chosen_on_one_picture_and_kept(monkeypatch):
    pytest.importorskip("stardist")
    monkeypatch.setitem(count_methods.METHODS, "watershed", count_methods.METHODS["watershed"]._replace(
        grid={name: (value,) for name, value in SETTINGS["watershed"].items()} | {"offset": (0.9, 0.02)}))
    monkeypatch.setitem(count_methods.METHODS, "template", count_methods.METHODS["template"]._replace(
        grid={name: (value,) for name, value in SETTINGS["template"].items()} | {"threshold": (1.1, 0.5)}))
    rows = count_baselines.compare([disks("other", step=25), disks()], methods=["watershed", "template"])
    assert [(row.picture, row.method, row.tuned_on) for row in rows] == [
        ("other", "watershed", "07fb37aa"), ("other", "template", "07fb37aa"),
        ("07fb37aa", "watershed", "07fb37aa"), ("07fb37aa", "template", "07fb37aa")]
    assert {row.settings.get("offset", row.settings.get("threshold")) for row in rows} == {0.02, 0.5}
    assert {row.measures.centre_f1 for row in rows} == {1.0}
    lines = count_baselines.table(rows).splitlines()
    assert lines[2].startswith("| other | watershed | 1.000 | 1.000 | ")
    assert lines[2].endswith(" | 1.000 | 1.000 | 12 | 12 | +0.000 |")
    assert lines[5].startswith("| 07fb37aa* | template |  |  |  | 1.000 |")
    with pytest.raises(UserError, match="07fb37aa, on which methods are tuned, is not among"):
        count_baselines.compare([disks("other")], methods=["watershed"])


def test_of_a_drawn_cluster_hidden_instances_neither_count_nor_harm():
    pytest.importorskip("stardist")
    picture = count_pictures.drawn("long_ellipses", size=128)
    seen = count_pictures.synthetic.labelled_cluster("long_ellipses", size=128, seed=0)[2].astype(np.int64)
    assert picture.ignored.any() and not picture.labels[picture.ignored].any()
    assert len(picture.points) < len(np.unique(seen)) - 1
    measures = count_pictures.measure(picture, seen)
    assert measures.average_precision == (1.0,) * 5 and measures.count_error == 0.0
    assert count_pictures.measure(picture, detection.centres(picture.labels)).num_true == len(picture.points)
    measures = count_pictures.measure(picture, count_baselines.find(picture, "watershed", SETTINGS["watershed"]))
    assert 0.1 < measures.average_precision[0] < 0.9 and 0.4 < measures.centre_f1 < 0.95


def test_settings_are_chosen_on_a_corner_of_a_big_picture(monkeypatch):
    picture = disks()
    assert picture.corner() is picture
    monkeypatch.setattr(count_pictures, "MOST_TUNED", 100)
    monkeypatch.setattr(count_pictures, "CORNER", 60)
    corner = picture.corner()
    assert corner.rgb.shape == (60, 60, 3) and corner.labels.shape == (60, 60)
    np.testing.assert_allclose(corner.points[0], [20, 15])
    assert len(corner.points) == 6  # two columns and the edge of a third, in two rows
    assert count_pictures.merit(corner, corner.points) == 1.0


def test_the_mean_instance_lies_level():
    rows, columns = np.mgrid[:80, :80]
    labels = np.zeros((80, 80), np.int64)
    labels[(np.abs(rows - columns) < 5) & (np.abs(rows + columns - 78) < 30)] = 3
    template = count_methods.mean_instance(np.full((80, 80, 3), 90, np.uint8), detection.centres(labels), diameter=20.0,
                                           labels=labels)
    alpha = template[..., 3] > 127
    assert np.count_nonzero(alpha.any(axis=0)) > 2 * np.count_nonzero(alpha.any(axis=1))
    assert set(np.unique(template[alpha][:, :3])) == {90}


def test_a_given_template_is_taken(tmp_path):
    picture = disks()
    own = np.full((9, 9, 4), 255, np.uint8)
    Image.fromarray(own).save(tmp_path / "07fb37aa.png")
    np.testing.assert_array_equal(count_baselines.template_of(picture, picture, str(tmp_path)), own)
    made = count_baselines.template_of(disks("other"), picture, str(tmp_path))
    np.testing.assert_array_equal(made, template_of(picture))
    Image.fromarray(own[..., :3]).save(tmp_path / "07fb37aa.png")
    with pytest.raises(UserError, match="has no alpha channel"):
        count_baselines.template_of(picture, picture, str(tmp_path))


def test_given_instances_are_averaged(tmp_path):
    (tmp_path / "07fb37aa").mkdir()
    for number, (grey, alpha) in enumerate([(100, 200), (200, 100)]):
        Image.fromarray(np.full((9, 9, 4), (grey, grey, grey, alpha), np.uint8)).save(
            tmp_path / "07fb37aa" / f"instance_{number:04}.png")
    template = count_baselines.template_of(disks(), disks(), str(tmp_path))
    assert {tuple(pixel) for pixel in template.reshape(-1, 4)} == {(133, 133, 133, 150)}
    Image.fromarray(np.full((8, 8, 4), 255, np.uint8)).save(tmp_path / "07fb37aa" / "instance_0002.png")
    with pytest.raises(UserError, match="differ in size"):
        count_baselines.template_of(disks(), disks(), str(tmp_path))


def test_the_script_prints_and_writes_a_table(run_script, tmp_path):
    out = tmp_path / "out.json"
    result = run_script("experiments/count_baselines.py", "--groups=fruit", "--methods=lattice", f"--out={out}")
    assert result.returncode == 0, result.stderr
    assert "Tuned on limes (fruit)" in result.stdout and "| limes* | lattice |" in result.stdout
    written = json.loads(out.read_text())
    assert written["tuned_on"] == {"fruit": "limes"}
    assert [row["picture"] for row in written["rows"]] == ["limes", "oranges", "hazelnuts"]


@pytest.mark.parametrize("flag, message", [
    ("--methods=guess", "--methods=guess"), ("--groups=", "--groups="), ("--data=nowhere", "There is no folder nowhere")])
def test_flags_that_cannot_be_are_refused_in_a_sentence(run_script, flag, message):
    result = run_script("experiments/count_baselines.py", "--groups=fruit", flag)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
