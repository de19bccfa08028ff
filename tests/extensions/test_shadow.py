"""Shadows of instances (S26): where it gets dark, how dark, in which order, and that replicas draw the same."""

import numpy as np
import pytest
import tensorflow as tf

from extensions.shadow import ContactShadow, LARGEST_SHIFT, MARGIN, WithShadow
from models.composition import Instance
from models.layout import TranslationLayout
from models.providers import PatchInstanceProvider
from models.scene_generator import SceneGenerator


class Squares(tf.Module):
    """Takes pictures as grey instances whose masks are a hard square of 16 pixels in the middle."""

    def __call__(self, inputs, *, training):
        del training
        mask = np.zeros([*inputs.shape[:-1], 1], np.float32)
        mask[..., 24:40, 24:40, :] = 1.0
        return Instance(image=inputs, mask=tf.constant(mask))


class FixedShadow(ContactShadow):
    """A shadow of the largest opacity each time, right below its instance or shifted."""

    def __init__(self, *, strength, shift=(0, 0)):
        super().__init__(strength=strength)
        self._shift = shift

    def sample(self, shape, *, seed):
        del seed
        return tf.fill(shape, self.strength), tf.broadcast_to(tf.constant(self._shift, tf.int32), [*shape, 2])


class FixedLayout(TranslationLayout):
    """Moves every instance by the same pixels."""

    def __init__(self, shift):
        super().__init__(padding=max(abs(pixels) for pixels in shift))
        self._shift = shift

    def sample(self, shape, *, seed):
        del seed
        return tf.broadcast_to(tf.constant(self._shift, tf.int32), [*shape, 2])


def made_scene(*, shadow, num_layers=1, layout=None, grey=1.0):
    layout = layout or TranslationLayout(padding=0)
    scenes = SceneGenerator(foreground_provider=Squares(), background_provider=PatchInstanceProvider(),
                            layout=WithShadow(layout, shadow) if shadow else layout)
    delta_r = scenes.layout.sample([num_layers, 4], seed=[0, 3])
    return scenes(tf.fill([num_layers, 4, 64, 64, 3], grey), tf.fill([4, 64, 64, 3], 0.5), delta_r, training=False)


def test_it_gets_dark_about_an_instance_and_nowhere_else():
    image = made_scene(shadow=FixedShadow(strength=0.8)).image.numpy()[0, :, :, 0]
    np.testing.assert_allclose(image[24:40, 24:40], 1.0)  # the instance lies on its shadow
    np.testing.assert_allclose(image[:8], 0.5, atol=1e-6)  # beyond the Gaussian's reach
    middle = image[32]
    assert middle[40] < middle[43] < middle[46] < 0.5  # lighter with the distance
    # A straight edge's Gaussian shadow is half as dark on the edge, where the pixel's centre is half a pixel outside.
    assert middle[40] == pytest.approx(0.5 * (1 - 0.8 * 0.434), abs=0.01)


def test_a_shadow_falls_on_lower_instances_too():
    alone, two = (made_scene(shadow=FixedShadow(strength=1.0), num_layers=count) for count in (1, 2))
    assert float(two.image[0, 32, 42, 0]) == pytest.approx(2 * float(alone.image[0, 32, 42, 0]) ** 2, rel=1e-5)
    lifted = made_scene(shadow=FixedShadow(strength=1.0), num_layers=2, layout=TranslationLayout(padding=10))
    plain = made_scene(shadow=None, num_layers=2, layout=TranslationLayout(padding=10))
    lower = lifted.warped.mask[1] * (1.0 - lifted.warped.mask[3])  # what is seen of the lower instance
    assert float(tf.reduce_min(tf.where(lower > 0, lifted.image, 1.0))) < 0.6
    assert float(tf.reduce_min(tf.where(lower > 0, plain.image, 1.0))) == 1.0


def test_what_is_measured_of_masks_does_not_see_the_shadow():
    with_shadow, without = (made_scene(shadow=shadow) for shadow in (ContactShadow(strength=1.0), None))
    instances = tuple(channels[1::2] for channels in with_shadow.warped)  # each right above its shadow
    for one, other in zip(with_shadow.foregrounds + instances, without.foregrounds + without.warped):
        np.testing.assert_array_equal(one, other)


def test_opacities_and_shifts_are_drawn_anew_for_each_instance_within_their_bounds():
    opacities, shifts = (drawn.numpy() for drawn in ContactShadow(strength=0.6).sample([3, 400], seed=[1, 2]))
    assert opacities.shape == (3, 400) and shifts.shape == (3, 400, 2)
    assert 0.0 <= opacities.min() < 0.01 and 0.59 < opacities.max() <= 0.6
    assert set(shifts.ravel()) == set(range(-LARGEST_SHIFT, LARGEST_SHIFT + 1))
    assert len(np.unique(opacities)) > 1100


def test_a_shadow_moves_with_its_shift_and_stays_in_the_unit_range():
    shadow, masks = ContactShadow(strength=1.0), np.zeros([1, 64 + 2 * MARGIN, 64 + 2 * MARGIN, 1], np.float32)
    masks[0, 43:47, 43:47] = 1.0
    still, moved = (shadow.cast(tf.constant(masks), tf.ones([1]), tf.constant([shift])).mask.numpy()[0, ..., 0]
                    for shift in ([0, 0], [3, -2]))
    assert still.shape == (64, 64)
    np.testing.assert_allclose(np.roll(still, (3, -2), axis=(0, 1)), moved, atol=1e-7)
    full = shadow.cast(tf.ones_like(masks), tf.ones([1]), tf.constant([[-4, 4]])).mask.numpy()
    np.testing.assert_allclose(full, 1.0, atol=1e-6)  # up to the border: what is about a window shades it too


@pytest.mark.parametrize("place", [(28, 0), (-28, -28), (36, 3), (-41, 30)])  # across a border, just outside of one
@pytest.mark.parametrize("shift", [(0, 0), (4, -4), (-4, 4)])
def test_a_shadow_across_a_border_is_that_of_a_larger_window(place, shift):
    shadow = FixedShadow(strength=1.0, shift=shift)
    seen = made_scene(shadow=shadow, layout=FixedLayout(place)).image.numpy()[0, ..., 0]
    scene = np.zeros([1, 192 + 2 * MARGIN, 192 + 2 * MARGIN, 1], np.float32)  # the window lies in its middle
    top, left = (64 + MARGIN + 24 + pixels for pixels in place)
    scene[0, top:top + 16, left:left + 16] = 1.0
    larger = shadow.cast(tf.constant(scene), tf.ones([1]), tf.constant([shift])).mask.numpy()[0, 64:128, 64:128, 0]
    mask = scene[0, 64 + MARGIN:128 + MARGIN, 64 + MARGIN:128 + MARGIN, 0]
    assert larger.max() > 0.01
    np.testing.assert_allclose(seen, mask + 0.5 * (1 - larger) * (1 - mask), atol=1e-6)


def test_gradients_reach_masks_through_their_shadows():
    masks = tf.Variable(tf.fill([1, 64, 64, 1], 0.5))
    with tf.GradientTape() as tape:
        darkness = tf.reduce_sum(ContactShadow(strength=1.0).cast(masks, tf.ones([1]), tf.constant([[0, 0]])).mask)
    assert float(tape.gradient(darkness, masks)[0, 32, 32, 0]) == pytest.approx(1.0, abs=1e-5)


def test_a_batch_whose_size_is_not_known_beforehand_has_shadows_too():
    @tf.function(input_signature=[tf.TensorSpec([None, 64, 64, 3])])
    def composites(patches):
        layout = WithShadow(TranslationLayout(padding=30), ContactShadow(strength=1.0))
        scenes = SceneGenerator(foreground_provider=PatchInstanceProvider(), background_provider=PatchInstanceProvider(),
                                layout=layout)
        delta_r = layout.sample([2, tf.shape(patches)[0]], seed=[0, 3])
        return scenes(tf.stack([patches, patches]), 0.5 * patches, delta_r, training=False).image

    assert composites(tf.ones([3, 64, 64, 3])).shape == (3, 64, 64, 3)


@pytest.mark.parametrize("strength", [0.0, 1.5, -1.0])
def test_a_strength_that_is_no_opacity_is_refused(strength):
    with pytest.raises(ValueError, match="strength is .* expected a value above 0 and at most 1"):
        ContactShadow(strength=strength)
