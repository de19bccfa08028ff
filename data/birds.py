"""Caltech-UCSD Birds 200-2011 (CUB-200-2011) in its own layout."""

import os
import sys
from typing import Mapping, Optional

from data.images import Photograph
from data.listings import has_size, name_empty, parse_box, read_lines, split_line
from errors import UserError


def list_photographs(data_dir: str, *, split_file: Optional[str] = None) -> list[Photograph]:
    """Lists the data set's photographs in the order of `images.txt`, with their boxes.

    Args:
      data_dir: the folder CUB_200_2011, or the folder that holds it. It has `images.txt`, `bounding_boxes.txt` and
        `images/`. Without `train_test_split.txt` every image is a training image. Masks, if there are any, are in
        `segmentations/`, which may also be beside the folder, where its own archive unpacks it.
      split_file: a text file to read instead of `train_test_split.txt`, whose lines name the test images by their ids or
        files' names; or lines 'id 0-1-or-2' of training, validation and test images, as ReDO's (Chen et al. 2019).
        Validation images count as training images. None: there is none.

    Returns:
      One photograph per line of `images.txt`; `mask_path` only where the file exists.

    Raises:
      UserError: a file or an image is missing, a line cannot be read, or an image has no box.
    """
    inner = os.path.join(data_dir, "CUB_200_2011")
    root = inner if os.path.isdir(inner) else data_dir
    names_path = os.path.join(root, "images.txt")
    if not os.path.isfile(names_path):
        raise UserError(f"{data_dir} holds neither images.txt nor CUB_200_2011; give the unpacked CUB-200-2011 folder.")
    names = _read_table(names_path, expected="id class/file.jpg")
    boxes_path = os.path.join(root, "bounding_boxes.txt")
    boxes = _read_table(boxes_path, expected="id x y width height")
    split_path = split_file or os.path.join(root, "train_test_split.txt")
    split = _read_split_file(split_path, names) if split_file else _read_split(split_path)
    photographs, empty = [], []
    for image_id, (number, name) in names.items():
        if image_id not in boxes:
            raise UserError(f"{boxes_path} has no box for image {image_id} ({names_path}, line {number}).")
        if split is not None and image_id not in split:
            raise UserError(f"{split_path} has no line for image {image_id} ({name}).")
        box_number, box_text = boxes[image_id]
        box = parse_box(box_text.split(), where=f"{boxes_path}, line {box_number}")
        if not has_size(box):
            empty.append(f"{boxes_path}, line {box_number}: the box of {name} has no size ({box_text})")
            continue
        path = os.path.join(root, "images", *name.split("/"))
        is_training = split is None or split[image_id]
        photographs.append(Photograph(name, path, box, _find_mask(root, name), is_training))
    name_empty(empty)
    if not photographs:
        raise UserError(f"{boxes_path} holds no box of any size.")
    _check_images_exist(photographs, names_path=names_path)
    return photographs


def _read_table(path: str, *, expected: str) -> dict[str, tuple[int, str]]:
    """Lines 'id rest' as {id: (line number, rest)}; UserError for an empty file, a line without rest, an id twice."""
    table = {}
    for number, text in read_lines(path):
        image_id, *rest = text.split(maxsplit=1)
        if not rest or image_id in table:
            problem = "the id stands there twice" if rest else "nothing follows the id"
            raise UserError(f"{path}, line {number}: found '{text}', expected '{expected}'; {problem}.")
        table[image_id] = (number, rest[0])
    if not table:
        raise UserError(f"{path} is empty; expected lines '{expected}'.")
    return table


def _read_split(path: str) -> Optional[dict[str, bool]]:
    """{image id: whether it is a training image}, or None where there is no such file."""
    if not os.path.isfile(path):
        return None
    split = {}
    for number, text in read_lines(path):
        image_id, is_training = split_line(text, num_fields=2, path=path, number=number, expected="id 0-or-1")
        if is_training not in ("0", "1"):
            raise UserError(f"{path}, line {number}: found '{text}', expected 'id 1' (training) or 'id 0' (test).")
        split[image_id] = is_training == "1"
    return split


def _read_split_file(path: str, names: Mapping[str, tuple[int, str]]) -> dict[str, bool]:
    """{image id: whether it is no test image} of a list of test images, or of lines that end in 0, 1 and 2."""
    lines = [text for _, text in read_lines(path)]
    ends = [text.rpartition(" ")[2] for text in lines]
    if lines and all(end in ("0", "1", "2") and end != text for text, end in zip(lines, ends)):
        if "2" not in ends:
            raise UserError(f"{path} has no line that ends in 2, the mark of test images; leave it out where it is the "
                            "data set's own train_test_split.txt.")
        return {text.split(maxsplit=1)[0]: end != "2" for text, end in zip(lines, ends)}
    ids = {name: image_id for image_id, (_, name) in names.items()}
    known = {**{os.path.basename(name): image_id for name, image_id in ids.items()}, **ids,
             **{image_id: image_id for image_id in names}}
    chosen = {known[text] for text in lines if text in known}
    if not chosen:
        raise UserError(f"{path} names no image of the data set; expected an image's id or file name in each line, or "
                        "lines 'id 0-1-or-2'.")
    if len(chosen) < len(lines):
        print(f"passed over: {len(lines) - len(chosen)} lines of {path} that name no image of the data set, or one again",
              file=sys.stderr, flush=True)
    return {image_id: image_id not in chosen for image_id in names}


def _find_mask(root: str, name: str) -> Optional[str]:
    """The mask's path in `segmentations/`, within the data set's folder or beside it; None where there is none."""
    relative = os.path.join("segmentations", *os.path.splitext(name)[0].split("/")) + ".png"
    candidates = (os.path.join(root, relative), os.path.join(os.path.dirname(os.path.abspath(root)), relative))
    return next((path for path in candidates if os.path.isfile(path)), None)


def _check_images_exist(photographs: list[Photograph], *, names_path: str) -> None:
    """Raises UserError saying how many of the listed images are missing on disk, and the first of them."""
    missing = [photograph.path for photograph in photographs if not os.path.isfile(photograph.path)]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(photographs)} images listed in {names_path} are missing, "
            f"the first {missing[0]}; unpack the images, or list only those present."
        )
