"""Finds and loads the photographs and backgrounds that the scripts' flags name, whatever their layout."""

from typing import NamedTuple, Optional

import numpy as np

import config
from data import backgrounds as pools
from data import birds, decoding, faces, folder, samples
from data import images as image_files
from data import masks as reference_masks
from data.images import Photograph
from errors import UserError

PAPER_AREA = 0.25  # Table 3
# Area constants of the bundled photographs: by eye, and as measured on masks (samples/ATTRIBUTION.md).
BUNDLED_AREAS = {"airplanes": 0.36, "pets": 0.62}
OLD_NAMES = {"samples": "pets"}  # of data sets


class TrainingData(NamedTuple):
    """What training on photographs needs.

    Attributes:
      crops: uint8 [n, S, S, 3].
      masks: dict from the index of a labelled photograph to its mask, uint8 [S, S, 1] of 0, 1 and
        `codings.IGNORED`; for evaluation alone.
      photographs: the n `Photograph`s.
      pool: the backgrounds.
    """

    crops: np.ndarray
    masks: dict
    photographs: list
    pool: pools.BackgroundPool

    @property
    def names(self) -> list[str]:
        """The photographs' n names."""
        return [photograph.name for photograph in self.photographs]

    def fingerprint(self) -> str:
        """Returns a text that other crops and backgrounds do not have, whatever their files are called."""
        return image_files.fingerprint(self.crops, self.pool.pixels.numpy(), self.pool.sizes.numpy())


def dataset_name(*, dataset: Optional[str], images: Optional[str]) -> str:
    """Returns the data set's name: as given, else 'folder' if a folder of images is given, else 'airplanes'."""
    return OLD_NAMES.get(dataset, dataset) or ("folder" if images else "airplanes")


def list_photographs(*, dataset: Optional[str], data_dir: Optional[str], images: Optional[str], boxes: Optional[str],
                     masks: Optional[str], split: str, boxes_format: Optional[str] = None,
                     backgrounds: Optional[str] = None, split_file: Optional[str] = None) -> list[Photograph]:
    """Lists the photographs that the flags of the same names ask for.

    Args:
      dataset: 'airplanes', 'pets', 'birds', 'faces' or 'folder', or None for what `dataset_name` says.
      data_dir: folder of the data set, for birds and faces.
      images: folder of images, for 'folder'.
      boxes: list of boxes, for 'folder', or None.
      masks: folder of masks, for 'folder', or None.
      split: 'all', 'train' or 'test'.
      boxes_format: how boxes are written, one of `boxes.FORMATS`, or None.
      backgrounds: as for `load_backgrounds`; its pictures are no photographs of 'folder', wherever they lie.
      split_file: which photographs are of the test split, for birds (`birds.list_photographs`), or None.

    Returns:
      At least one photograph.

    Raises:
      UserError: a flag is missing or does not go with the data set, files are missing or broken, or none is left.
    """
    name = dataset_name(dataset=dataset, images=images)
    for flag, value, owners in (("data_dir", data_dir, ("birds", "faces")), ("images", images, ("folder",)),
                                ("boxes", boxes, ("folder",)), ("boxes_format", boxes_format, ("folder",)),
                                ("masks", masks, ("folder",)), ("split_file", split_file, ("birds",))):
        if value and name not in owners:
            raise UserError(f"--{flag} does not go with --dataset={name}, but with {' and '.join(owners)}.")
    if name in ("birds", "faces") and not data_dir:
        raise UserError(f"--dataset={name} needs --data_dir, the folder of the data set.")
    if name == "folder" and not images:
        raise UserError("--dataset=folder needs --images, a folder of images.")
    if boxes_format and not boxes:
        raise UserError("--boxes_format says how --boxes are written, and none are given; give them, or leave it out.")
    if name == "airplanes":
        found = folder.list_photographs(samples.AIRPLANES_IMAGES, boxes_file=samples.AIRPLANES_BOXES)
    elif name == "pets":
        found = folder.list_photographs(samples.PETS_IMAGES, boxes_file=samples.PETS_BOXES, mask_dir=samples.PETS_MASKS)
    elif name == "folder":
        found = folder.list_photographs(images, boxes_file=boxes, boxes_format=boxes_format, mask_dir=masks,
                                        excluded_dir=backgrounds)
    elif name == "birds":
        found = birds.list_photographs(data_dir, split_file=split_file)
    else:
        found = faces.list_photographs(data_dir)
    chosen = [photograph for photograph in found if split == "all" or photograph.is_training == (split == "train")]
    if not chosen:
        raise UserError(f"--split={split} leaves none of the {len(found)} photographs; use --split=all.")
    return chosen


def load_backgrounds(*, backgrounds: Optional[str], dataset: str, photographs: list[Photograph], size: int,
                     crop_mode: str) -> pools.BackgroundPool:
    """Loads the background pictures that `--backgrounds` asks for.

    Args:
      backgrounds: folder, 'outside_boxes', 'box_windows', or None: with the bundled pets the bundled backgrounds, with the
        bundled airplanes 'box_windows'.
      dataset: the data set's name.
      photographs: the photographs, for 'outside_boxes' and 'box_windows'.
      size: side of the patches in pixels.
      crop_mode: 'box' or 'square', for 'box_windows'.

    Returns:
      The pool.

    Raises:
      UserError: none is named, or it cannot be used.
    """
    if backgrounds == "outside_boxes":
        return pools.outside_boxes(photographs, patch_size=size)
    if backgrounds == "box_windows" or (backgrounds is None and dataset == "airplanes"):
        return pools.box_windows(photographs, patch_size=size, crop_mode=crop_mode)
    if backgrounds is None and dataset != "pets":
        raise UserError(f"--dataset={dataset} needs --backgrounds: a folder of photographs without the category, or "
                        "'outside_boxes' or 'box_windows'.")
    return pools.load_folder(backgrounds or samples.BACKGROUNDS, patch_size=size)


def default_area(dataset: str) -> float:
    """Returns the area constant where none is given: the paper's, or what the bundled photographs need."""
    return BUNDLED_AREAS.get(dataset, PAPER_AREA)


def list_training_photographs(data: config.Data) -> list[Photograph]:
    """Lists the photographs that flags ask for; raises UserError as `list_photographs`."""
    decoding.allow_megapixels(data.max_megapixels)
    return list_photographs(dataset=dataset_name(dataset=data.dataset, images=data.images), data_dir=data.data_dir,
                            images=data.images, boxes=data.boxes, boxes_format=data.boxes_format, masks=data.masks,
                            split=data.split, backgrounds=data.backgrounds, split_file=data.split_file)


def load_training_data(data: config.Data) -> TrainingData:
    """Loads the photographs and backgrounds that flags ask for, and says so in a line.

    Args:
      data: what the flags say; masks of at most `num_evaluation_images` labelled photographs, evenly spread, are loaded.

    Raises:
      UserError: as `list_photographs` and `load_backgrounds`, or a file is broken.
    """
    name, found = dataset_name(dataset=data.dataset, images=data.images), list_training_photographs(data)
    pool = load_backgrounds(backgrounds=data.backgrounds, dataset=name, photographs=found, size=data.image_size,
                            crop_mode=data.crop)
    options = {"size": data.image_size, "crop_mode": data.crop}
    crops = image_files.load_crops(found, **options)
    labelled = [index for index, photograph in enumerate(found) if photograph.mask_path]
    spread = np.unique(np.linspace(0, len(labelled) - 1, min(len(labelled), data.num_evaluation_images)).astype(int))
    labelled = [labelled[place] for place in spread]
    loaded = reference_masks.load_mask_crops([found[index] for index in labelled], **options) if labelled else []
    print(f"{len(found)} photographs ({name}), {len(labelled)} of them with masks for evaluation alone, "
          f"{pool.num_images} background pictures", flush=True)
    return TrainingData(crops, dict(zip(labelled, loaded)), found, pool)
