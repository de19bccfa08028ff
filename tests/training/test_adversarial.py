"""The two updates: who changes whom, by which losses."""

import numpy as np
import pytest
import tensorflow as tf
from small_training import OPTIMIZATION, changed, made_training, random_batch, state

import losses
from data import images
from extensions import mask_terms
from extensions.augmentation import observer
from models.discriminator import Discriminator
from models.unet import build_unet
from training import foreground


@pytest.mark.parametrize("normalization", ["sngan", "tfa"])
def test_a_generator_update_leaves_the_discriminator_bit_identical(normalization):
    tf.keras.utils.set_random_seed(0)
    discriminator = Discriminator(widths=(8, 16, 16, 32, 16), spectral_norm=normalization)
    network = build_unet(width=1 / 16, size=64)
    training = foreground.build_training(
        network=network, discriminator=discriminator, size=64, optimization=OPTIMIZATION,
        objective={"area_constant": 0.3, "area_weight": 10.0})
    before, generator_before = state(discriminator), state(network)
    training.generator_update(random_batch())
    assert not any(changed(before, state(discriminator)))
    assert all(changed(generator_before, state(network)))


def test_a_discriminator_update_leaves_the_generator_bit_identical_and_iterates_once():
    network, training = made_training()
    batch = random_batch()
    scene = training.compose(batch)
    before, discriminator_before = state(network), state(training.discriminator)
    training.discriminator_update(batch, scene)
    assert not any(changed(before, state(network)))
    assert all(changed(discriminator_before, state(training.discriminator)))


def test_the_discriminator_sees_augmented_pictures_and_the_same_ones_when_a_step_is_repeated():
    seen = []
    _, training = made_training(observe=observer(["color", "translation"]))
    call = training.discriminator.call
    training.discriminator.call = lambda inputs, training=None: seen.append(inputs) or call(inputs, training=training)
    batch = random_batch()
    with_eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        _, scene = training.generator_update(batch)
        training.discriminator_update(batch, scene)
        training.discriminator_update(batch, scene)
        training.discriminator_update({**batch, "step": tf.constant(1, tf.int64)}, scene)
    finally:
        tf.config.run_functions_eagerly(with_eager)
    shown, first, again, other = (images.numpy() for images in seen)
    assert np.abs(shown - scene.image).max() > 0.05 and np.abs(first[4:] - scene.image).max() > 0.05
    assert np.abs(first[:4] - images.to_unit_range(batch["reals"])).max() > 0.05
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05 and np.abs(first[4:] - shown).max() > 0.05


@pytest.mark.parametrize("flag, measure, name", [
    ("binarization_weight", mask_terms.binarization, "indecision"),
    ("outline_weight", mask_terms.total_variation, "total_variation")])
def test_a_push_on_masks_is_in_the_total_and_does_what_it_is_for(flag, measure, name):
    _, training = made_training(**{flag: 1000.0}, area_weight=0.0, generator_learning_rate=1e-3)
    batch = random_batch()
    before = float(measure(training.compose(batch).foregrounds.mask))
    metrics, _ = training.generator_update(batch)
    assert float(metrics[f"generator/{name}_weighted"]) == pytest.approx(1000 * before, rel=1e-4)
    assert float(metrics["generator/total_loss"]) == pytest.approx(
        1000 * before + float(metrics["generator/adversarial_loss"]), rel=1e-4)
    for _ in range(20):
        metrics, _ = training.generator_update(batch)
    assert float(metrics[f"generator/{name}"]) < 0.9 * before


def test_without_weights_there_are_no_pushes_and_one_may_grow():
    _, training = made_training()
    metrics, _ = training.generator_update(random_batch())
    assert not {"generator/indecision", "generator/total_variation"} & set(metrics)
    _, training = made_training(binarization_weight=8.0, binarization_ramp_steps=4)
    term = next(term for term in training.terms if term.name == "indecision")
    assert [float(term.weight_at(tf.constant(step, tf.int64))) for step in (0, 1, 4, 100)] == [0.0, 2.0, 8.0, 8.0]


def test_no_three_gradients_are_added_in_an_order_that_a_process_may_choose():
    """TensorFlow's sum of three and more tensors begins with the one whose buffer is free, so that last bits differ."""
    _, training = made_training(observe=observer(["color", "hue", "translation"]), binarization_weight=1.0,
                                outline_weight=1.0)
    batch = random_batch()
    updates = (training.generator_update.get_concrete_function(batch),
               training.discriminator_update.get_concrete_function(batch, training.compose(batch)))
    for update in updates:
        sums = [operation for operation in update.graph.get_operations() if operation.type == "AddN"]
        assert sums and [one for one in sums if len(one.inputs) > 2] == []


def test_losses_of_a_step_are_those_of_the_equations():
    network, training = made_training(area_penalty="batch_mean")
    batch = random_batch()
    scene = training.compose(batch)
    fake_logits = training.discriminator(scene.image, training=False)
    expected_penalty = float(losses.mask_area_penalty(scene.foregrounds.mask, area=0.3, kind="batch_mean"))
    expected_loss = float(losses.generator_adversarial_loss(fake_logits))
    metrics, _ = training.generator_update(batch)
    assert float(metrics["generator/area_penalty"]) == pytest.approx(expected_penalty, rel=1e-4)
    assert float(metrics["generator/area_penalty_weighted"]) == pytest.approx(10 * expected_penalty, rel=1e-4)
    assert float(metrics["generator/adversarial_loss"]) == pytest.approx(expected_loss, rel=1e-4)
    assert float(metrics["generator/total_loss"]) == pytest.approx(expected_loss + 10 * expected_penalty, rel=1e-4)
    assert float(metrics["mask/area_mean"]) == pytest.approx(float(tf.reduce_mean(scene.foregrounds.mask)), rel=1e-4)
    del network


def test_one_pass_over_real_and_fake_is_the_two_passes_of_equation_6():
    _, training = made_training()
    batch = random_batch()
    reals, fakes = (images.to_unit_range(batch[name]) for name in ("reals", "background_inputs"))
    training.discriminator(reals, training=True)  # so that u is as after the update's own iteration, nearly
    for _ in range(50):
        training.discriminator(reals, training=True)
    expected = (losses.discriminator_real_loss(training.discriminator(reals, training=False))
                + losses.discriminator_fake_loss(training.discriminator(fakes, training=False)))
    metrics = training.discriminator_update(batch, training.compose(batch)._replace(image=fakes))
    assert float(metrics["discriminator/total_loss"]) == pytest.approx(float(expected), rel=1e-3)


def test_several_discriminator_updates_use_their_own_share_of_the_batch():
    _, training = made_training(num_discriminator_updates=3)
    before = int(training.discriminator_optimizer.iterations)
    training.step(random_batch(batch_size=6))
    assert int(training.discriminator_optimizer.iterations) - before == 3
    assert int(training.generator_optimizer.iterations) == 1


def test_the_area_constant_follows_its_ramp():
    _, training = made_training(area_start=0.9, area_ramp_steps=10)
    values = [float(training.generator_update(random_batch(step=step))[0]["mask/area_constant"]) for step in (0, 5, 99)]
    assert values == pytest.approx([0.9, 0.6, 0.3])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_keeps_parameters_outputs_and_losses_in_float32(precision):
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(f"mixed_{precision}")
    try:
        network, training = made_training(mixed_precision=precision)
        metrics, scene = training.step(random_batch())
        assert {variable.dtype for variable in network.trainable_variables} == {tf.float32}
        assert {variable.dtype for variable in training.discriminator.trainable_variables} == {tf.float32}
        assert scene.foregrounds.mask.dtype == tf.float32
        assert all(value.dtype == tf.float32 and np.isfinite(value) for value in metrics.values())
        assert network.encoder[0].conv.compute_dtype == precision
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)


def test_compiled_updates_give_the_plain_ones_losses():
    results = []
    for jit_compile in (False, True):
        _, training = made_training(jit_compile=jit_compile)
        results.append(training.step(random_batch())[0])
    for name, value in results[0].items():
        assert float(results[1][name]) == pytest.approx(float(value), rel=2e-3, abs=2e-3), name


def test_updates_work_inside_a_distribution_strategy():
    strategy = tf.distribute.OneDeviceStrategy("/CPU:0")
    with strategy.scope():
        _, training = made_training()
        batch = random_batch()
        metrics, scene = strategy.run(training.generator_update, (batch,))
        more = strategy.run(training.discriminator_update, (batch, scene))
    assert np.isfinite(float(metrics["generator/total_loss"])) and np.isfinite(float(more["discriminator/total_loss"]))


def test_training_is_the_same_with_an_average_which_is_saved():
    alone, plain = made_training()
    network, training = made_training(averaged_network=build_unet(width=1 / 16, size=64), generator_average=0.9)
    for step in range(3):
        expected, _ = plain.step(random_batch(step=step))
        found, _ = training.step(random_batch(step=step))
        assert float(found["generator/total_loss"]) == float(expected["generator/total_loss"])
    averaged = training.objects()["generator_average"]
    assert "generator_average" not in plain.objects()
    for mine, other, same in zip(averaged.variables, network.variables, alone.variables):
        np.testing.assert_array_equal(other, same)
        assert not np.array_equal(mine, other)
    assert not any(variable is other for variable in training.generator_variables for other in averaged.variables)
