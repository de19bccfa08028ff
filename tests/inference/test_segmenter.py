"""Masks of pictures of any size: geometry, loading, and streams."""

import os
import weakref

from PIL import Image
import numpy as np
import pytest
import tensorflow as tf

from data import folder, samples
from data.windows import Window, place_window, take_window, tight_window
from errors import UserError
from extensions.refinement import refine_masks
from inference import segmenter as segmenter_module
from inference.mask_folder import MaskFolder
from inference.segmenter import Segmenter, segment
from models.instance_generator import InstanceGenerator
from models.unet import build_unet
from storage.weights import save_weights

METADATA = {"task": "foreground", "network": "unet", "width": 1 / 16, "image_size": 64, "crop": "box", "flags": {}}


class RedNetwork:
    """Stands for a network whose masks are known: the red channel."""

    variables = ()

    def __call__(self, images, training):
        assert not training
        return images[..., :1]


@pytest.fixture(name="network", scope="module")
def _network():
    network = build_unet(width=1 / 16, size=64)
    network.mask_logits.kernel.assign(network.mask_logits.kernel * 10.0)  # so that masks are not the same grey all over
    return network


@pytest.fixture(name="weights", scope="module")
def _weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.npz"
    save_weights(path, network, metadata=METADATA)
    return path


def _smooth_picture(height, width):
    """A picture whose red channel changes slowly, so that little is lost at 64 pixels, and its red in [0, 1]."""
    rows, columns = np.mgrid[:height, :width]
    red = 0.5 + 0.5 * np.sin(rows / height * 5) * np.cos(columns / width * 4)
    return np.dstack([np.round(red * 255), rows % 256, columns % 256]).astype(np.uint8), red


def _save_pictures(directory, *, count, height=30, width=40):
    rng = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(directory / f"{index:02d}.png")


def test_a_placed_mask_of_ones_is_its_window():
    placed = place_window(np.ones([64, 64], np.float32), Window(5, 2, 25, 9), image_size=(20, 30))
    expected = np.zeros([20, 30], np.float32)
    expected[2:9, 5:25] = 1
    np.testing.assert_array_equal(placed, expected)


@pytest.mark.parametrize("window", [Window(-30, -10, 70, 90), Window(-10, 40, 200, 250), Window(10, 20, 60, 50)])
def test_what_a_window_has_beyond_the_picture_is_dropped(window):
    values = np.random.default_rng(0).random((64, 64), np.float32)
    whole = np.asarray(Image.fromarray(values).resize((window.right - window.left, window.bottom - window.top),
                                                      Image.Resampling.BILINEAR))
    expected = np.zeros([80, 100], np.float32)
    top, left = max(window.top, 0), max(window.left, 0)
    part = whole[top - window.top:80 - window.top, left - window.left:100 - window.left]
    expected[top:top + part.shape[0], left:left + part.shape[1]] = part
    np.testing.assert_allclose(place_window(values, window, image_size=(80, 100)), expected, atol=1e-4)


def test_placing_undoes_taking():
    _, red = _smooth_picture(150, 230)
    window = Window(20, 10, 220, 140)
    taken = take_window(red.astype(np.float32), window, size=64)
    placed = place_window(taken, window, image_size=red.shape)
    np.testing.assert_allclose(placed[14:136, 24:216], red[14:136, 24:216], atol=0.01)
    assert placed[:10].max() == placed[:, :20].max() == placed[140:].max() == placed[:, 220:].max() == 0


def test_the_tight_window_touches_the_mask_on_every_side():
    mask = np.zeros([10, 12], bool)
    assert tight_window(mask) is None
    mask[3, 4] = mask[7, 9] = True
    assert tight_window(mask) == Window(4, 3, 10, 8)


@pytest.mark.parametrize("crop_mode, box, inside", [
    ("box", None, Window(0, 0, 230, 150)),
    ("box", (30.4, 20.0, 99.2, 80.0), Window(30, 20, 130, 100)),
    ("square", (150.0, 60.0, 100.0, 100.0), Window(95, 15, 230, 150)),  # 1.5 times 90, shifted into the picture
    ("square", None, Window(0, 0, 230, 150)),
])
def test_a_known_mask_comes_back_at_its_place_at_full_resolution(crop_mode, box, inside):
    image, red = _smooth_picture(150, 230)
    mask = Segmenter(RedNetwork(), image_size=64, crop_mode=crop_mode).mask(image, box=box)
    assert mask.shape == (150, 230) and mask.dtype == np.float32 and mask.min() >= 0 and mask.max() <= 1
    outside = np.ones(mask.shape, bool)
    outside[inside.top:inside.bottom, inside.left:inside.right] = False
    assert not mask[outside].any()
    core = np.s_[inside.top + 4:inside.bottom - 4, inside.left + 4:inside.right - 4]
    np.testing.assert_allclose(mask[core], red[core], atol=0.03)


def test_loaded_weights_give_the_networks_masks_whatever_the_batch(network, weights):
    crops = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    segmenter = Segmenter.from_weights(weights)
    assert (segmenter.image_size, segmenter.crop_mode) == (64, "box")
    masks = segmenter.masks(crops, batch_size=2)
    assert masks.shape == (5, 64, 64, 1) and masks.dtype == np.float32 and masks.std() > 0.02
    np.testing.assert_allclose(masks, network(crops.astype(np.float32) / 255, training=False), atol=1e-5)


def test_several_weights_files_give_the_mean_of_their_networks_masks(network, weights, tmp_path):
    other = build_unet(width=1 / 16, size=64)
    other.set_weights([0.5 * values for values in network.get_weights()])
    save_weights(tmp_path / "other.npz", other, metadata=METADATA)
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    one, two, both = (Segmenter.from_weights(paths).masks(crops)
                      for paths in (weights, [tmp_path / "other.npz"], [weights, tmp_path / "other.npz"]))
    assert np.abs(one - two).max() > 0.01
    np.testing.assert_allclose(both, (one + two) / 2, atol=1e-5)


def test_networks_of_other_crops_are_not_averaged(network, weights, tmp_path):
    save_weights(tmp_path / "other.npz", network, metadata={**METADATA, "crop": "square"})
    with pytest.raises(UserError, match="other.npz takes crops 'square' .* only networks of the same crops"):
        Segmenter.from_weights([weights, tmp_path / "other.npz"])


@pytest.mark.parametrize("crops", [np.zeros([1, 128, 128, 3], np.uint8), np.zeros([1, 64, 64, 3], np.float32),
                                   np.zeros([0, 64, 64, 3], np.uint8)])
def test_crops_of_another_shape_or_type_are_refused(weights, crops):
    with pytest.raises(ValueError, match=r"Crops must be uint8 \[n, 64, 64, 3\]"):
        Segmenter.from_weights(weights).masks(crops)


@pytest.mark.parametrize("changes, message", [
    ({"crop": "round"}, "w.npz was trained on crops 'round', expected one of box, square"),
    ({"image_size": None}, "w.npz does not say how its network is used"),
    ({"width": 1 / 8}, "w.npz does not fit the network"),
])
def test_weights_with_another_header_are_refused(network, tmp_path, changes, message):
    save_weights(tmp_path / "w.npz", network, metadata={**METADATA, **changes})
    with pytest.raises(UserError, match=message):
        Segmenter.from_weights(tmp_path / "w.npz")


def test_weights_of_another_network_or_that_are_not_finite_are_refused(tmp_path):
    generator = InstanceGenerator(width=1 / 32)
    generator(np.zeros([1, 2], np.float32))
    save_weights(tmp_path / "hoc.npz", generator, metadata={"task": "hoc", "network": "instance_generator"})
    with pytest.raises(UserError, match="hoc.npz holds a 'instance_generator', expected a 'unet'"):
        segment(samples.PETS_IMAGES, weights=tmp_path / "hoc.npz")
    network = build_unet(width=1 / 16, size=64)
    network.mask_logits.bias.assign([np.nan])
    save_weights(tmp_path / "nan.npz", network, metadata=METADATA)
    with pytest.raises(UserError, match="nan.npz holds values that are not finite numbers"):
        Segmenter.from_weights(tmp_path / "nan.npz")


def test_a_stream_is_each_pictures_own_mask_and_names_a_broken_file_in_its_place(weights, tmp_path):
    _save_pictures(tmp_path, count=5)
    (tmp_path / "02.png").write_bytes((tmp_path / "02.png").read_bytes()[:200])
    found = list(segment(tmp_path, weights=weights, batch_size=2))
    assert [one.name for one in found] == [f"{index:02d}.png" for index in range(5)]
    assert "02.png could not be read as an image" in found[2].error
    assert found[2].mask is None and found[2].image is None
    segmenter = Segmenter.from_weights(weights)
    for one in found[:2] + found[3:]:
        assert one.error is None and one.box is None and one.number is None
        np.testing.assert_array_equal(one.image, np.asarray(Image.open(one.path)))
        np.testing.assert_allclose(one.mask, segmenter.mask(one.image), atol=1e-5)


def test_boxes_are_numbered_and_one_outside_its_picture_fails_alone(weights, tmp_path):
    _save_pictures(tmp_path, count=2)
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("01.png 0 0 10 10\n01.png 500 0 10 10\n01.png 20 5 20 20\n")
    found = list(segment([tmp_path / "00.png", tmp_path / "01.png"], weights=weights, boxes=boxes))
    assert [(one.name, one.number, one.error is None) for one in found] == [
        ("01.png", 1, True), ("01.png", 2, False), ("01.png", 3, True)]
    assert "has no area inside the image of 40x30 pixels" in found[1].error
    assert not found[0].mask[:, 10:].any() and found[0].mask[:10, :10].min() > 0
    assert not found[2].mask[:, :20].any() and found[2].mask[5:25, 20:].min() > 0


@pytest.mark.parametrize("batch_size, max_pixels, num_waiting", [(3, 2**25, 3), (100, 2 * 30 * 40, 2)])
def test_no_more_pictures_are_decoded_than_wait_for_their_batch_and_none_is_kept(
        weights, tmp_path, monkeypatch, batch_size, max_pixels, num_waiting):
    monkeypatch.setattr(segmenter_module, "MAX_HELD_PIXELS", max_pixels)
    _save_pictures(tmp_path, count=14)
    taken = []
    pictures = (taken.append(picture) or picture for picture in folder.list_pictures([str(tmp_path)]))
    seen = []
    for one in Segmenter.from_weights(weights).stream(pictures, batch_size=batch_size):
        assert len(taken) - len(seen) <= num_waiting
        seen.append(weakref.ref(one.image))
        assert all(reference() is None for reference in seen[:-1])
    assert len(seen) == len(taken) == 14


def test_pictures_of_files_and_folders_are_named_listed_once_and_not_taken_from_the_output(tmp_path):
    for name in ("in/a.png", "in/deep/b.JPG", "in/out/a_mask.png", "in/notes.txt", "single.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inputs = [str(tmp_path / name) for name in ("single.dat", "in", "in/a.png")]
    pictures = folder.list_pictures(inputs, excluded_dir=str(tmp_path / "in" / "out"))
    assert [picture.name for picture in pictures] == ["single.dat", "a.png", "deep/b.JPG"]
    assert all(picture.boxes == (None,) for picture in pictures)
    # A folder that holds what is searched does not exclude it.
    assert len(folder.list_pictures(inputs, excluded_dir=str(tmp_path))) == 4
    with pytest.raises(UserError, match="no file or folder nowhere"):
        folder.list_pictures(["nowhere"])
    with pytest.raises(UserError, match="No picture is given"):
        folder.list_pictures([])


def test_masks_can_be_averaged_with_mirrored_ones_and_refined(network):
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    options = {"image_size": 64, "crop_mode": "box"}
    plain = Segmenter(network, **options).masks(crops)
    mirrored = Segmenter(network, **options).masks(crops[:, :, ::-1])[:, :, ::-1]
    averaged = Segmenter(network, average_flips=True, **options).masks(crops)
    assert np.abs(plain - mirrored).max() > 0.01
    np.testing.assert_allclose(averaged, (plain + mirrored) / 2, atol=1e-5)
    refined = Segmenter(network, average_flips=True, refine_iterations=3, **options).masks(crops)
    expected = refine_masks(tf.constant(averaged), tf.constant(crops / 255, tf.float32), iterations=3)
    np.testing.assert_allclose(refined, expected, atol=1e-4)
    assert refined.std() < averaged.std()


def test_boxes_of_two_pictures_with_one_name_are_refused(tmp_path):
    for name in ("a/x.png", "b/x.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "boxes.txt").write_text("x.png 1 2 3 4\n")
    inputs = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert len(folder.list_pictures(inputs)) == 2
    with pytest.raises(UserError, match=r"boxes\.txt cannot tell .*a.x\.png from .*b.x\.png"):
        folder.list_pictures(inputs, boxes_file=str(tmp_path / "boxes.txt"))


def test_cuts_by_colours_are_the_same_in_threads_and_one_by_one(tmp_path):
    rows, columns = np.mgrid[:60, :80]
    for index in range(5):
        picture = np.random.default_rng(index).integers(0, 90, (60, 80, 3), np.uint8)
        picture[(rows - 28) ** 2 + (columns - 35) ** 2 < (10 + index) ** 2, 0] += 150
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    paths = folder.list_image_files(str(tmp_path))
    pictures = [folder.Picture(os.path.basename(path), path, ((10.0, 8.0, 50.0, 40.0),)) for path in paths]
    segmenter = Segmenter(RedNetwork(), image_size=64, crop_mode="box", grabcut_iterations=2)
    together, alone = (list(segmenter.stream(pictures, batch_size=count)) for count in (5, 1))
    assert [one.path for one in together] == [one.path for one in alone] == paths
    for one, other in zip(together, alone):
        assert 0.01 < one.mask.mean() < 0.5
        np.testing.assert_array_equal(one.mask, other.mask)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_pictures_own_transparency_is_kept_in_its_cut_out(tmp_path, mode):
    rgba = np.full([40, 60, 4], 200, np.uint8)
    rgba[..., 3] = np.repeat([255, 0], 30)
    if mode == "RGBA":
        rgba[:20, :30, 3] = 102
    Image.fromarray(rgba).convert(mode).save(tmp_path / "a.png")
    own = np.asarray(Image.open(tmp_path / "a.png").convert("RGBA"))
    found = next(Segmenter(RedNetwork(), image_size=64, crop_mode="box").stream(folder.list_pictures([str(tmp_path)])))
    out = MaskFolder(tmp_path / "out")
    out.add(found, stem="a")
    out.finish()
    cutout = np.asarray(Image.open(tmp_path / "out" / "a_cutout.png"))
    assert np.ptp(own[..., 3]) == 255 and found.mask.max() > 0.7
    np.testing.assert_allclose(cutout[..., 3], found.mask * own[..., 3], atol=0.6)
    np.testing.assert_array_equal(cutout[..., :3], own[..., :3])  # not mixed with black a second time
