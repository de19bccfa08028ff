"""The real images' layouts, and pretrained weights on them, where they are beside the project."""

import numpy as np
import pytest
from conftest import ROOT

from data import masks as reference_masks
from data import backgrounds, batches, birds, faces, folder, hoc, images, samples
from evaluation import report
from extensions import grabcut
from inference.segmenter import Segmenter
from storage.weights import read_weights


def test_birds_are_read_in_their_own_layout_with_reference_masks(real_data):
    photographs = birds.list_photographs(str(real_data / "CUB_200_2011"))
    assert len(photographs) == 2889 and sum(photograph.is_training for photograph in photographs) == 1500
    labelled = [photograph for photograph in photographs if photograph.mask_path]
    assert len(labelled) == 60
    masks = reference_masks.load_mask_crops(labelled, size=128, crop_mode="box")
    assert 0.3 < masks.mean() < 0.45  # a bird covers about 0.36 of its tight box


def test_faces_are_read_in_celebas_layout(real_data):
    photographs = faces.list_photographs(str(real_data / "CelebA"))
    assert len(photographs) == 5000 and photographs[0].box == (30, 20, 140, 160)
    crops = images.load_crops(photographs[:4], size=64, crop_mode="square")
    assert crops.shape == (4, 64, 64, 3) and crops.std() > 20


def test_backgrounds_of_persons_negatives_make_batches_with_faces(real_data):
    pool = backgrounds.load_folder(str(real_data / "INRIAPerson" / "Train" / "neg"), patch_size=64)
    assert pool.num_images == 700
    crops = images.load_crops(faces.list_photographs(str(real_data / "CelebA"))[:8], size=64, crop_mode="box")
    batch = next(iter(batches.foreground_batches(crops=crops, background_pool=pool, batch_size=4, seed=0, num_steps=1)))
    assert batch["backgrounds"].shape == (4, 64, 64, 3) and np.std(batch["backgrounds"]) > 10


@pytest.mark.parametrize("name, window_size, size", [
    ("coffee_beans.jpg", 96, (1200, 800)), ("oranges.png", 78, (359, 288)), ("limes.png", 52, (227, 288)),
    ("crowd_gray.jpg", 40, (720, 424)), ("crowd_pool.jpg", 60, (1200, 900)),
])
def test_each_photograph_of_a_cluster_gives_windows(real_data, name, window_size, size):
    cluster = hoc.load_cluster(str(real_data / "hoc" / name), window_size=window_size)
    assert cluster.shape == (*(round(side * 64 / window_size) for side in size[::-1]), 3)
    batch = next(iter(hoc.SceneStream(cluster=cluster, num_layers=2, latent_dim=5).batches(
        batch_size=8, seed=0, num_steps=1)))
    reals = batch["reals"].numpy()
    assert reals.shape == (8, 64, 64, 3) and reals.std() > 20
    assert min(window.std() for window in reals) > 5 and len({window.tobytes() for window in reals}) == 8
    is_grey = (reals == reals[..., :1]).all()
    assert is_grey == (name == "crowd_gray.jpg")


def figures_of(name, photographs, *, grabcut_iterations=0, **inference):
    """Measures pretrained weights on photographs with masks. Returns the evaluation's report."""
    segmenter = Segmenter.from_weights(ROOT / "pretrained" / name, **inference)
    masks = segmenter.masks(images.load_crops(photographs, size=128, crop_mode="box"))
    masks = grabcut.cut_masks(masks, photographs, crop_mode="box", iterations=grabcut_iterations)
    return report.evaluate_masks(masks, reference_masks.load_mask_crops(photographs, size=128, crop_mode="box"),
                                 names=[photograph.name for photograph in photographs])


def test_the_pretrained_birds_reach_the_figures_they_state(real_data):
    photographs = birds.list_photographs(str(real_data / "CUB_200_2011"))
    found = [photograph for photograph in photographs if photograph.mask_path]
    report = figures_of("birds_compact.npz", found)
    stated = read_weights(ROOT / "pretrained" / "birds_compact.npz")[0]["figures"]
    for name, figure in stated.items():
        assert report["per_image"][name] == pytest.approx(figure, abs=0.002), name
    cut = figures_of("birds_compact.npz", found, average_flips=True, refine_iterations=10, grabcut_iterations=5)
    figures = (cut["per_image"]["mean_iou"], cut["per_image"]["foreground_iou"])
    assert figures == pytest.approx((0.839, 0.795), abs=0.004)


def test_the_pretrained_pets_reach_what_the_readme_says_on_pets_not_seen():
    found = folder.list_photographs(samples.PETS_IMAGES, boxes_file=samples.PETS_BOXES_UNSEEN,
                                    mask_dir=samples.PETS_MASKS)
    report = figures_of("pets_compact.npz", found)
    assert report["per_image"]["mean_iou"] == pytest.approx(0.702, abs=0.002)
    assert report["per_image"]["foreground_iou"] == pytest.approx(0.765, abs=0.002)
    assert report["trivial"]["ellipse"]["mean_iou"] == pytest.approx(0.548, abs=0.002)
