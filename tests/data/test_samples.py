"""The bundled sample images."""

import collections
import os

import numpy as np
from PIL import Image
import pytest

from data import masks as reference_masks
from data import backgrounds, folder, images, samples

_ROOT = os.path.dirname(samples.__file__)


@pytest.fixture(name="photographs", scope="module")
def _photographs():
    return folder.list_photographs(
        samples.PETS_IMAGES, boxes_file=samples.PETS_BOXES, mask_dir=samples.PETS_MASKS
    )


def test_every_pet_has_a_box_and_a_mask(photographs):
    assert len(photographs) == len(folder.list_image_files(samples.PETS_IMAGES)) == 599
    assert all(photograph.mask_path for photograph in photographs)


def test_seen_and_unseen_pets_are_all_pets_and_every_third_of_each_breed_is_unseen(photographs):
    seen, unseen = (folder.list_photographs(samples.PETS_IMAGES, boxes_file=boxes, mask_dir=samples.PETS_MASKS)
                    for boxes in (samples.PETS_BOXES_SEEN, samples.PETS_BOXES_UNSEEN))
    assert (len(seen), len(unseen)) == (399, 200)
    assert sorted(seen + unseen) == sorted(photographs)
    breeds = collections.Counter(photograph.name.rpartition("_")[0] for photograph in unseen)
    assert sorted(breeds.values()) == [66, 67, 67]


def test_boxes_are_the_tight_boxes_of_the_masks_and_sizes_agree(photographs):
    for photograph in photographs[::20]:
        mask = reference_masks.load_mask(photograph.mask_path)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top = columns[0], rows[0]
        assert photograph.box == (left, top, columns[-1] + 1 - left, rows[-1] + 1 - top)
        with Image.open(photograph.path) as image:
            assert image.size == mask.shape[::-1] and max(image.size) <= 220


def test_pets_cover_the_share_of_their_boxes_that_the_attribution_states(photographs):
    masks = reference_masks.load_mask_crops(photographs[::4], size=64, crop_mode="box")
    assert np.mean(masks) == pytest.approx(0.618, abs=0.02)


def test_every_airplane_has_a_box_inside_it_and_every_fourth_is_unseen():
    boxes = (samples.AIRPLANES_BOXES, samples.AIRPLANES_BOXES_SEEN, samples.AIRPLANES_BOXES_UNSEEN)
    photographs, seen, unseen = (folder.list_photographs(samples.AIRPLANES_IMAGES, boxes_file=file) for file in boxes)
    assert (len(photographs), len(seen), len(unseen)) == (799, 599, 200)
    assert sorted(seen + unseen) == sorted(photographs) and sorted(unseen) == sorted(photographs)[::4]
    for photograph in photographs[::20]:
        with Image.open(photograph.path) as image:
            left, top, width, height = photograph.box
            assert max(image.size) <= 320 and left + width <= image.width and top + height <= image.height


def test_every_nucleus_of_the_micrograph_has_a_label():
    picture, labels = images.load_image(samples.NUCLEI_IMAGE), np.array(Image.open(samples.NUCLEI_LABELS))
    assert picture.shape[:2] == labels.shape == (520, 696)
    assert list(np.unique(labels)) == list(range(labels.max() + 1)) and labels.max() > 200
    assert picture[labels > 0].mean() > 2 * picture[labels == 0].mean()


def test_backgrounds_are_loaded():
    assert backgrounds.load_folder(samples.BACKGROUNDS, patch_size=64).num_images == 7


@pytest.mark.parametrize("path, shape", [(samples.FRUIT_IMAGE, (288, 359, 3)), (samples.LIMES_IMAGE, (288, 227, 3)),
                                         (samples.HAZELNUTS_IMAGE, (800, 1200, 3))])
def test_clusters_are_images(path, shape):
    assert images.load_image(path).shape == shape


def test_samples_are_attributed_and_small():
    with open(os.path.join(_ROOT, "ATTRIBUTION.md"), encoding="utf-8") as file:
        attribution = file.read()
    for name in (*os.listdir(samples.BACKGROUNDS), *os.listdir(os.path.dirname(samples.FRUIT_IMAGE)),
                 *os.listdir(os.path.dirname(samples.NUCLEI_IMAGE)), "10.22002/D1.20086", "CC BY-SA 4.0"):
        assert name in attribution
    sizes = (os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(_ROOT) for name in names)
    assert sum(sizes) < 20e6
