"""count.py as users start it, in a very small form."""

import csv
import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import count
from conftest import ROOT
from counting import composites, found, generator, outputs
from counting.student import Found
from data import samples
from data.illumination import Light
from data.points import read_points
from errors import UserError
from evaluation import detection
from models.instance_generator import build_generator
from storage.weights import save_weights
import tool_config

LIMES = ("--weights=pretrained/limes.npz", "--image=data/samples/hoc/limes.png")
SMALL = ("--num_composites=4", "--composite_size=64", "--num_steps=6", "--student_width=4", "--batch_size=2",
         "--min_scale=0.3")


@pytest.fixture(scope="module", name="stardist")
def stardist_fixture():
    """Skips where StarDist is not installed."""
    return pytest.importorskip("stardist", reason="needs StarDist; `make count-install` installs it")


@pytest.fixture(scope="module", name="counted")
def counted_fixture(stardist, run_script, tmp_path_factory):
    """The folder of a count of limes."""
    folder = tmp_path_factory.mktemp("counted") / "limes"
    result = run_script("count.py", *LIMES, *SMALL, f"--out={folder}")
    assert result.returncode == 0, result.stderr
    assert f"instances in data/samples/hoc/limes.png; overlay.png, instances.csv and what else was found are in {folder}" in result.stdout
    return folder


def test_a_count_leaves_its_files_which_agree(counted):
    assert {path.name for path in counted.iterdir()} == set(outputs.NAMES)
    summary = json.loads((counted / "count.json").read_text())
    with Image.open(ROOT / "data/samples/hoc/limes.png") as photograph, Image.open(counted / "labels.png") as labels:
        assert photograph.size == labels.size == (summary["width"], summary["height"])
        areas = np.bincount(np.asarray(labels).ravel())[1:]
    with open(counted / "instances.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    annotations = json.loads((counted / "instances.json").read_text())["annotations"]
    assert summary["count"] == len(rows) == len(areas) == len(annotations) > 0
    assert [int(row["area"]) for row in rows] == areas.tolist() == [one["area"] for one in annotations]
    assert summary["window_size"] == 52 and summary["settings"]["composites"]["num_composites"] == 4


def test_its_student_finds_the_same_without_training(counted, run_script, tmp_path):
    result = run_script("count.py", f"--student={counted / 'student.npz'}", LIMES[1], "--window_size=52",
                        f"--out={tmp_path / 'again'}")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "again").iterdir()} == set(outputs.RESULTS)
    for name in ("labels.png", "instances.csv", "overlay.png"):
        assert (tmp_path / "again" / name).read_bytes() == (counted / name).read_bytes()


def test_the_released_student_finds_the_nuclei_of_the_bundled_micrograph(stardist, run_script, tmp_path):
    result = run_script("count.py", "--student=pretrained/nuclei_student.npz", f"--image={samples.NUCLEI_IMAGE}",
                        f"--out={tmp_path / 'nuclei'}")
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "nuclei" / "labels.png") as labels, Image.open(samples.NUCLEI_LABELS) as true:
        score = detection.score_labels(np.asarray(labels).astype(np.int64), np.asarray(true).astype(np.int64))
    assert score.average_precision[0] > 0.84 and abs(score.count_error) < 0.03


def test_the_released_student_of_limes_finds_hazelnuts_at_a_window_size_of_its_own(stardist, run_script, tmp_path):
    result = run_script("count.py", "--student=pretrained/limes_student.npz", f"--image={ROOT / 'data/samples/hoc/hazelnuts.jpg'}",
                        f"--out={tmp_path / 'nuts'}")
    assert result.returncode == 0 and "fits best" in result.stdout, result.stderr
    assert 150 <= json.loads((tmp_path / "nuts" / "count.json").read_text())["window_size"] <= 190
    truth = read_points(ROOT / "data/samples/hoc/hazelnuts.points.json")
    with open(tmp_path / "nuts" / "instances.csv", encoding="utf-8") as file:
        centres = np.array([[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)])
    assert detection.score_points(centres, truth.points, radius=truth.median_diameter / 2.0).f1 > 0.86


@pytest.mark.parametrize("arguments, message", [
    (("--weights=pretrained/birds_compact.npz", LIMES[1]), "holds a 'unet', expected an 'instance_generator'"),
    (("--student=pretrained/limes.npz", LIMES[1]), "holds a 'instance_generator', expected a 'stardist_student'"),
    ((LIMES[1],), "give --student, such as pretrained/limes_student.npz"),
    ((*LIMES, "--run_dir=runs/limes"), "give either --run_dir"),
    ((*LIMES, "--student=student.npz"), "--student needs neither --weights nor --run_dir"),
    (("--student=pretrained/limes_student.npz", LIMES[1], "--amodal", "--min_visible=0.3"),
     "--min_visible and --amodal would do nothing here: no further student is taught; add --self_training_rounds=1, or leave them"),
    (("--student=pretrained/shapes_student.npz", LIMES[1]),
     "has learnt long things, whose size cannot be searched; give --window_size"),
    (("--student=pretrained/limes_student.npz", LIMES[1], "--noamodal"), "--noamodal would do nothing here"),
    ((*LIMES, "--self_training_rounds=0", "--cut_out_share=0.6"), "--cut_out_share would do nothing here"),
    (("--student=pretrained/limes_student.npz", LIMES[1], "--self_training_rounds=1", "--max_scale=2"),
     "--max_scale would do nothing here: with --student a further student sees 0.8 to 1.25 times what was found; leave it out"),
    ((*LIMES, "--window_size=400"), "smaller than a window of --window_size=400"),
    ((*LIMES, "--window_size=8"), "--window_size is 8 pixels, expected at least 16"),
    ((*LIMES, "--min_scale=2"), "--min_scale=2 is above --max_scale=1.7, one of them the default on 'dense' ground"),
    ((*LIMES, "--composite_size=72"), "must be a multiple of 16"),
    ((*LIMES, "--ground=black", "--amodal"), "--amodal is for dense ground, and here it is 'black'"),
    ((LIMES[0], "--image=nowhere.png"), "nowhere.png"),
    ((*LIMES, "--out=README.md"), "--out=README.md is no folder"),
    ((LIMES[0], "--image=out/overlay.png", "--out=out"), "which is to be read, would be overwritten"),
    (("--student=out/student.npz", "--self_training_rounds=1", LIMES[1], "--out=out"), "which is to be read, would be overwritten"),
])
def test_what_cannot_be_counted_is_refused_in_a_sentence(stardist, run_script, tmp_path, arguments, message):
    out = [] if any(one.startswith("--out") for one in arguments) else [f"--out={tmp_path / 'out'}"]
    result = run_script("count.py", *arguments, *out)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_weights_that_do_not_say_their_window_size_need_it(stardist, run_script, tmp_path):
    save_weights(tmp_path / "w.npz", build_generator(latent_dim=2, width=1 / 32), metadata={
        "network": "instance_generator", "width": 1 / 32, "latent_dim": 2, "disk_area": None, "flags": {}})
    result = run_script("count.py", f"--weights={tmp_path / 'w.npz'}", LIMES[1], f"--out={tmp_path / 'out'}")
    assert result.returncode == 1 and "the weights do not say their window size; give --window_size" in result.stderr


@pytest.mark.parametrize("flags, expected", [
    ({}, None), ({"window_size": "--window_size=52"}, 52), ({"seed": "--seed=1"}, 78),
    ({"drawn_cluster": "--drawn_cluster=beans"}, 64)])
def test_the_window_size_is_that_of_the_run(flags, expected):
    assert generator.window_size(flags) == expected


@pytest.mark.parametrize("flags, light, ground, upright", [
    ({}, Light(), "dense", False),
    ({"flat_field": "--flat_field=0.9", "gamma": "--gamma=0.5"}, Light(0.9, 0.5), "dense", False),
    ({"background": "--background=ground", "vertical_flip": "--vertical_flip"}, Light(), "own", False),
    ({"background": "--background=black", "vertical_flip": "--novertical_flip"}, Light(), "black", True)])
def test_light_ground_and_whether_things_are_upright_are_those_of_the_generator(flags, light, ground, upright, tmp_path):
    save_weights(tmp_path / "w.npz", build_generator(latent_dim=2, width=1 / 32), metadata={
        "network": "instance_generator", "width": 1 / 32, "latent_dim": 2, "disk_area": None, "flags": flags})
    sampled = generator.sample(tmp_path / "w.npz", count=4, seed=0)
    assert (sampled.light, sampled.ground, sampled.upright) == (light, ground, upright)


@dataclasses.dataclass
class Options:
    """Of the flags those that `count.complete` completes."""

    composites: tool_config.Composites


@pytest.mark.parametrize("ground, given, expected", [
    ("dense", {}, (0.6, 1.7, 0.45, 0.8, 0.7)), ("own", {}, (0.8, 1.25, 0.2, 0.5, 0.0)), ("black", {}, (0.8, 1.25, 0.2, 0.5, 0.0)),
    ("own", {"spacing": 1.0, "min_visible": 0.0}, (0.8, 1.25, 0.0, 1.0, 0.0)),
    ("own", {"ground": "dense"}, (0.6, 1.7, 0.45, 0.8, 0.7)), ("dense", {"upright": True}, (0.6, 1.7, 0.45, 0.8, 0.7)),
    ("dense", {"amodal": True}, (0.6, 1.7, 0.33, 0.8, 0.7))])
def test_what_is_not_given_follows_from_the_ground(ground, given, expected):
    made = tool_config.Composites(num_composites=2, composite_size=128, max_stretch=1.0, max_bend=0.0, **{
        **dict.fromkeys(("ground", "min_scale", "max_scale", "min_visible", "spacing", "shadow_strength", "upright", "amodal")),
        **given})
    completed = count.complete(Options(made), ground=ground, upright=False).composites
    recipe = count.recipe_of(completed)
    assert recipe.ground == given.get("ground", ground) and recipe.upright == given.get("upright", False)
    assert completed.amodal == given.get("amodal", False)
    assert (recipe.min_scale, recipe.max_scale, recipe.min_visible, recipe.spacing, recipe.shadow_strength) == expected


class Stub:
    """A student that finds squares of one size."""

    metadata = {"learnt": {"diameter": 30.0, "min_scale": 0.6, "max_scale": 1.7, "ground": "dense"}}

    def __init__(self, side, number):
        self._side, self._number = side, number

    @property
    def ground(self):
        return self.metadata["learnt"]["ground"]

    def find(self, picture):
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * self._side
        return Found(np.stack([corners + [0, index * self._side] for index in range(self._number)])
                     if self._number else np.zeros((0, 4, 2), np.float32), np.ones(self._number, np.float32))


def test_nothing_and_another_size_than_was_learnt_are_refused():
    photograph = np.zeros((104, 104, 3), np.uint8)
    scaled = count.Scaled(np.zeros((128, 128, 3), np.uint8), 52, Light())
    options = SimpleNamespace(image="a.png", student=None, window_size=52, outlines="auto", least_seen=0.0)
    assert len(count.find(Stub(27, 3), photograph, scaled, options=options).scores) == 3
    with pytest.raises(UserError, match="no instance was found in a.png with --window_size=52"):
        count.find(Stub(27, 0), photograph, scaled, options=options)
    with pytest.raises(UserError, match="--window_size=8. would fit better"):
        count.find(Stub(43, 2), photograph, scaled, options=options)
    with pytest.raises(UserError, match="--window_size=2. would fit better"):
        count.find(Stub(13, 2), photograph, scaled, options=options)
    options.student = "student.npz"
    with pytest.raises(UserError, match="leave --window_size out, and it is searched"):
        count.find(Stub(13, 2), photograph, scaled, options=options)


@pytest.mark.parametrize("outlines, ground, expected", [
    ("auto", "own", True), ("auto", "black", True), ("auto", "dense", False), ("student", "own", False),
    ("half_maximum", "dense", True)])
def test_outlines_move_to_half_maximum_where_ground_is_seen(stardist, outlines, ground, expected):
    photograph = np.zeros((104, 104, 3), np.uint8)
    photograph[1:25, 1:25] = 200  # one pixel beside the square of 22 that is found
    stub = Stub(27, 1)
    stub.metadata = {"learnt": {**Stub.metadata["learnt"], "ground": ground}}
    instances = count.find(stub, photograph, count.Scaled(np.zeros((128, 128, 3), np.uint8), 52, Light()),
                           options=SimpleNamespace(image="a.png", student=None, window_size=52, outlines=outlines, least_seen=0.0))
    assert (instances.rows[0].width, instances.rows[0].area) == ((24, 24 * 24) if expected else (22, 22 * 22))


@pytest.mark.parametrize("student, given, expected", [(None, None, 1), ("a.npz", None, 0), ("a.npz", 2, 2), (None, 0, 0)])
def test_a_generators_student_is_followed_by_one_more(student, given, expected):
    assert count.num_rounds(SimpleNamespace(student=student, self_training_rounds=given)) == expected


def test_a_further_student_learns_from_what_was_found_in_smaller_windows(monkeypatch):
    taught = []

    def train(options, instances, *, recipe, learnt, scaled):
        taught.append((len(instances), recipe.max_scale, learnt["diameter"], scaled.window_size))
        return Stub(30, 3), {}

    monkeypatch.setattr(count, "train", train)
    photograph = np.zeros((256, 256, 3), np.uint8)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * 20
    places = [[20 + 50 * (index % 4), 20 + 50 * (index // 4)] for index in range(12)]
    scores = np.linspace(0.5, 1.0, 12, dtype=np.float32)
    before = found.in_photograph(Found(np.stack([corners + place for place in places]), scores),
                                 scaled=(256, 256), shape=(256, 256))
    options = SimpleNamespace(image="a.png", student=None, window_size=52, outlines="auto", least_seen=0.0, cut_out_share=0.75,
                              composites=SimpleNamespace(ground="own", amodal=False))
    _, _, scaled, instances, number = count.train_further(options, before, photograph, recipe=composites.Recipe(ground="own"),
                                                          scaled=count.Scaled(photograph, 64, Light()))
    assert scaled.window_size == pytest.approx(2.0 * 2.0 * 20 / np.sqrt(np.pi), abs=1)  # two diameters of a square of 20
    assert number == 9 and len(instances.scores) == 3
    assert taught == [(9, 1.25, pytest.approx(2.0 * 20 / np.sqrt(np.pi) * 64 / scaled.window_size, rel=0.05), scaled.window_size)]


def test_a_given_gamma_goes_before_that_of_what_was_learnt():
    learnt = Light(flat_field=0.9, gamma=0.5)
    assert count.light_of(SimpleNamespace(gamma=None), learnt=learnt) == learnt
    assert count.light_of(SimpleNamespace(gamma=1.0), learnt=learnt) == Light(flat_field=0.9, gamma=1.0)
    dark = np.full((64, 64, 3), 64, np.uint8)
    assert count.scale(dark, name="a.png", window_size=64, light=Light(gamma=0.5)).pixels.mean() == 128.0
