"""Sampled instances: as the network makes them, their pictures, and generators loaded from weights files."""

import numpy as np
import pytest

from data import hoc, synthetic
from errors import UserError
from inference.sampler import InstanceSampler, load_generator, samples_beyond
from models.instance_generator import build_generator
from storage.weights import save_weights

METADATA = {"network": "instance_generator", "width": 1 / 32, "latent_dim": 2, "disk_area": None, "num_steps": 7,
            "flags": {"seed": "--seed=3", "drawn_cluster": "--drawn_cluster=beans"}}


@pytest.fixture(scope="module", name="network")
def _network():
    network = build_generator(latent_dim=2, width=1 / 32)
    for variable in network.trainable_variables:
        if "kernel" in variable.name:
            variable.assign(3.0 * variable)  # so that even untrained, instances visibly differ
    return network


@pytest.fixture(scope="module", name="sampler")
def _sampler(network):
    return InstanceSampler(network, latent_dim=2, num_evaluated=70, seed=1)


def test_generated_instances_are_the_networks_in_inference_however_many(network, sampler):
    latents = np.random.default_rng(0).uniform(-1, 1, (70, 2)).astype(np.float32)  # more than are made at a time
    appearances, masks = sampler.generate(latents)
    rgba = network(latents, training=False).numpy()
    assert appearances.shape == (70, 64, 64, 3) and masks.shape == (70, 64, 64, 1)
    np.testing.assert_allclose(appearances, rgba[..., :3], atol=1e-5)
    np.testing.assert_allclose(masks, rgba[..., 3:], atol=1e-5)


def test_samples_are_rgba_pictures_with_a_sheet_and_a_traversal(sampler):
    pictures = sampler.pictures(5)
    assert sorted(pictures) == [*(f"instance_{index:04d}.png" for index in range(5)), "sheet.png", "traversal.png"]
    assert all(picture.dtype == np.uint8 for picture in pictures.values())
    assert pictures["instance_0004.png"].shape == (64, 64, 4)
    assert pictures["sheet.png"].shape == (2 + 66, 2 + 5 * 66, 3)
    height, width, _ = pictures["traversal.png"].shape
    assert height == 2 + 2 * 66 and width > 2 + 9 * 66


def test_figures_are_of_the_same_instances_however_many_are_written(network, sampler):
    figures, few = sampler.metrics(), sampler.pictures(3)
    many = sampler.pictures(90)  # more than are measured
    assert len(many) == 92 and sampler.metrics() == figures
    np.testing.assert_array_equal(many["instance_0002.png"], few["instance_0002.png"])


def test_a_traversals_middle_column_is_the_same_instance_in_each_row(sampler):
    """There every latent is 0; at the ends one of them is -1 or 1, and instances differ."""
    tiles = sampler.pictures(1)["traversal.png"][:, -(9 * 66):]
    rows = np.stack([tiles[2 + 66 * row:66 + 66 * row] for row in range(2)])  # [2, 64, 9 * 66, 3]
    columns = np.stack([rows[:, :, 66 * column:66 * column + 64] for column in range(9)])
    np.testing.assert_array_equal(columns[4, 0], columns[4, 1])
    assert (columns[0, 0] != columns[0, 1]).any() and (columns[0, 0] != columns[8, 0]).any()


def test_a_weights_file_gives_the_figures_of_its_run(network, tmp_path):
    """Those of the run's own latents (its seed and one), with the cluster's shapes drawn again."""
    save_weights(tmp_path / "w.npz", network, metadata=METADATA)
    _, shapes = synthetic.drawn_cluster("beans", seed=3)
    expected = InstanceSampler(network, latent_dim=2, num_evaluated=70, seed=4, shapes=shapes).metrics()
    loaded, metadata = InstanceSampler.from_weights(tmp_path / "w.npz", num_evaluated=70)
    assert metadata["num_steps"] == 7 and "best_shape_iou" in expected
    assert loaded.metrics() == pytest.approx(expected, abs=1e-5)
    other, _ = InstanceSampler.from_weights(tmp_path / "w.npz", num_evaluated=70, seed=5)
    assert other.metrics()["diversity"] != pytest.approx(expected["diversity"], abs=1e-6)


def test_a_weights_file_has_its_clusters_shapes_drawn_in_the_size_of_the_run(network, tmp_path):
    flags = {"seed": "--seed=3", "drawn_cluster": "--drawn_cluster=bent_beans", "drawn_size": "--drawn_size=100",
             "window_size": "--window_size=46"}
    save_weights(tmp_path / "w.npz", network, metadata={**METADATA, "flags": flags})
    shapes = hoc.scaled_shapes(synthetic.drawn_cluster("bent_beans", size=100, seed=3)[1], window_size=46)
    loaded, _ = InstanceSampler.from_weights(tmp_path / "w.npz", num_evaluated=8)
    expected = InstanceSampler(network, latent_dim=2, num_evaluated=8, seed=4, shapes=shapes).metrics()
    assert loaded.metrics() == pytest.approx(expected, abs=1e-5)


def test_metrics_compare_with_the_first_shapes_alone_where_there_are_many(network):
    _, shapes = synthetic.drawn_cluster("ellipses", size=64, seed=0)
    disk = np.hypot(*(np.indices((48, 48)) - 23.5)) < 14
    few = np.broadcast_to(shapes[:1], (1200, 48, 48))
    metrics = [InstanceSampler(network, latent_dim=2, num_evaluated=2, seed=4, shapes=given).metrics()
               for given in (few, np.concatenate([few, disk[np.newaxis]]))]
    assert metrics[1] == metrics[0]


@pytest.mark.parametrize("changed, message", [
    ({"network": "unet"}, "holds a 'unet', expected an 'instance_generator'"),
    ({"latent_dim": None}, "does not say how its network is used"),
    ({"flags": None}, "does not say how its network is used"),
    ({"latent_dim": 3}, "conv1"),
])
def test_what_is_no_generator_is_refused_in_a_sentence(network, tmp_path, changed, message):
    save_weights(tmp_path / "w.npz", network, metadata={**METADATA, **changed})
    with pytest.raises(UserError, match=message):
        InstanceSampler.from_weights(tmp_path / "w.npz", num_evaluated=4)


def test_pictures_of_an_earlier_call_for_more_instances_are_found(tmp_path):
    for name in ("instance_0001.png", "instance_0002.png", "instance_0010.png", "instance_x.png", "sheet.png"):
        (tmp_path / name).touch()
    assert [path.name for path in samples_beyond(tmp_path, 2)] == ["instance_0002.png", "instance_0010.png"]
    assert not samples_beyond(tmp_path, 11) and not samples_beyond(tmp_path / "none", 0)


def test_a_generator_of_long_disks_is_loaded_with_them(tmp_path):
    network = build_generator(latent_dim=2, width=1 / 32, disk_area=0.2, disk_elongation=3.0, disk_logit=8.0)
    disk = {"disk_area": 0.2, "disk_elongation": 3.0, "disk_logit": 8.0}
    save_weights(tmp_path / "long.npz", network, metadata={**METADATA, **disk})
    loaded, _ = load_generator(tmp_path / "long.npz")
    latents = np.random.default_rng(0).uniform(-1, 1, (2, 2)).astype(np.float32)
    np.testing.assert_array_equal(network(latents), loaded(latents))
