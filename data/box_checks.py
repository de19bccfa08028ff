"""Says by the numbers in a list of boxes, and the pictures' sides, whether the list is of another format."""

import sys
from typing import NamedTuple, Optional, Sequence

from PIL import Image

from errors import UserError

MOST_CHECKED = 500  # pictures whose sides are read
_ORIENTATION = 0x0112  # EXIF's tag
_TIFF_WIDTH, _TIFF_HEIGHT = 0x0100, 0x0101
_TURNED = (5, 6, 7, 8)  # its values by which width and height change places
_SLACK = 0.02  # share of a side that sloppy boxes reach beyond a picture
_FEW, _MANY = 0.1, 0.4  # shares of the boxes


class Sides(NamedTuple):
    """Width and height of a picture in pixels: as stored, and as shown after EXIF rotation."""

    stored: tuple[int, int]
    shown: tuple[int, int]


def read_sides(path: str) -> Optional[Sides]:
    """Reads a picture's sides without decoding it; None where that fails, as decoding will then."""
    try:
        with Image.open(path) as image:
            size = image.size
            if image.format == "TIFF":  # whose `size` is that after rotation in some versions of Pillow
                size = (int(image.tag_v2[_TIFF_WIDTH]), int(image.tag_v2[_TIFF_HEIGHT]))
            try:
                orientation = Image.Image.getexif(image).get(_ORIENTATION)  # PNG's own would decode the picture
            except Exception:  # pylint: disable=broad-exception-caught  # damaged metadata about sound pixels
                orientation = None
    except Exception:  # pylint: disable=broad-exception-caught  # Pillow raises what its decoders raise
        return None
    return Sides(size, size[::-1] if orientation in _TURNED else size)


def check_units(
    numbers: Sequence[Sequence[float]], *, path: str, boxes_format: Optional[str], has_classes: bool
) -> None:
    """Refuses shares of the sides where pixels are expected, and pixels where shares are.

    Args:
      numbers: four of each box.
      path: the list, for the error message.
      boxes_format: as `boxes.read_boxes` takes it.
      has_classes: whether all names are numbers, as the classes in YOLO's files.
    """
    largest = max(map(max, numbers))
    if boxes_format == "yolo" and largest > 1 + _SLACK:
        raise UserError(f"{path} holds {largest:g}, and YOLO's boxes are shares of the sides, at most 1; give pixels "
                        "with --boxes_format=xywh or corners.")
    if boxes_format == "yolo":
        beyond = sum(not _fits((x - width / 2, y - height / 2, width, height), (1, 1), slack=_SLACK)
                     for x, y, width, height in numbers)
        if beyond and beyond >= _MANY * len(numbers):
            print(f"warning: {path} looks like shares whose x and y are no centres: {beyond} of {len(numbers)} boxes "
                  "reach beyond their pictures.", file=sys.stderr, flush=True)
    if boxes_format != "yolo" and 0 < largest <= 1:
        what = ("lines 'class centre_x centre_y width height' of YOLO; give the folder of such files as --boxes, and "
                "--boxes_format=yolo") if has_classes else (
                    "shares of the sides; give --boxes_format=yolo if x and y are the boxes' centres, else multiply "
                    "them by the sides")
        raise UserError(f"{path} holds no number above 1, and boxes are in pixels; it looks like {what}.")


def check_entries(boxes: Sequence[tuple[Sequence[float], Sides]], *, path: str, boxes_format: Optional[str]) -> None:
    """Compares boxes with their pictures' sides; refuses what looks like another format, or warns of it.

    Args:
      boxes: four numbers of each box, with its picture's sides.
      path: the list, for the sentence.
      boxes_format: as `boxes.read_boxes` takes it; where it is named, a doubt is a warning.
    """
    if boxes_format == "yolo":
        return
    doubt, is_certain = (None, False) if boxes_format in ("corners", "coco") else _corners(boxes)
    if boxes_format == "corners":
        _refuse_without_size(boxes, path=path)
        boxes = [((one, two, three - one, four - two), sides) for (one, two, three, four), sides in boxes]
    if doubt is None:
        doubt, is_certain = _before_rotation(boxes), True
    if doubt is None:
        return
    if is_certain and boxes_format is None:
        raise UserError(f"{path} {doubt}. Give --boxes_format=xywh to use it as it is.")
    print(f"warning: {path} {doubt}.", file=sys.stderr, flush=True)


def _refuse_without_size(boxes: Sequence[tuple[Sequence[float], Sides]], *, path: str) -> None:
    """Refuses corners of which the second is mostly not right of and below the first."""
    count = sum(three <= one or four <= two for (one, two, three, four), _ in boxes)
    if count and count >= _MANY * len(boxes):
        raise UserError(f"{path} looks like x y width height: as corners, {count} of {len(boxes)} boxes that were "
                        "checked have no size; give --boxes_format=xywh.")


def _corners(boxes: Sequence[tuple[Sequence[float], Sides]]) -> tuple[Optional[str], bool]:
    """Says that boxes look like corners, since all would be in the pictures and as x y width height some are not.

    It is certain where many are not. Many that end just at the pictures' bottom right corners are a doubt, too.
    """
    inner = [(numbers, sides) for numbers, sides in boxes if min(numbers[:2]) > 0]  # others are the same either way
    if not inner or not all(one < three and two < four and _fits((one, two, three - one, four - two), sides.shown)
                            for (one, two, three, four), sides in boxes):
        return None, False
    beyond = sum(not _fits(numbers, sides.shown) for numbers, sides in boxes)
    ending = sum(one + three >= sides.shown[0] and two + four >= sides.shown[1]
                 for (one, two, three, four), sides in inner)
    text = (f"looks like corners, x1 y1 x2 y2: as x y width height, {{}} of {len(boxes)} boxes that were checked {{}}; "
            "give --boxes_format=corners")
    if beyond and beyond >= _FEW * len(boxes):
        return text.format(beyond, "reach beyond their pictures"), beyond >= _MANY * len(boxes)
    if ending and ending >= _MANY * len(boxes):
        return text.format(ending, "end in the picture's bottom right corner or beyond"), False
    return None, False


def _before_rotation(boxes: Sequence[tuple[Sequence[float], Sides]]) -> Optional[str]:
    """Says that boxes are of the stored pixels, if those of turned pictures fit these and not what is shown."""
    turned = [(numbers, sides) for numbers, sides in boxes if sides.stored != sides.shown]
    beyond = sum(not _fits(numbers, sides.shown) for numbers, sides in turned)
    if not beyond or beyond < _FEW * len(turned):
        return None
    if not all(_fits(numbers, sides.stored) for numbers, sides in turned):
        return None
    return (f"looks like boxes on the stored pixels, before EXIF rotation: {beyond} of {len(turned)} boxes of turned "
            "pictures reach beyond them; boxes are in pixels after it. Save the pictures turned, without EXIF "
            "orientation, and box them again")


def _fits(box: Sequence[float], sides: tuple[int, int], *, slack: float = 1.0) -> bool:
    """Says whether a box, x y width height, lies in a picture of these sides, up to 2 % of them and `slack`."""
    return all(start >= -slack - _SLACK * side and start + length <= side + slack + _SLACK * side
               for start, length, side in zip(box[:2], box[2:], sides))
