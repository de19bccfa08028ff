"""Providers and the scene generator of Figure 4."""

import numpy as np
import tensorflow as tf

from models.layout import IdentityLayout, TranslationLayout
from models.providers import CarvedInstanceProvider, LatentInstanceProvider, PatchInstanceProvider
from models.scene_generator import SceneGenerator


class OneParameterMask(tf.Module):
    """Masks that are one trainable number everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = tf.Variable(value)

    def __call__(self, images, training):
        del training
        return self.value * tf.ones_like(images[..., :1])


class LinearInstances(tf.Module):
    """RGBA pictures of 4x4 pixels, linear in the latent."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.random.stateless_uniform([2, 4 * 4 * 4], [0, 0]))

    def __call__(self, latents, training):
        del training
        return tf.reshape(tf.sigmoid(latents @ self.weights), [-1, 4, 4, 4])


def test_carved_instance_is_the_photograph_with_the_networks_mask():
    photographs = tf.random.uniform([1, 3, 4, 4, 3])
    instance = CarvedInstanceProvider(OneParameterMask(0.25))(photographs, training=False)
    np.testing.assert_array_equal(instance.image, photographs)
    np.testing.assert_array_equal(instance.mask, np.full([1, 3, 4, 4, 1], 0.25, np.float32))


def test_latent_instances_keep_their_leading_axes_and_depend_on_their_own_latent_alone():
    provider, latents = LatentInstanceProvider(LinearInstances()), tf.random.uniform([3, 2, 2])
    instances = provider(latents, training=False)
    assert instances.image.shape == (3, 2, 4, 4, 3) and instances.mask.shape == (3, 2, 4, 4, 1)
    alone = provider(latents[2:, 1:], training=False)
    np.testing.assert_allclose(instances.mask[2, 1], alone.mask[0, 0], rtol=1e-6)


def test_a_patch_covers_every_pixel_and_has_nothing_to_train():
    provider, patches = PatchInstanceProvider(), tf.random.uniform([2, 4, 4, 3])
    np.testing.assert_array_equal(provider(patches, training=True).mask, np.ones([2, 4, 4, 1]))
    assert provider.trainable_variables == ()


def test_scene_is_the_foreground_blended_on_the_background():
    photographs, patches = tf.random.uniform([1, 2, 4, 4, 3]), tf.random.uniform([2, 4, 4, 3])
    generator = SceneGenerator(foreground_provider=CarvedInstanceProvider(OneParameterMask(0.25)),
                               background_provider=PatchInstanceProvider(), layout=IdentityLayout())
    scene = generator(photographs, patches, training=True)
    np.testing.assert_allclose(scene.image, 0.25 * photographs[0] + 0.75 * patches, atol=1e-6)
    assert scene.foregrounds.mask.shape == (1, 2, 4, 4, 1) and scene.background.mask.shape == (2, 4, 4, 1)


def test_gradients_reach_every_trainable_provider_through_layout_and_composition():
    for provider, inputs in ((CarvedInstanceProvider(OneParameterMask(0.5)), tf.random.uniform([1, 2, 4, 4, 3])),
                             (LatentInstanceProvider(LinearInstances()), tf.random.uniform([5, 2, 2]))):
        generator = SceneGenerator(foreground_provider=provider, background_provider=PatchInstanceProvider(),
                                   layout=TranslationLayout(padding=2))
        delta_r = generator.layout.sample(inputs.shape[:2], seed=[0, 1])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(generator(inputs, tf.zeros([2, 4, 4, 3]), delta_r, training=True).image))
        assert len(generator.trainable_variables) == 1
        assert float(tf.reduce_max(tf.abs(tape.gradient(loss, generator.trainable_variables)[0]))) > 0


def test_the_area_penalty_sees_masks_before_the_warp():
    generator = SceneGenerator(foreground_provider=CarvedInstanceProvider(OneParameterMask(1.0)),
                               background_provider=PatchInstanceProvider(), layout=TranslationLayout(padding=3))
    delta_r = generator.layout.sample([4, 8], seed=[0, 1])
    scene = generator(tf.ones([4, 8, 4, 4, 3]), tf.zeros([8, 4, 4, 3]), delta_r, training=True)
    assert float(tf.reduce_min(scene.foregrounds.mask)) == 1.0
    assert float(tf.reduce_mean(scene.warped.mask)) < 0.9
