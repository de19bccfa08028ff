"""CelebA in its in-the-wild layout (not aligned), with its boxes."""

import os
from typing import Optional

from data.images import Photograph
from data.listings import parse_box, read_lines, split_line
from data.windows import Box
from errors import UserError

_IMAGES = ("img_celeba", os.path.join("Img", "img_celeba"), os.path.join("Img", "img_celeba.7z", "img_celeba"))
_BOXES = os.path.join("Anno", "list_bbox_celeba.txt")
_PARTITION = os.path.join("Eval", "list_eval_partition.txt")


def list_photographs(data_dir: str) -> list[Photograph]:
    """Lists the data set's photographs in the order of its list of boxes.

    Args:
      data_dir: the folder with `Img/img_celeba/`, as it is unpacked, or `img_celeba/`; with `Anno/list_bbox_celeba.txt`
        and, where there is one, `Eval/list_eval_partition.txt` (without it every image is a training image; validation
        images are not).

    Returns:
      One photograph per line of the list of boxes, none with a mask.

    Raises:
      UserError: a file or an image is missing, a line cannot be read, or the list is not as long as it says.
    """
    boxes_path = os.path.join(data_dir, _BOXES)
    boxes = _read_boxes(boxes_path)
    folders = [os.path.join(data_dir, name) for name in _IMAGES]
    image_dir = next((path for path in folders if os.path.isdir(path)), folders[0])
    partition_path = os.path.join(data_dir, _PARTITION)
    partition = _read_partition(partition_path)
    photographs = []
    for name, box in boxes.items():
        if partition is not None and name not in partition:
            raise UserError(f"{partition_path} has no line for {name}, which {boxes_path} lists.")
        is_training = partition is None or partition[name] == "0"
        photographs.append(Photograph(name, os.path.join(image_dir, name), box, None, is_training))
    missing = [photograph.path for photograph in photographs if not os.path.isfile(photograph.path)]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(photographs)} images listed in {boxes_path} are missing, "
            f"the first {missing[0]}; unpack the in-the-wild images there."
        )
    return photographs


def _read_boxes(path: str) -> dict[str, Box]:
    """{file name: box} of a list whose first line is its length and whose second names the columns."""
    lines = read_lines(path)
    if len(lines) < 3 or not lines[0][1].isdecimal():
        raise UserError(f"{path} should begin with the number of images, then a line of column names.")
    boxes = {}
    for number, text in lines[2:]:
        name, *fields = split_line(text, num_fields=5, path=path, number=number, expected="name x y width height")
        if name in boxes:
            raise UserError(f"{path}, line {number}: {name} stands there twice, expected one box for each image.")
        boxes[name] = parse_box(fields, path=path, number=number)
    if len(boxes) != int(lines[0][1]):
        raise UserError(
            f"{path} says that it lists {lines[0][1]} images and lists {len(boxes)}; replace it or correct line 1."
        )
    return boxes


def _read_partition(path: str) -> Optional[dict[str, str]]:
    """{file name: '0' (training), '1' (validation) or '2' (test)}, or None where there is no such file."""
    if not os.path.isfile(path):
        return None
    partition = {}
    for number, text in read_lines(path):
        name, part = split_line(text, num_fields=2, path=path, number=number, expected="name 0-1-or-2")
        if part not in ("0", "1", "2"):
            raise UserError(f"{path}, line {number}: found the part '{part}', expected 0, 1 or 2.")
        partition[name] = part
    return partition
