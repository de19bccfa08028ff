"""Lists of boxes as people and annotation tools write them, and the pictures that their lines name.

Formats, `boxes_format`:
  xywh: lines 'file x y width height' in pixels; x, y is the top left corner.
  corners: lines 'file x1 y1 x2 y2' in pixels: the top left corner and the bottom right one.
  yolo: shares of the picture's sides, 'centre_x centre_y width height': lines with the file's name before them, or a
    folder with a .txt for each picture, called as the picture, of lines that begin with a class.
  coco: a JSON file of 'images' and 'annotations' with 'bbox', x, y, width, height in pixels.
Pixels are those of the picture after its EXIF rotation.
"""

import collections
import json
import os
import posixpath
import re
import sys
import unicodedata
from typing import Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

from data import box_checks
from data.box_checks import Sides
from data.images import map_in_threads
from data.listings import has_size, name_empty, parse_box, read_lines, read_text, split_line
from data.windows import Box
from errors import UserError
from storage.paths import is_unicode

FORMATS = ("xywh", "corners", "yolo", "coco")
EXPECTED = {
    None: "lines 'name x y width height'", "xywh": "lines 'name x y width height'",
    "corners": "lines 'name x1 y1 x2 y2'", "coco": "a JSON file with 'images' and 'annotations'",
    "yolo": "lines 'name centre_x centre_y width height', or a folder of files of lines "
            "'class centre_x centre_y width height'"}
_LABEL_SUFFIX, _CLASSES = ".txt", "classes.txt"  # of a YOLO folder; the latter lists the classes


class Entry(NamedTuple):
    """One box of a list: where it is written, its picture's name as written there, and its four numbers."""

    where: str
    name: str
    numbers: tuple[float, ...]


class Names:
    """Finds pictures by the names that a list gives them.

    Accents may be composed or decomposed, runs of white space are as good as one space, and './' may stand before.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the pictures' own names."""
        self._by_key = collections.defaultdict(list)
        for name in names:
            self._by_key[name_key(name)].append(name)

    def find(self, written: str, *, where: str) -> Optional[str]:
        """Returns a picture's own name, None where there is none; UserError at `where` it may be one of several."""
        found = self._by_key.get(name_key(written), [])
        if written in found:
            return written
        if len(found) > 1:
            raise UserError(f"{where}: '{written}' may be {' or '.join(map(repr, found))}; rename one of them.")
        return found[0] if found else None


def name_key(name: str) -> str:
    """Returns what is equal for names that a list may take for each other; see `Names`."""
    return posixpath.normpath(re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip())


def read_boxes(path: str, *, images: Mapping[str, str], boxes_format: Optional[str] = None) -> dict[str, list[Box]]:
    """Reads the boxes of some pictures from a list that may be of many more.

    Boxes of other pictures are counted and boxes without size are named, each on standard error, and passed over.

    Args:
      path: the list, or a folder of them for 'yolo'. Blank lines are skipped, and lines that begin with # and name no
        picture.
      images: the pictures' files by their names.
      boxes_format: one of `FORMATS`; None is 'xywh', and refuses what looks like another format, which is warned of
        where the format is named.

    Returns:
      At least one box, x, y, width, height in pixels after EXIF rotation, for each picture that the list names.

    Raises:
      UserError: the list cannot be read, is of another format, or names none of the pictures with a box of some size.
    """
    path = os.fspath(path)
    entries = list(_entries(path, images=images, boxes_format=boxes_format))
    if not entries:
        raise UserError(f"{path} holds no box; expected {EXPECTED[boxes_format]}.")
    box_checks.check_units([entry.numbers for entry in entries], path=path, boxes_format=boxes_format,
                           has_classes=all(entry.name.isdecimal() for entry in entries))
    entries = _of_images(entries, images=images, path=path)
    names = sorted({entry.name for entry in entries})
    # Shares need every picture's sides; the checks are content with those of some.
    chosen = names if boxes_format == "yolo" else names[::max(1, len(names) // box_checks.MOST_CHECKED)]
    sides = dict(zip(chosen, map_in_threads(box_checks.read_sides, [images[name] for name in chosen])))
    box_checks.check_entries([(entry.numbers, sides[entry.name]) for entry in entries if sides.get(entry.name)],
                             path=path, boxes_format=boxes_format)
    boxes, empty = {}, []
    for entry in entries:
        box = _to_box(entry.numbers, boxes_format=boxes_format, sides=sides.get(entry.name))
        if has_size(box):
            boxes.setdefault(entry.name, []).append(box)
        else:
            empty.append(f"{entry.where}: the box of {entry.name} has no size ({_shown(entry.numbers)})")
    name_empty(empty)
    if not boxes:
        raise UserError(f"{path} holds no box of any size for these images; expected {EXPECTED[boxes_format]}.")
    return boxes


def _entries(path: str, *, images: Mapping[str, str], boxes_format: Optional[str]) -> Iterator[Entry]:
    """All boxes of a list, in its order."""
    if boxes_format == "coco":
        return _coco_entries(path)
    if boxes_format == "yolo" and os.path.isdir(path):
        return _label_entries(path, images=images)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; give --boxes_format=yolo if it holds YOLO's .txt files, or give a file.")
    if path.lower().endswith(".json"):
        raise UserError(f"{path} looks like COCO's JSON; give --boxes_format=coco.")
    return _line_entries(path, names=Names(images), expected=EXPECTED[boxes_format].split("'")[1])


def _line_entries(path: str, *, names: Names, expected: str) -> Iterator[Entry]:
    """The boxes of lines 'name a b c d'."""
    for number, text in read_lines(path):
        where = f"{path}, line {number}"
        if text.startswith("#") and names.find((text.rsplit(maxsplit=4) or [text])[0], where=where) is None:
            continue
        name, *fields = split_line(text, num_fields=5, path=path, number=number, expected=expected)
        yield Entry(where, name, parse_box(fields, where=where, expected=expected))


def _label_entries(folder: str, *, images: Mapping[str, str]) -> Iterator[Entry]:
    """The boxes of a YOLO folder, whose files are called as the pictures, below it as these below their folder."""
    owners = {}
    for name in images:
        owners.setdefault(os.path.splitext(name)[0], []).append(name)
    names, expected = Names(owners), "class centre_x centre_y width height"
    for directory, _, files in sorted(os.walk(folder)):
        for file in sorted(files):
            if not file.endswith(_LABEL_SUFFIX) or file == _CLASSES:
                continue
            path = os.path.join(directory, file)
            written = os.path.relpath(path, folder).replace(os.sep, "/").removesuffix(_LABEL_SUFFIX)
            stem = names.find(written, where=path)
            if stem is not None and len(owners[stem]) > 1:
                raise UserError(f"{path} may be of {' or of '.join(owners[stem])}; rename one of them.")
            for number, text in read_lines(path):
                where, fields = f"{path}, line {number}", text.split()
                if len(fields) not in (5, 6):  # 6 with a confidence
                    raise UserError(f"{where}: found '{text}', expected '{expected}'.")
                yield Entry(where, owners[stem][0] if stem is not None else written,
                            parse_box(fields[1:5], where=where, expected=expected))


def _coco_entries(path: str) -> Iterator[Entry]:
    """The boxes of a COCO file's annotations."""
    try:
        content = json.loads(read_text(path))
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        annotations = [(one["image_id"], one["bbox"]) for one in content["annotations"] if one.get("bbox")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no COCO file ({type(error).__name__}: {error}); expected JSON with 'images' (id, "
                        "file_name) and 'annotations' (image_id, bbox).") from error
    for number, (image_id, numbers) in enumerate(annotations, start=1):
        where = f"{path}, annotation {number}"
        if image_id not in names:
            raise UserError(f"{where}: there is no image with the id {image_id!r} in it.")
        yield Entry(where, names[image_id], parse_box(numbers, where=where, expected="bbox: [x, y, width, height]"))


def _of_images(entries: Sequence[Entry], *, images: Mapping[str, str], path: str) -> list[Entry]:
    """The boxes of the pictures, by their own names; how many others there are goes to standard error."""
    names = Names(images)
    found = [entry._replace(name=name) for entry in entries
             if (name := names.find(entry.name, where=entry.where)) is not None]
    if len(found) == len(entries):
        return found
    other = next(entry for entry in entries if names.find(entry.name, where=entry.where) is None)
    if not found:
        hint = f"names are paths below the folder given, or files' names, such as '{min(images, key=len)}'"
        if all(entry.name.isdecimal() for entry in entries):
            hint = "if these are classes, give the folder of YOLO's .txt files, which are called as the pictures"
        elif not is_unicode(other.name):
            hint = "its bytes are no UTF-8; save the list as UTF-8"
        raise UserError(f"{other.where}: there is no image '{other.name}' among the images, nor any other that the "
                        f"list names; {hint}.")
    print(f"{path}: {len(entries) - len(found)} of {len(entries)} boxes are passed over, since their pictures are not "
          f"among those given; the first is of '{other.name}'", file=sys.stderr, flush=True)
    return found


def _to_box(numbers: Sequence[float], *, boxes_format: Optional[str], sides: Optional[Sides]) -> Box:
    """x, y, width, height in pixels, of a pixel where a picture has no sides, since it cannot be read."""
    one, two, three, four = numbers
    if boxes_format == "corners":
        return one, two, three - one, four - two
    if boxes_format == "yolo":
        width, height = sides.shown if sides else (1, 1)
        return (one - three / 2) * width, (two - four / 2) * height, three * width, four * height
    return one, two, three, four


def _shown(numbers: Sequence[float]) -> str:
    """Numbers as text, with a space between each."""
    return " ".join(f"{number:g}" for number in numbers)
