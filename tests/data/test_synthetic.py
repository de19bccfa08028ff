"""Drawn scenes."""

import numpy as np
import pytest

from data import hoc, synthetic
from evaluation import instances as instance_metrics


@pytest.mark.parametrize("size", [16, 64])
def test_shapes_ranges_and_mask_areas(size):
    images, masks, backgrounds = synthetic.drawn_photographs(num_images=40, size=size, seed=0)
    assert images.shape == (40, size, size, 3) and images.dtype == np.uint8
    assert masks.shape == (40, size, size, 1) and masks.dtype == np.uint8 and set(np.unique(masks)) == {0, 1}
    areas = masks.mean(axis=(1, 2, 3))
    assert 0.12 <= areas.min() and areas.max() <= 0.3 and areas.std() > 0.02
    assert len(backgrounds) == 40
    for background in backgrounds:
        assert background.dtype == np.uint8 and background.shape[2] == 3
        assert all(1.25 * size <= length <= 2 * size for length in background.shape[:2])


def test_foregrounds_lie_off_the_centre_so_that_no_centred_mask_fits():
    _, masks, _ = synthetic.drawn_photographs(num_images=40, size=64, seed=1)
    rows = (np.arange(64) + 0.5) / 64
    centroids = (masks[..., 0] * rows[:, np.newaxis]).sum(axis=(1, 2)) / masks.sum(axis=(1, 2, 3))
    assert 0.3 < centroids.min() < 0.4 and 0.6 < centroids.max() < 0.7


def test_equal_seeds_draw_equal_scenes_and_others_do_not():
    first, again, other = (synthetic.drawn_photographs(num_images=3, size=32, seed=seed) for seed in (5, 5, 6))
    for one, same in zip(first[:2], again[:2]):
        np.testing.assert_array_equal(one, same)
    for one, same in zip(first[2], again[2], strict=True):
        np.testing.assert_array_equal(one, same)
    assert (first[0] != other[0]).any()


def test_foregrounds_are_saturated_and_backgrounds_are_alike_behind_and_apart():
    images, masks, backgrounds = synthetic.drawn_photographs(num_images=60, size=64, seed=2)

    def saturation(pixels):
        brightest = pixels.max(axis=-1).astype(float)
        return np.mean((brightest - pixels.min(axis=-1)) / np.maximum(brightest, 1.0))

    behind = images[masks[..., 0] == 0]
    apart = np.concatenate([background.reshape(-1, 3) for background in backgrounds])
    assert saturation(images[masks[..., 0] == 1]) > saturation(behind) + 0.25
    assert saturation(apart) == pytest.approx(saturation(behind), abs=0.05)
    assert np.abs(apart.mean() - behind.mean()) < 6.0
    assert np.abs(apart.std() - behind.std()) < 6.0


# Areas in pixels of the smallest, a mean and the largest instance, of half lengths and half breadths. An outline whose
# exponent is 2.6 encloses 3.43 times the product of the two, an ellipse 3.14 times.
AREAS = {"ellipses": (np.pi * 16 * 11, np.pi * 18 * 12.5, np.pi * 20 * 14),
         "beans": (np.pi * 16 * 11, np.pi * 18 * 12.5, np.pi * 20 * 14),
         "long_ellipses": (np.pi * 18**2 / 2.5, np.pi * 19.5**2 / 2.5, np.pi * 21**2 / 2.5),
         "bent_beans": (3.43 * 19**2 / 2.8, 3.43 * 20.5**2 / 2.8, 3.43 * 22**2 / 2.8)}
LONG = ("long_ellipses", "bent_beans")


def places_of(shape):
    """Returns the pixels of a bool [T, T] in x and y from their centroid, float [2, p]."""
    places = np.stack(np.nonzero(shape)[::-1]).astype(float)
    return places - places.mean(axis=1, keepdims=True)


def extents_of(shape):
    """Returns the width in pixels of a bool [T, T] in 36 directions, five degrees apart."""
    directions = np.deg2rad(np.arange(0.0, 180.0, 5.0))
    projected = np.stack([np.cos(directions), np.sin(directions)], axis=1) @ places_of(shape)
    return np.ptp(projected, axis=1) + 1.0


def best_disk_iou(shape):
    """Returns the largest IoU of a bool [T, T] with a disk, over its radius and its centre."""
    centroid = np.argwhere(shape).mean(axis=0)
    rows, columns = np.indices(shape.shape)
    best = 0.0
    for shift_y, shift_x in np.ndindex(9, 9):
        distances = np.hypot(rows - centroid[0] - shift_y + 4, columns - centroid[1] - shift_x + 4)
        radii = np.arange(5.0, 24.0, 0.5)
        inside = np.searchsorted(np.sort(distances[shape]), radii, side="right")
        disk = np.searchsorted(np.sort(distances.ravel()), radii, side="right")
        best = max(best, (inside / (disk + shape.sum() - inside)).max())
    return best


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_a_clusters_picture_is_covered_and_its_shapes_are_known(kind):
    picture, shapes = synthetic.drawn_cluster(kind, seed=0)
    assert picture.shape == (384, 384, 3) and picture.dtype == np.uint8
    assert (picture.max(axis=-1) < 20).mean() < 0.001  # the ground is black, and instances are not
    assert picture.max(axis=-1).std() > 25  # neither are they flat
    assert shapes.dtype == bool and shapes.shape[0] > 500 and shapes.shape[1:] == (48, 48)
    smallest, mean, largest = AREAS[kind]
    areas = shapes.sum(axis=(1, 2))
    assert 0.98 * smallest < areas.min() and areas.max() < 1.02 * largest
    assert areas.mean() == pytest.approx(mean, rel=0.03)
    rim = np.ones((48, 48), bool)
    rim[1:-1, 1:-1] = False
    assert not shapes[:, rim].any()  # whole shapes, none cut off


def test_beans_are_bent_and_ellipses_are_not():
    """An ellipse is its own half turn about its middle; a bean is not."""

    def asymmetry(kind):
        _, shapes = synthetic.drawn_cluster(kind, size=64, seed=1)
        return np.mean(shapes != shapes[:, ::-1, ::-1]) / shapes.mean()

    assert asymmetry("ellipses") < 0.01
    assert asymmetry("beans") > 0.1


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_equal_seeds_draw_equal_clusters_of_any_size_and_others_do_not(kind):
    first, again, other = (synthetic.drawn_cluster(kind, size=100, seed=seed) for seed in (5, 5, 6))
    assert first[0].shape == (100, 100, 3)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any() and (first[1] != other[1]).any()


def test_an_unknown_kind_of_cluster_is_refused():
    with pytest.raises(ValueError, match="kind of cluster is 'apples', expected one of ellipses, beans, long_ellipses"):
        synthetic.drawn_cluster("apples", seed=0)


@pytest.mark.parametrize("option", [{"shadows": 1.1}, {"noise": -0.1}, {"noise": float("nan")}])
def test_options_out_of_their_range_are_refused(option):
    with pytest.raises(ValueError, match="are expected in"):
        synthetic.drawn_cluster("beans", seed=0, **option)


@pytest.mark.parametrize("kind, pixels, num_pixels", [
    ("ellipses", [[208, 160, 45], [219, 176, 56], [147, 96, 32], [144, 112, 37]], 86738),
    ("beans", [[141, 92, 44], [164, 101, 57], [96, 54, 33], [97, 59, 34]], 86716),
])
def test_earlier_kinds_are_drawn_as_ever(kind, pixels, num_pixels):
    """Runs are compared on them, and a run's shapes are drawn again from its seed."""
    picture, shapes = synthetic.drawn_cluster(kind, size=100, seed=5)
    np.testing.assert_allclose(picture[20::20, 50].astype(int), pixels, atol=1)  # machines may round differently
    assert shapes.sum() == pytest.approx(num_pixels, abs=3)


def test_long_ellipses_are_two_and_a_half_times_as_long_as_broad():
    _, shapes = synthetic.drawn_cluster("long_ellipses", size=64, seed=0)
    ratios = []
    for shape in shapes:
        smaller, larger = np.linalg.eigvalsh(np.cov(places_of(shape)))
        ratios.append(np.sqrt(larger / smaller))
    assert np.mean(ratios) == pytest.approx(2.5, abs=0.02)
    assert 2.35 < min(ratios) and max(ratios) < 2.65


def test_bent_beans_are_long_and_more_bent_than_beans():
    """The more a shape is bent, the less it overlaps with its own half turn."""
    _, shapes = synthetic.drawn_cluster("bent_beans", size=64, seed=0)
    spreads = np.array([np.sqrt(np.linalg.eigvalsh(np.cov(places_of(shape)))) for shape in shapes])
    assert (spreads[:, 1] / spreads[:, 0]).min() > 2.2
    _, beans = synthetic.drawn_cluster("beans", size=64, seed=0)
    turned = [np.mean(each & each[:, ::-1, ::-1]) / np.mean(each) for each in (shapes, beans)]
    assert turned[0] < turned[1] - 0.05


@pytest.mark.parametrize("kind", LONG)
def test_long_kinds_lie_in_all_directions(kind):
    _, shapes = synthetic.drawn_cluster(kind, size=256, seed=0)
    longest = np.array([extents_of(shape).argmax() for shape in shapes[:400]])
    counts = np.histogram(longest, bins=6, range=(0, 36))[0]
    assert counts.min() > 0.6 * 400 / 6


@pytest.mark.parametrize("kind", LONG)
def test_no_disk_fits_a_long_kind(kind):
    _, shapes = synthetic.drawn_cluster(kind, size=64, seed=0)
    assert np.mean([best_disk_iou(shape) for shape in shapes[:40]]) <= 0.6


def test_a_disk_fits_ellipses_better():
    """What the test above measures can be more than its limit."""
    _, shapes = synthetic.drawn_cluster("ellipses", size=64, seed=0)
    assert np.mean([best_disk_iou(shape) for shape in shapes[:40]]) > 0.7


@pytest.mark.parametrize("size", [64, 512])
@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_a_window_is_about_one_and_a_half_times_the_longest_instance_at_any_size(kind, size):
    _, shapes = synthetic.drawn_cluster(kind, size=size, seed=2)
    longest = max(extents_of(shape).max() for shape in shapes[:100])
    assert hoc.WINDOW / longest == pytest.approx(1.5, abs=0.12)


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_labels_say_which_instance_is_seen(kind):
    """Shading multiplies an instance's colour by a number, so that within a label the ratio of channels is constant."""
    picture, shapes, labels = synthetic.labelled_cluster(kind, size=128, seed=3)
    assert labels.shape == (128, 128) and labels.max() <= len(shapes)
    inner = labels[1:-1, 1:-1]
    same = np.ones(inner.shape, bool)  # whether all nine pixels about have one label
    for row, column in np.ndindex(3, 3):
        same &= labels[row:row + 126, column:column + 126] == inner
    shares = picture[1:-1, 1:-1] / np.maximum(picture[1:-1, 1:-1].sum(axis=-1, keepdims=True), 1)
    means = []
    for label in np.unique(inner[same & (inner > 0)]):
        pixels = shares[same & (inner == label)]
        assert np.ptp(pixels, axis=0).max() < 0.03  # rounding to bytes
        means.append(pixels.mean(axis=0))
    assert len(means) > 30 and np.std(means, axis=0).max() > 0.01  # instances differ
    ground = picture[labels == 0]
    assert ground.size == 0 or ground.max() < 128  # at most half covered


@pytest.mark.parametrize("kind", synthetic.CLUSTERS)
def test_a_labels_pixels_are_part_of_its_instance_and_the_last_is_whole(kind):
    _, shapes, labels = synthetic.labelled_cluster(kind, size=128, seed=3)
    num_whole = 0
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        assert np.ptp(rows) < 48 and np.ptp(columns) < 48 and rows.size <= shapes[label - 1].sum()
        if rows.size == shapes[label - 1].sum():
            seen = (labels == label)[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
            full_rows, full_columns = np.nonzero(shapes[label - 1])
            np.testing.assert_array_equal(seen, shapes[label - 1][full_rows.min():full_rows.max() + 1,
                                                                  full_columns.min():full_columns.max() + 1])
            num_whole += 1
    assert num_whole >= 3


@pytest.mark.parametrize("kind", ["ellipses", "bent_beans"])
def test_shadows_darken_what_lies_below_and_change_nothing_else(kind):
    plain, shaded, half = (synthetic.labelled_cluster(kind, size=128, seed=4, shadows=shadows)
                           for shadows in (0.0, 0.8, 0.4))
    for one, other in zip(plain[1:], shaded[1:]):
        np.testing.assert_array_equal(one, other)
    assert (shaded[0] <= half[0]).all() and (half[0] <= plain[0]).all()
    assert shaded[0].mean() < 0.95 * plain[0].mean()
    numbers, counts = np.unique(plain[2], return_counts=True)
    for number, count in zip(numbers[::-1], counts[::-1]):
        if count == plain[1][number - 1].sum():  # the last that is whole has nothing above it, nor a shadow's middle
            break
    top = plain[2] == number
    darkening = 1.0 - shaded[0].sum(axis=-1) / np.maximum(plain[0].sum(axis=-1), 1)
    assert darkening[top].mean() < 0.5 * darkening[~top].mean()
    again = synthetic.drawn_cluster(kind, size=128, seed=4, shadows=0.8)[0]
    np.testing.assert_array_equal(again, shaded[0])


def test_one_instances_shadow_is_soft_shifted_along_the_light_and_at_most_as_dark_as_asked():
    coverage = np.zeros((48, 48))
    coverage[16:32, 16:32] = 1.0
    shadow = synthetic._draw_shadow(coverage, light=0.0, generator=np.random.default_rng(0))[..., 0]
    assert 0.5 <= shadow.max() <= 1.0 and shadow.min() >= 0.0
    centre = (np.indices(shadow.shape) * shadow).sum(axis=(1, 2)) / shadow.sum()
    middle = (shadow.shape[0] - 1) / 2.0
    assert centre[0] == pytest.approx(middle, abs=0.01) and 2.0 <= centre[1] - middle <= 5.0
    assert np.abs(np.diff(shadow, axis=1)).max() < 0.25  # no edge


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_noise_has_the_deviation_asked_for_and_leaves_instances_as_they_are(noise):
    plain = synthetic.labelled_cluster("long_ellipses", size=256, seed=4, shadows=0.3)
    noisy = synthetic.labelled_cluster("long_ellipses", size=256, seed=4, shadows=0.3, noise=noise)
    for one, other in zip(plain[1:], noisy[1:]):
        np.testing.assert_array_equal(one, other)
    unclipped = (plain[0] > 60) & (plain[0] < 195)
    difference = (noisy[0].astype(float) - plain[0])[unclipped] / 255.0
    assert difference.std() == pytest.approx(noise, rel=0.03) and abs(difference.mean()) < 0.002
    again = synthetic.drawn_cluster("long_ellipses", size=256, seed=4, shadows=0.3, noise=noise)[0]
    np.testing.assert_array_equal(again, noisy[0])


def test_single_instances_are_whole_and_in_the_middle():
    instances = synthetic.drawn_instances("long_ellipses", num_instances=5, seed=0)
    assert instances.shape == (5, 64, 64, 4) and instances.dtype == np.float32
    assert 0.0 <= instances.min() and instances.max() <= 1.0
    masks = instances[..., 3] >= 0.5
    assert np.all(np.abs(instance_metrics.centroids(masks) - 31.5) < 1.0)
    assert np.all(instance_metrics.elongations(masks) == pytest.approx(2.5, rel=0.05))
    np.testing.assert_array_equal(instances, synthetic.drawn_instances("long_ellipses", num_instances=5, seed=0))
    with pytest.raises(ValueError, match="size is 49"):
        synthetic.drawn_instances("beans", num_instances=1, size=49, seed=0)
