"""The cluster task: its updates with the information term, and what is looked at."""

import numpy as np
import pytest
import tensorflow as tf

import losses
from data import synthetic
from data import hoc as hoc_data
from evaluation import instances
from models.instance_generator import build_generator
from training import hoc, monitors


def made_training(*, latent_dim=3, placement=hoc.make_layout(padding=20), recognition_kind="shared",
                  generator_learning_rate=4e-4, area_weight=10.0, information_options={}, **options):
    """Returns the task's training with a narrow generator and Table 2's whole discriminator."""
    tf.keras.utils.set_random_seed(0)
    network = build_generator(latent_dim=latent_dim, width=1 / 32)
    discriminator = hoc.make_discriminator(score_activation="linear")
    information = hoc.make_information(discriminator, latent_dim=latent_dim, recognition=recognition_kind,
                                       information_weight=50.0, **information_options)
    return hoc.build_training(
        scenes=hoc.make_scenes(network, placement), discriminator=discriminator, information=information,
        objective={"area_constant": 0.25, "area_weight": area_weight},
        optimization={"generator_learning_rate": generator_learning_rate, "discriminator_learning_rate": 2e-4,
                      "num_steps": 1000}, **options)


def random_batch(*, num_layers=2, batch_size=2, latent_dim=3, step=0):
    random = np.random.default_rng(step)
    pictures = random.integers(0, 256, [2, batch_size, 64, 64, 3], np.uint8)
    return {"foreground_inputs": tf.constant(random.uniform(-1, 1, [num_layers, batch_size, latent_dim]), tf.float32),
            "background_inputs": tf.constant(pictures[0]), "reals": tf.constant(pictures[1]),
            "delta_r": tf.constant(random.integers(-20, 21, [num_layers, batch_size, 2]), tf.int32),
            "step": tf.constant(step, tf.int64)}


def recognition_of(training):
    return training.objects()["recognition"]


def values(module):
    return [variable.numpy().copy() for variable in module.variables]


def changed(before, module):
    return [not np.array_equal(old, new) for old, new in zip(before, values(module), strict=True)]


INFOGAN = {"recognition_trains_discriminator": True, "recognition_head": "flattened", "recognition_inputs": "mean",
           "means": (0.4, 0.5, 0.6)}


@pytest.mark.parametrize("kind, options", [("shared", {}), ("separate", {"recognition_inputs": "rgba"}), ("shared", INFOGAN)])
def test_a_generator_update_changes_generator_and_recognition_and_leaves_the_discriminator_bit_identical(kind, options):
    training = made_training(recognition_kind=kind, information_options=options)
    network = training.scenes.foreground_provider.network
    before = {module: values(module) for module in (training.discriminator, network, recognition_of(training))}
    training.generator_update(random_batch())
    assert not any(changed(before[training.discriminator], training.discriminator))
    assert all(changed(before[network], network))
    assert all(changed(before[recognition_of(training)], recognition_of(training)))


@pytest.mark.parametrize("options", [{}, INFOGAN])
def test_a_discriminator_update_leaves_generator_and_shared_head_bit_identical(options):
    training = made_training(information_options=options)
    network = training.scenes.foreground_provider.network
    scene = training.compose(random_batch())
    before = {module: values(module) for module in (training.discriminator, network, recognition_of(training))}
    training.discriminator_update(random_batch(), scene)
    assert all(changed(before[training.discriminator], training.discriminator))
    assert not any(changed(before[network], network)) and not any(changed(before[recognition_of(training)],
                                                                          recognition_of(training)))


@pytest.mark.parametrize("num_recognized_layers, counted", [(0, 3), (2, 2)])
def test_losses_of_a_step_are_those_of_the_equations_with_information_of_the_layers_asked_for(
        num_recognized_layers, counted):
    training = made_training(information_options={"num_recognized_layers": num_recognized_layers})
    batch = random_batch(num_layers=3)
    scene = training.compose(batch)
    adversarial = float(losses.generator_adversarial_loss(training.discriminator(scene.image, training=False)))
    areas = scene.foregrounds.mask.numpy().mean(axis=(2, 3, 4))
    penalty = float(np.mean((areas - 0.25) ** 2))
    squares = []
    for layer in range(counted):  # of the instances before they are moved
        instances = tf.concat([channels[layer] for channels in scene.foregrounds], axis=-1)
        squares.append((batch["foreground_inputs"][layer] - recognition_of(training)(instances)).numpy() ** 2)
    information = float(np.mean(squares))
    metrics, _ = training.generator_update(batch)
    expected = {"generator/adversarial_loss": adversarial, "generator/area_penalty": penalty,
                "generator/area_penalty_weighted": 10 * penalty, "generator/information_loss": information,
                "generator/information_loss_weighted": 50 * information,
                "generator/total_loss": adversarial + 10 * penalty + 50 * information}
    for name, value in expected.items():
        assert float(metrics[name]) == pytest.approx(value, rel=1e-3), name


def discriminator_gradients(training, batch):
    """Returns, by its variable's name, what a discriminator update's gradient is, found by a step of rate -1 without Adam."""
    optimizer = tf.keras.optimizers.legacy.SGD(1.0)
    training.discriminator_optimizer, variables = optimizer, training.discriminator.trainable_variables
    before = [variable.numpy() for variable in variables]
    training.discriminator_update(batch, training.compose(batch))
    found = {variable.name: old - variable.numpy() for old, variable in zip(before, variables)}
    for old, variable in zip(before, variables):
        variable.assign(old)
    return found


def test_the_discriminators_layers_and_not_its_score_are_trained_by_the_information_term_where_asked_for():
    """What an update has beyond that of Eq. 6 is beta times the term's gradient."""
    batch, alone, both = random_batch(), made_training(), made_training(information_options={"recognition_trains_discriminator": True})
    plain, found = (discriminator_gradients(training, batch) for training in (alone, both))
    term, convs = both.terms[1], both.discriminator.convs
    scene = both.compose(batch)
    with tf.GradientTape() as tape:
        loss = 50.0 * term(scene, batch)
    kernels = [conv.kernel for conv in convs]
    for kernel, expected in zip(kernels, tape.gradient(loss, kernels), strict=True):
        added = found[kernel.name] - plain[kernel.name]
        assert np.abs(added).max() > 0
        np.testing.assert_allclose(added, expected, rtol=0.05, atol=0.02 * np.abs(expected).max())
    for name in (both.discriminator.score.kernel.name, both.discriminator.score.bias.name):
        np.testing.assert_allclose(found[name], plain[name], atol=1e-6)


def test_without_recognition_there_is_no_information_term():
    training = made_training(recognition_kind="none")
    metrics, _ = training.generator_update(random_batch())
    assert not any("information" in name for name in metrics) and "recognition" not in training.objects()
    assert float(metrics["generator/total_loss"]) == pytest.approx(
        float(metrics["generator/adversarial_loss"]) + float(metrics["generator/area_penalty_weighted"]), rel=1e-5)


def test_the_information_term_makes_latents_recognisable():
    training = made_training(area_weight=0.0, generator_learning_rate=5e-3)
    batch = random_batch()
    errors = [float(training.generator_update(batch)[0]["generator/information_loss"]) for _ in range(15)]
    assert errors[-1] < 0.5 * errors[0]


def test_each_of_several_discriminator_updates_sees_a_layout_of_its_own():
    """Three parts of the same instances and backgrounds make three composites, each with its part of delta_r."""
    training = made_training(num_discriminator_updates=3)
    part = random_batch(batch_size=1)
    batch = {"foreground_inputs": tf.tile(part["foreground_inputs"], [1, 3, 1]), "step": part["step"],
             "delta_r": tf.constant([[[0, 0], [9, 0], [0, 9]]] * 2, tf.int32),
             **{name: tf.tile(part[name], [3, 1, 1, 1]) for name in ("background_inputs", "reals")}}
    seen, update = [], training.discriminator_update

    def observed(batch, scene):
        seen.append(scene.image.numpy())
        return update(batch, scene)

    training.discriminator_update = observed
    _, scene = training.step(batch)
    assert [fakes.shape for fakes in seen] == [(1, 64, 64, 3)] * 3
    np.testing.assert_array_equal(seen[-1], scene.image)  # the generator's update shares the last
    assert all(np.abs(seen[one] - seen[other]).max() > 0.01 for one, other in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("options, information_options", [({}, {}), ({"max_rotation": 20.0, "shadow_strength": 0.5}, INFOGAN)])
def test_no_three_gradients_are_added_in_an_order_that_a_process_may_choose(options, information_options):
    layout = hoc.make_layout(padding=20, **options)
    training = made_training(placement=layout, num_discriminator_updates=2, information_options=information_options)
    batch = {**random_batch(), "delta_r": layout.sample([2, 2], seed=[0, 1])}
    for update in (training.generator_update.get_concrete_function(batch),
                   training.discriminator_update.get_concrete_function(batch, training.compose(batch))):
        sums = [operation for operation in update.graph.get_operations() if operation.type == "AddN"]
        assert sums and [one for one in sums if len(one.inputs) > 2] == []


@pytest.fixture(scope="module", name="inspected")
def inspected_fixture():
    """A training with two latents and six layers, and what makes its monitor."""
    training = made_training(latent_dim=2)
    for variable in training.scenes.trainable_variables:
        if "kernel" in variable.name:
            variable.assign(3.0 * variable)  # so that even untrained, instances visibly differ
    cluster, shapes = synthetic.drawn_cluster("beans", size=96, seed=0)
    batch = next(iter(hoc_data.SceneStream(
        cluster=cluster, num_layers=6, latent_dim=2,
        sample_layout=hoc.make_layout(padding=20).sample).batches(batch_size=9, seed=1, num_steps=1)))

    def monitor(**options):
        return monitors.ClusterMonitor(training.scenes, recognition=recognition_of(training), latent_dim=2, batch=batch,
                                       num_evaluated=70, seed=1, shapes=shapes, **options)

    return training, monitor


def test_evaluation_has_every_figure_and_is_the_same_each_time(inspected):
    monitor = inspected[1]()
    figures = monitor.evaluate()
    names = (*instances.KEYS, "latent_r2", "latent_r2_1", "latent_r2_2", "best_shape_iou",
             "best_shape_iou_of_disk", "best_shape_iou_of_mean", "elongation_of_shapes", "area_mean_of_shapes",
             "area_std_of_shapes")
    assert set(figures) == {f"evaluation/{name}" for name in names} and np.isfinite(list(figures.values())).all()
    assert figures["evaluation/latent_r2"] == pytest.approx(
        (figures["evaluation/latent_r2_1"] + figures["evaluation/latent_r2_2"]) / 2)
    assert monitor.evaluate() == figures


@pytest.mark.parametrize("options, num_rows", [({}, 4), ({"num_panel_layers": 2}, 2), ({"num_panel_layers": 0}, 6)])
def test_the_panel_shows_all_nine_scenes_and_of_six_layers_the_topmost_or_all(inspected, options, num_rows):
    monitor = inspected[1](**options)
    panel = monitor.draw_panel()
    assert panel.dtype == np.uint8 and len(panel) == 2 + (1 + num_rows + 3) * 66 and panel.shape[1] > 2 + 9 * 66
    np.testing.assert_array_equal(monitor.draw_panel(), panel)
