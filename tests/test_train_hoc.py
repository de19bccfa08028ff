"""train_hoc.py as users start it: its run folder, resuming, the drawn cluster, refusals."""

import json
import shutil
import types

import numpy as np
import pytest
from PIL import Image

import cluster_flags
from data import hoc, synthetic
from data.illumination import Light
from errors import UserError
from evaluation import instances
from storage.weights import read_weights

# A generator of a size that makes a step take a fraction of a second; the discriminator is always Table 2's.
SMALL = ("--generator_width=0.03125", "--batch_size=2", "--num_layers=3", "--log_every=1", "--num_panel_images=2",
         "--num_evaluation_images=8", "--num_samples=5", "--num_panel_layers=2", "--shadow_strength=0.5",
         "--max_rotation=20", "--max_magnification=1.1", "--recognition_head=flattened", "--recognition_inputs=mean")
INFOGAN = "--recognition_trains_discriminator"
NO_RECOGNITION = ("--recognition=none", "--recognition_head=pooled", "--recognition_inputs=black")


@pytest.fixture(scope="module")
def two_steps(run_script, tmp_path_factory):
    """A run of two steps on the bundled oranges: its completed process and its folder."""
    folder = tmp_path_factory.mktemp("two") / "run"
    process = run_script("train_hoc.py", *SMALL, INFOGAN, f"--run_dir={folder}", "--num_steps=2", fresh=True)
    assert process.returncode == 0, process.stderr
    return process, folder


def last_metrics(folder):
    return json.loads((folder / "metrics.json").read_text())["last"]


def test_two_steps_on_the_bundled_oranges_leave_a_whole_run_folder(two_steps):
    process, folder = two_steps
    assert ("oranges.png in windows of 78 pixels, scaled to 295x236 pixels, windows to 64; area constant 0.25"
            in process.stdout)  # 359x288 times 64 / 78
    assert "step 2/2" in process.stdout
    names = {path.name for path in folder.iterdir()}
    assert {"flags.txt", "versions.json", "metrics.json", "checkpoints", "panels", "weights.npz", "samples"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert {"--num_layers=3", "--recognition=shared", "--information_weight=50.0"} <= set(
        (folder / "flags.txt").read_text().splitlines())
    latent_fits = {"latent_r2", *(f"latent_r2_{index}" for index in range(1, 6))}
    expected = {"generator/information_loss_weighted", "generator/area_penalty", "mask/area_mean",
                *(f"evaluation/{name}" for name in {*instances.KEYS, *latent_fits})}
    metrics = last_metrics(folder)
    assert expected <= set(metrics) and "evaluation/best_shape_iou" not in metrics
    assert all(np.isfinite(metrics[name]) for name in expected)
    with Image.open(folder / "panels" / "step_000002.png") as panel:
        assert panel.height == 2 + (1 + 2 + 3) * 66 and panel.width > 2 + 2 * 66  # real, two layers, three more


def test_a_run_ends_with_samples_and_weights_that_say_how_they_are_made(two_steps):
    _, folder = two_steps
    samples = folder / "samples"
    assert {path.name for path in samples.iterdir()} == {
        *(f"instance_{index:04d}.png" for index in range(5)), "sheet.png", "traversal.png"}
    for index in range(5):
        with Image.open(samples / f"instance_{index:04d}.png") as picture:
            assert picture.mode == "RGBA" and picture.size == (64, 64)
    with Image.open(samples / "sheet.png") as sheet, Image.open(samples / "traversal.png") as traversal:
        assert sheet.size == (2 + 5 * 66, 2 + 66) and traversal.height == 2 + 5 * 66  # 5 instances, 5 latents
    metadata, arrays = read_weights(folder / "weights.npz")
    described = {name: metadata[name] for name in ("task", "network", "width", "latent_dim", "area_constant",
                                                   "num_steps")}
    assert described == {"task": "hoc", "network": "instance_generator", "width": 0.03125, "latent_dim": 5,
                         "area_constant": 0.25, "num_steps": 2}
    assert sum(array.size for name, array in arrays.items() if name.endswith("/conv1/conv/kernel:0")) == 5 * 8 * 8 * 8


def test_two_steps_and_two_more_in_a_fresh_process_are_bit_equal_to_four(run_script, two_steps, tmp_path):
    shutil.copytree(two_steps[1], tmp_path / "resumed")
    arguments = (*SMALL, INFOGAN, "--num_steps=4", "--panel_every=0", "--num_samples=2")
    resumed = run_script("train_hoc.py", *arguments, f"--run_dir={tmp_path / 'resumed'}")
    assert "continues at step 2" in resumed.stdout, resumed.stderr
    whole = run_script("train_hoc.py", *arguments, f"--run_dir={tmp_path / 'whole'}", "--weights_every=2")
    assert "starts at step 0" in whole.stdout, whole.stderr
    (_, first), (_, second) = (read_weights(tmp_path / name / "weights.npz") for name in ("resumed", "whole"))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
    assert {path.name for path in (tmp_path / "resumed" / "samples").iterdir()} == {  # none of the first two steps' five
        "instance_0000.png", "instance_0001.png", "sheet.png", "traversal.png"}
    before = read_weights(two_steps[1] / "weights.npz")[1]
    assert any((array != before[name]).any() for name, array in first.items())
    assert {path.name for path in (tmp_path / "whole" / "weights").iterdir()} == {"step_000002.npz", "step_000004.npz"}
    metadata, kept = read_weights(tmp_path / "whole" / "weights" / "step_000002.npz")
    assert metadata["num_steps"] == 2
    for name, array in kept.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    one, other = (last_metrics(tmp_path / name) for name in ("resumed", "whole"))
    names = [name for name in other if name.split("/")[0] in ("generator", "discriminator", "evaluation")]
    assert {name: one[name] for name in names} == {name: other[name] for name in names}


def test_a_drawn_cluster_is_measured_against_its_shapes(run_script, tmp_path):
    result = run_script("train_hoc.py", *SMALL, f"--run_dir={tmp_path}", "--num_steps=1", "--drawn_cluster=bent_beans",
                        "--drawn_size=150", "--window_size=50", "--drawn_shadows=0.3", "--drawn_noise=0.02", *NO_RECOGNITION,
                        "--background=black", "--num_discriminator_updates=2", "--num_samples=0",
                        "--generator_average=0.9", "--discriminator_inputs=standardized")
    assert result.returncode == 0, result.stderr
    assert "drawn bent_beans in windows of 50 pixels, scaled to 192x192 pixels" in result.stdout
    metrics = last_metrics(tmp_path)
    assert 0.0 <= metrics["evaluation/best_shape_iou"] <= 1.0
    assert not any("information" in name or "latent_r2" in name for name in metrics)
    assert not (tmp_path / "samples").exists()


def test_masks_start_as_a_disk_of_the_first_steps_area_constant(run_script, tmp_path):
    process = run_script("train_hoc.py", *SMALL, f"--run_dir={tmp_path}", "--num_steps=1", "--mask_start=disk",
                         "--area_constant=0.2", "--area_start=0.08", "--area_ramp_steps=100")
    assert process.returncode == 0, process.stderr
    assert last_metrics(tmp_path)["mask/area_mean"] == pytest.approx(0.08, abs=0.02)
    assert read_weights(tmp_path / "weights.npz")[0]["disk_area"] == 0.08


@pytest.mark.parametrize("name", ["hoc_nuts_hole", "hoc_fruit_ten"])
def test_the_window_of_a_flagfiles_photograph_is_not_taken_for_another(run_script, tmp_path, name):
    arguments = (f"--flagfile=experiments/best/{name}.flags", "--image=data/samples/hoc/limes.png", f"--run_dir={tmp_path / 'run'}")
    result = run_script("train_hoc.py", *arguments)
    assert result.returncode == 1 and not (tmp_path / "run").exists()
    assert "is the flagfile's, for another photograph; give that of data/samples/hoc/limes.png in the command" in result.stderr


def test_a_photograph_before_a_flagfile_that_has_another_is_refused(run_script, tmp_path):
    result = run_script("train_hoc.py", "--image=data/samples/hoc/limes.png", "--flagfile=experiments/best/hoc_nuts_hole.flags",
                        f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 1 and not (tmp_path / "run").exists()
    assert "--image stands before a flagfile that sets it, too, and --image=data/samples/hoc/hazelnuts.jpg would" in result.stderr


def test_a_run_starts_from_the_weights_of_another(run_script, two_steps, tmp_path):
    """With a rate of zero and one step what is learnt stays as it was given; it goes on when the file is gone."""
    shutil.copy(two_steps[1] / "weights.npz", tmp_path / "first.npz")
    arguments = (*SMALL, f"--run_dir={tmp_path / 'run'}", "--num_steps=1", "--num_samples=0", "--generator_learning_rate=0",
                 f"--initial_weights={tmp_path / 'first.npz'}")
    result = run_script("train_hoc.py", *arguments)
    assert result.returncode == 0, result.stderr
    (tmp_path / "first.npz").unlink()
    again = run_script("train_hoc.py", *arguments)
    assert "is complete: it has 1 steps" in again.stdout, again.stderr
    given, kept = (read_weights(folder / "weights.npz")[1] for folder in (two_steps[1], tmp_path / "run"))
    assert given.keys() == kept.keys()
    for name, array in kept.items():
        if "moving" not in name:  # batch normalization's statistics go on
            np.testing.assert_array_equal(array, given[name], err_msg=name)
    refused = run_script("train_fg.py", f"--initial_weights={two_steps[1] / 'weights.npz'}", "--num_steps=1",
                         f"--run_dir={tmp_path / 'other'}", "--generator_width=0.03125")
    assert refused.returncode == 1
    assert "its network is 'instance_generator', this run's is 'unet'" in refused.stderr


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """Path of a photograph of 40x30 pixels."""
    path = tmp_path_factory.mktemp("photograph") / "small.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize("given, message", [
    (("--image={photograph}", "--window_size=31"), "small.png is 40x30 pixels, smaller than a window of"),
    (("--image={photograph}", "--window_size=0"), "--window_size is 0 pixels, expected at least 16"),
    (("--image={photograph}",), "--image needs --window_size"),
    (("--image=nowhere.png", "--window_size=64"), "no image file nowhere.png"),
    (("--padding=64",), "--padding=64 can push a whole instance out of its 64-pixel window"),
    (("--mask_start=disk", "--area_constant=0", "--padding=0"), "--mask_start=disk needs an area constant between 0 and 1"),
    (("--mask_start=disk", "--initial_mask_area=0.3"), "--initial_mask_area does not go with --mask_start=disk"),
    (("--mask_start_elongation=2",), "--mask_start_elongation=2 is of --mask_start=disk; add it"),
    (("--mask_start_logit=8",), "--mask_start_logit=8 is of --mask_start=disk; add it, or leave the logit out"),
    (("--mask_start=disk", "--mask_start_elongation=4", "--area_constant=0.2"),
     "longer than a window; the largest that fits is 3.92"),
    (("--num_replicas=2",), "--num_replicas=2 needs --distribute=mirrored"),
    (("--drawn_size=100",), "--drawn_noise=0.0 are of a drawn cluster; add --drawn_cluster, or leave them out"),
    (("--num_layers=0",), "flag --num_layers=0"),
    (("--latent_dim=0",), "flag --latent_dim=0"),
    (("--num_recognized_layers=4",), "--num_recognized_layers=4 is more than --num_layers=3; 0 is all of them"),
    (("--recognition_inputs=rgba",), "--recognition_inputs=rgba needs --recognition=separate, not shared"),
    (("--recognition_head=flattened", "--information_weight=0"), "are of a recognition network, and there is none"),
    ((*NO_RECOGNITION, "--recognition_trains_discriminator"),
     "--recognition_trains_discriminator needs --recognition=shared, not none"),
    (("--num_evaluation_images=4097",), "flag --num_evaluation_images=4097"),
])
def test_what_cannot_be_learnt_from_gets_one_sentence_and_a_status(run_script, photograph, tmp_path, given, message):
    given = [flag.format(photograph=photograph) for flag in given]
    result = run_script("train_hoc.py", *SMALL, f"--run_dir={tmp_path / 'run'}", "--num_steps=1", *given)
    assert result.returncode != 0
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def scenes_of(**given):
    """Returns the flags of a cluster as `config.Scenes` has them, those of defaults left as they are."""
    return types.SimpleNamespace(**{"drawn_cluster": None, "drawn_size": 384, "drawn_shadows": 0.0, "drawn_noise": 0.0, "labels": None,
                                    "image": None, "window_size": None, "flat_field": 0.0, "gamma": 1.0, **given})


def test_a_drawn_cluster_has_the_size_shadows_and_noise_of_the_flags_and_is_not_scaled():
    scenes = scenes_of(drawn_cluster="bent_beans", drawn_size=100, drawn_shadows=0.5, drawn_noise=0.1)
    picture, shapes = hoc.load(scenes, seed=3)
    expected = synthetic.drawn_cluster("bent_beans", size=100, seed=3, shadows=0.5, noise=0.1)
    np.testing.assert_array_equal(picture, expected[0])
    np.testing.assert_array_equal(shapes, expected[1])


@pytest.mark.parametrize("given", [{"drawn_size": 385}, {"drawn_shadows": 0.1}, {"drawn_noise": 0.1}])
def test_options_of_a_drawn_cluster_without_one_are_refused(given):
    with pytest.raises(UserError, match="are of a drawn cluster; add --drawn_cluster"):
        hoc.load(scenes_of(image="beans.jpg", window_size=64, **given), seed=0)


def test_flags_offer_the_kinds_that_can_be_drawn_and_their_size(monkeypatch):
    declared = {}
    for name in ("DEFINE_enum", "DEFINE_integer", "DEFINE_float"):
        monkeypatch.setattr(cluster_flags.absl_flags, name, lambda name, *given, **_: declared.update({name: given}))
    cluster_flags.define_drawn_cluster()
    assert tuple(declared["drawn_cluster"][1]) == synthetic.CLUSTERS
    assert declared["drawn_size"][0] == synthetic.CLUSTER_SIZE


def test_a_drawn_cluster_and_a_photograph_together_are_refused():
    with pytest.raises(UserError, match="--drawn_cluster needs no --image; give one or the other"):
        hoc.load(scenes_of(drawn_cluster="beans", image="beans.jpg"), seed=0)


def test_the_light_of_a_drawn_cluster_is_changed_and_its_shapes_stay():
    picture, shapes = hoc.load(scenes_of(drawn_cluster="long_ellipses", drawn_size=160), seed=0)
    evened, same = hoc.load(scenes_of(drawn_cluster="long_ellipses", drawn_size=160, flat_field=0.9, gamma=0.5), seed=0)
    np.testing.assert_array_equal(evened, hoc.relit(picture, Light(flat_field=0.9, gamma=0.5)))
    assert (evened != picture).any()
    np.testing.assert_array_equal(same, shapes)


@pytest.mark.parametrize("window_size", [46, 80])
def test_a_drawn_cluster_and_its_shapes_are_scaled_alike(window_size):
    (picture, shapes), (scaled, scaled_shapes) = (
        hoc.load(scenes_of(drawn_cluster="beans", drawn_size=200, window_size=given), seed=0) for given in (64, window_size))
    factor = 64 / window_size
    assert scaled.shape == (round(200 * factor), round(200 * factor), 3) and scaled.dtype == np.uint8
    assert scaled_shapes.dtype == bool and len(scaled_shapes) == len(shapes)
    areas, scaled_areas = (found.sum(axis=(1, 2)) for found in (shapes, scaled_shapes))
    np.testing.assert_allclose(scaled_areas, factor**2 * areas, rtol=0.04)
    np.testing.assert_allclose(instances.elongations(scaled_shapes), instances.elongations(shapes), rtol=0.04)
    default, default_shapes = hoc.load(scenes_of(drawn_cluster="beans", drawn_size=200), seed=0)
    np.testing.assert_array_equal(default, picture)
    np.testing.assert_array_equal(default_shapes, shapes)


@pytest.mark.parametrize("window_size, message", [(15, "--window_size is 15 pixels, expected at least 16"), (
    101, "the drawn cluster is 100x100 pixels, smaller than a window of --window_size=101")])
def test_windows_that_do_not_fit_a_drawn_cluster_are_refused(window_size, message):
    with pytest.raises(UserError, match=message):
        hoc.load(scenes_of(drawn_cluster="beans", drawn_size=100, window_size=window_size), seed=0)
