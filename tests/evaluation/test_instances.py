"""`evaluation.instances`: pieces, centroids, distances and fits, worked by hand or by another algorithm."""

import numpy as np
import pytest

from evaluation import instances


def picture(text):
    """A mask from lines of '#' and '.': bool [1, S, S]."""
    return np.array([[character == "#" for character in line] for line in text.split()])[np.newaxis]


def spiral(size):
    """One path that winds from a corner to the centre with a gap of a pixel between its turns: bool [1, S, S]."""
    mask = np.zeros((size, size), bool)
    row, column, (down, right) = 0, 0, (0, 1)
    mask[row, column] = True
    turns = 0
    while turns < 2:
        ahead, beyond = (row + down, column + right), (row + 2 * down, column + 2 * right)
        inside = all(0 <= place < size for place in ahead)
        if inside and not (all(0 <= place < size for place in beyond) and mask[beyond]):
            (row, column), turns = ahead, 0
            mask[row, column] = True
        else:
            (down, right), turns = (right, -down), turns + 1
    return mask[np.newaxis]


def pieces_by_flood_fill(mask):
    """Number of 8-connected pieces of a mask [S, S], pixel by pixel."""
    left, pieces = {tuple(place) for place in np.argwhere(mask)}, 0
    while left:
        pieces += 1
        pending = [left.pop()]
        while pending:
            row, column = pending.pop()
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            pending += near
    return pieces


@pytest.mark.parametrize("text, is_single", [
    ("##.. ##.. .... ....", True),
    ("##.. ##.. ...# ...#", False),
    ("#... .#.. ..#. ...#", True),  # corners touch
    ("#... #..# #..# ....", False),
    ("#### #..# #..# ####", True),
    ("#### .... #### ....", False),
    (".... .... .... ...#", True),
    (".... .... .... ....", False),
    ("#### #### #### ####", True),
], ids=["blob", "two blobs", "diagonal", "side by side", "ring", "stripes", "last pixel", "empty", "full"])
def test_a_mask_is_a_single_piece_if_sides_or_corners_connect_it(text, is_single):
    assert instances.is_single_piece(picture(text)).tolist() == [is_single]


def test_a_piece_does_not_go_on_over_the_pictures_edge():
    assert not instances.is_single_piece(picture("#..# #..# .... ....")).any()
    assert not instances.is_single_piece(picture("##.. .... .... ##..")).any()


def test_a_long_spiral_is_one_piece_until_it_is_cut():
    whole = spiral(31)
    assert whole.sum() > 400 and pieces_by_flood_fill(whole[0]) == 1
    cut = whole.copy()
    cut[0, 0, 15] = False  # in its outermost turn
    assert instances.is_single_piece(np.concatenate([whole, cut])).tolist() == [True, False]


@pytest.mark.parametrize("density", [0.1, 0.4, 0.7])
def test_single_pieces_agree_with_a_flood_fill(density):
    masks = np.random.default_rng(0).random((120, 6, 6)) < density
    expected = [pieces_by_flood_fill(mask) == 1 for mask in masks]
    assert 0 < sum(expected) < 120
    np.testing.assert_array_equal(instances.is_single_piece(masks), expected)


def test_centroids_by_hand():
    masks = np.zeros((4, 4, 4))
    masks[0, 3, 1] = 0.2
    masks[1, 0, 0], masks[1, 2, 3] = 1.0, 0.5  # a third of the way to the lighter one
    masks[2] = 1.0
    np.testing.assert_allclose(instances.centroids(masks), [[3, 1], [2 / 3, 1], [1.5, 1.5], [1.5, 1.5]])


def test_elongations_by_hand():
    """A w x h rectangle has the second moments w^2 / 12 and h^2 / 12, whichever way it lies."""
    assert instances.elongations(picture("##.. ##.. .... ....")) == pytest.approx(1.0)
    assert instances.elongations(picture(".... #### .... ....")) == pytest.approx(4.0)
    assert instances.elongations(picture("..#. ..#. ..#. ....")) == pytest.approx(3.0)
    assert instances.elongations(picture(".... ..#. .... ....")) == pytest.approx(1.0)
    assert instances.elongations(picture("#... .#.. ..#. ...#")) == pytest.approx(np.sqrt((2.5 + 1 / 12) * 12))
    assert instances.elongations(np.zeros((1, 4, 4), bool)) == pytest.approx(1.0)


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_elongation_of_an_ellipse_is_its_axes_ratio_whichever_way_it_lies(angle):
    offset = np.arange(64) - 30.2
    u = np.cos(angle) * offset + np.sin(angle) * offset[:, np.newaxis]
    v = np.cos(angle) * offset[:, np.newaxis] - np.sin(angle) * offset
    assert instances.elongations(np.hypot(u / 24, v / 15)[np.newaxis] <= 1) == pytest.approx(24 / 15, rel=0.01)


def test_solidities_by_hand():
    assert instances.solidities(picture("##.. ##.. .... ....")) == pytest.approx(1.0)
    assert instances.solidities(picture("#... #... #... ####")) == pytest.approx(7 / 10)  # the diagonal is inside
    assert instances.solidities(picture("#..# .... .... ....")) == pytest.approx(2 / 4)
    assert instances.solidities(np.zeros((1, 4, 4), bool)) == pytest.approx(1.0)


def test_a_neck_lowers_the_solidity_of_a_ball():
    rows, columns = np.ogrid[:64, :64]
    ball = (rows - 36) ** 2 + (columns - 32) ** 2 <= 15**2
    neck = (abs(columns - 32) <= 3) & (rows >= 14) & (rows <= 36)
    plain, necked = instances.solidities(np.stack([ball, ball | neck]))
    assert plain > 0.95 and necked < 0.92


def test_mean_pairwise_distance_by_hand():
    pictures = np.zeros((3, 2, 2, 1))
    pictures[1] = 0.5  # 0.5 from the first
    pictures[2, 0, 0] = 1.0  # sqrt(1/4) = 0.5 from the first, sqrt(4 * 1/4 / 4) = 0.5 from the second
    assert instances.mean_pairwise_distance(pictures) == pytest.approx(0.5)
    pictures[2] = 1.0  # 1 from the first, 0.5 from the second
    assert instances.mean_pairwise_distance(pictures) == pytest.approx((0.5 + 1 + 0.5) / 3)


def test_mean_pairwise_distance_of_equal_pictures_and_of_a_single_one_is_zero():
    one = np.random.default_rng(0).random((1, 8, 8, 3))
    assert instances.mean_pairwise_distance(one) == 0.0
    assert instances.mean_pairwise_distance(np.repeat(one, 5, axis=0)) == pytest.approx(0.0, abs=1e-6)


def test_mean_pairwise_distance_agrees_with_a_loop():
    pictures = np.random.default_rng(1).random((6, 5, 5, 3))
    distances = [np.sqrt(np.mean((pictures[i] - pictures[j]) ** 2)) for i in range(6) for j in range(i)]
    assert instances.mean_pairwise_distance(pictures) == pytest.approx(np.mean(distances), rel=1e-9)


def test_r_squared_by_hand():
    latents = np.array([[-1.0, 0.0, 1.0], [0.0, 0.5, 2.0], [1.0, 1.0, 3.0]])
    estimates = np.array([[-1.0, 0.5, 3.0], [0.0, 0.5, 2.0], [1.0, 0.5, 1.0]])
    # exact; the mean alone; residual 4 + 0 + 4 of a total of 1 + 0 + 1
    np.testing.assert_allclose(instances.r_squared(latents, estimates), [1.0, 0.0, 1.0 - 8 / 2])


@pytest.mark.parametrize("constant", [0.0, 0.1, -0.7])
def test_r_squared_of_a_constant_is_no_number(constant):
    latents = np.stack([np.full(3, constant), [0.0, 1.0, 2.0]], axis=-1)
    values = instances.r_squared(latents, latents + 0.1)
    assert np.isnan(values[0]) and values[1] == pytest.approx(1 - 0.03 / 2)


def placed(shape, top, left, size=12):
    """A shape [h, w] in a picture of zeros: bool [1, S, S]."""
    mask = np.zeros((1, size, size), bool)
    mask[0, top:top + shape.shape[0], left:left + shape.shape[1]] = shape
    return mask


@pytest.mark.parametrize("shape", [np.ones((3, 3), bool), np.ones((4, 2), bool), picture("#### #... #... #...")[0]],
                         ids=["odd", "even", "corner"])
@pytest.mark.parametrize("top, left", [(0, 0), (1, 0), (0, 1), (5, 3), (8, 8)])
def test_a_shifted_shape_fits_itself_exactly(shape, top, left):
    """Wherever the centroid lies: on a pixel, between two, or elsewhere."""
    ious = instances.best_shape_ious(placed(shape, top, left), placed(shape, 2, 2))
    assert ious.tolist() == [1.0]


def test_shapes_in_smaller_squares_fit_as_well_and_beyond_the_edge_nothing_is_lost():
    bar = np.ones((1, 11), bool)
    assert instances.best_shape_ious(placed(bar, 0, 0), placed(bar, 11, 1)).tolist() == [1.0]
    square = np.ones((3, 3), bool)
    assert instances.best_shape_ious(placed(square, 9, 9, size=12), placed(square, 0, 0, size=5)).tolist() == [1.0]
    assert instances.best_shape_ious(placed(square, 0, 0, size=5), placed(square, 9, 9, size=12)).tolist() == [1.0]


def test_half_a_shape_has_an_iou_of_a_half_and_an_empty_mask_none():
    masks = np.concatenate([placed(np.ones((4, 4), bool), 0, 0), placed(np.zeros((1, 1), bool), 0, 0)])
    assert instances.best_shape_ious(masks, placed(np.ones((4, 8), bool), 3, 3)).tolist() == [0.5, 0.0]


def test_each_mask_is_held_against_the_shape_that_fits_it_best():
    shapes = np.concatenate([placed(np.ones((2, 2), bool), 0, 0), placed(np.ones((4, 4), bool), 0, 0)])
    masks = np.concatenate([placed(np.ones((4, 4), bool), 5, 5), placed(np.ones((2, 2), bool), 7, 1),
                            placed(np.ones((4, 2), bool), 2, 2)])
    np.testing.assert_allclose(instances.best_shape_ious(masks, shapes), [1.0, 1.0, 0.5])


def test_a_disk_of_the_shapes_area_is_held_against_them():
    offsets = np.arange(21) - 10
    disk = (offsets[:, np.newaxis] ** 2 + offsets**2 <= 64)[np.newaxis]
    assert instances.disk_shape_iou(disk) == 1.0
    assert instances.disk_shape_iou(placed(np.ones((2, 40), bool), 0, 0, size=48)) < 0.3
    bar = placed(np.ones((4, 50), bool), 0, 0, size=60)  # of about the disk's area
    both = np.concatenate([placed(disk[0], 3, 9, size=60), bar])
    assert instances.disk_shape_iou(both) > 0.9  # a pixel more or less all around


def test_metrics_of_two_instances_by_hand():
    masks = np.zeros((2, 4, 4, 1))
    masks[0, 0, 0] = 1.0  # one piece in the corner
    masks[1, :, 0] = masks[1, :, 3] = 0.5  # two pieces, half decided, about the centre
    values = instances.instance_metrics(np.ones((2, 4, 4, 3)), masks)
    assert tuple(values) == instances.KEYS and all(type(value) is float for value in values.values())
    # Carved, they differ by 1 - 0.5 in the corner and by 0.5 in seven other pixels of 16.
    expected = {"single_piece_fraction": 1 / 2, "area_mean": (1 / 16 + 4 / 16) / 2, "area_std": 1.5 / 16,
                "undecided_fraction": 8 / 32, "elongation": (1 + np.sqrt(7 / 4)) / 2,  # moments 4 / 3, 7 / 3
                "solidity": (1 + 8 / 16) / 2,
                "centroid_distance": np.hypot(1.5, 1.5) / 4 / 2, "diversity": np.sqrt(8 * 0.25 / 16)}
    assert values == pytest.approx(expected)


def test_metrics_judge_single_pieces_at_one_half_and_undecided_pixels_strictly_between():
    masks = np.full((1, 2, 2, 1), 0.1, np.float32)
    masks[0, 0, 0], masks[0, 1, 1] = 0.49, 0.9
    values = instances.instance_metrics(np.zeros((1, 2, 2, 3)), masks)
    assert values["single_piece_fraction"] == 1.0  # the pixel of 0.9
    assert values["diversity"] == 0.0 and values["area_std"] == 0.0
    masks[0, 0, 0] = 0.91
    assert instances.instance_metrics(np.zeros((1, 2, 2, 3)), masks)["undecided_fraction"] == 0.0
    masks[0, 0, 0] = 0.89
    assert instances.instance_metrics(np.zeros((1, 2, 2, 3)), masks)["undecided_fraction"] == 1 / 4


@pytest.mark.parametrize("appearances, masks", [((0, 4, 4, 3), (0, 4, 4, 1)), ((2, 4, 4, 3), (2, 4, 4)),
                                                ((2, 4, 4, 3), (3, 4, 4, 1)), ((2, 4, 4, 3), (2, 8, 8, 1))])
def test_metrics_of_no_instances_or_of_others_masks_are_refused(appearances, masks):
    with pytest.raises(ValueError, match=r"Instances need appearances \[n, S, S, 3\] and masks \[n, S, S, 1\]"):
        instances.instance_metrics(np.zeros(appearances), np.zeros(masks))
