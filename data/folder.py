"""Any folder of images, with boxes and masks where the user has them; and any image files and folders together."""

import collections
import os
import sys
from typing import Iterator, NamedTuple, Optional, Sequence

from data.boxes import Names, read_boxes
from data.images import Photograph
from data.windows import Box
from errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff")
# Of images that are not searched for, so that a folder of them is not taken for an empty one.
OTHER_IMAGE_SUFFIXES = (
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga",
    ".ico", ".svg", ".eps", ".psd", ".xcf", ".exr", ".hdr", ".dds", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf",
    ".rw2", ".raf", ".pef", ".srw", ".dcm")
MASK_TABLE = ("masks.csv", "file,width,height,area_fraction,")  # file by which a folder of masks is known, how it begins


class Picture(NamedTuple):
    """An image file and the boxes of the things in it, which may be any.

    Attributes:
      name: its path below the folder that was given, written with '/', or its file name where it was given itself.
      path: the file.
      boxes: at least one box, x y width height in pixels after EXIF orientation; None is the whole picture.
    """

    name: str
    path: str
    boxes: tuple[Optional[Box], ...]


def list_image_files(directory: str, *, recursive: bool = True) -> list[str]:
    """Lists a folder's image files, by their suffix in any case. Those of other suffixes are counted on standard error.

    Args:
      directory: the folder.
      recursive: whether the folders in it are searched too, each once. Hidden files and folders never are, nor are folders
        of masks that this project has written (`inference.mask_folder`).

    Returns:
      Paths below `directory` (joined to it), sorted.

    Raises:
      UserError: the folder is missing or holds no image.
    """
    if not os.path.isdir(directory):
        raise UserError(f"There is no folder {directory}; give a folder of images.")
    paths, seen, others = [], {os.path.realpath(directory)}, collections.Counter()
    for folder, subfolders, files in os.walk(directory, followlinks=True):
        below = sorted(name for name in subfolders if not name.startswith(".") and not _holds_masks(
            os.path.join(folder, name))) if recursive else []
        targets = {name: os.path.realpath(os.path.join(folder, name)) for name in below}
        subfolders[:] = [name for name in below if targets[name] not in seen]  # a link may lead back up
        seen.update(targets.values())
        visible = [name for name in files if not name.startswith(".")]
        paths.extend(os.path.join(folder, name) for name in visible if name.lower().endswith(IMAGE_SUFFIXES))
        suffixes = (os.path.splitext(name)[1].lower() for name in visible)
        others.update(suffix for suffix in suffixes if suffix in OTHER_IMAGE_SUFFIXES)
    left_out = " and ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
    if not paths:
        raise UserError(f"{directory} holds no image{f' but {left_out}' if left_out else ''}; expected files ending in "
                        f"{', '.join(IMAGE_SUFFIXES)}.")
    if left_out:
        print(f"left out of {directory} by their suffix: {left_out}", file=sys.stderr, flush=True)
    return sorted(paths)


def _holds_masks(directory: str) -> bool:
    """Says whether a folder is one of masks and cut-outs, which are no photographs."""
    name, beginning = MASK_TABLE
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False


def list_photographs(
    image_dir: str, *, boxes_file: Optional[str] = None, boxes_format: Optional[str] = None,
    mask_dir: Optional[str] = None, recursive: bool = True, excluded_dir: Optional[str] = None
) -> list[Photograph]:
    """Lists a folder's images as photographs, sorted by name.

    Args:
      image_dir: the folder; a photograph's name is its path below it, written with '/'.
      boxes_file: a list of boxes, as `boxes.read_boxes` reads it. Images without a box are left out; several boxes of
        one image give photographs 'name#1', 'name#2', in the list's order. Without it each photograph is a whole image.
      boxes_format: one of `boxes.FORMATS`, or None.
      mask_dir: a folder of masks named as the images, below it as the images below `image_dir`, with any image suffix
        (.png is preferred). Images without a mask are allowed.
      recursive: whether the folders in `image_dir` are searched too.
      excluded_dir: a folder, of backgrounds for instance, that is passed over where it lies inside `image_dir`, as
        `mask_dir` is.

    Returns:
      At least one photograph; all are training photographs.

    Raises:
      UserError: a folder or file is missing or empty, `read_boxes` cannot read the boxes, masks and images share a
        folder, or no mask belongs to any image.
    """
    if mask_dir is not None and os.path.realpath(mask_dir) == os.path.realpath(image_dir):
        raise UserError(f"{mask_dir} is given for images and for masks; masks need a folder of their own, since they are "
                        "called as their images are.")
    paths = {
        os.path.relpath(path, image_dir).replace(os.sep, "/"): path
        for path in _outside(list_image_files(image_dir, recursive=recursive), (mask_dir, excluded_dir), of=image_dir)
    }
    if not paths:
        raise UserError(f"{image_dir} holds no image but masks and backgrounds.")
    boxes = {name: [None] for name in paths} if boxes_file is None else read_boxes(
        boxes_file, images=paths, boxes_format=boxes_format)
    masks = {} if mask_dir is None else _find_masks(mask_dir, names=paths, image_dir=image_dir)
    photographs = []
    for name in sorted(boxes):
        is_only_one = len(boxes[name]) == 1
        for number, box in enumerate(boxes[name], start=1):
            photograph_name = name if is_only_one else f"{name}#{number}"
            photographs.append(Photograph(photograph_name, paths[name], box, masks.get(os.path.splitext(name)[0])))
    return photographs


def list_pictures(
    inputs: Sequence[str], *, boxes_file: Optional[str] = None, boxes_format: Optional[str] = None,
    excluded_dir: Optional[str] = None
) -> list[Picture]:
    """Lists image files and folders of them, in the order given; none is decoded.

    Args:
      inputs: files, of any suffix, and folders, which are searched as by `list_image_files`.
      boxes_file: as for `list_photographs`; pictures without a box are left out. It may call a file that is given
        itself by any ending of its path. Without it each picture is whole.
      boxes_format: one of `boxes.FORMATS`, or None.
      excluded_dir: a folder that is passed over where it lies inside one of the folders given.

    Returns:
      At least one picture; none is there twice by the same name.

    Raises:
      UserError: nothing is given, a file or folder is missing, a folder holds no image, `read_boxes` cannot read the
        boxes, or the boxes are of pictures of which two have the same name.
    """
    paths = {}
    for given in inputs:
        for name, path in _named_images(given, excluded_dir=excluded_dir):
            paths.setdefault((name, os.path.realpath(path)), path)
    if not paths:
        raise UserError("No picture is given; give image files, or folders of them.")
    if boxes_file is None:
        return [Picture(name, path, (None,)) for (name, _), path in paths.items()]
    owners = {}
    for (name, _), path in paths.items():
        if name in owners:
            raise UserError(f"{boxes_file} cannot tell {owners[name]} from {path}, which are both called '{name}' in "
                            "it; give the folder that holds both, or one after the other.")
        owners[name] = path
    endings = {ending: name for name, path in owners.items() if path in inputs
               for ending in _endings(path) if ending not in owners}
    boxes = read_boxes(boxes_file, boxes_format=boxes_format,
                       images={**owners, **{ending: owners[name] for ending, name in endings.items()}})
    for ending in sorted(set(endings) & set(boxes), key=len):  # the longest is the most exact
        boxes[endings[ending]] = boxes.pop(ending)
    return [Picture(name, path, tuple(boxes[name])) for name, path in owners.items() if name in boxes]


def _endings(path: str) -> list[str]:
    """The endings of a file's whole path that are longer than its name; lists may be of a folder that it is in."""
    parts = os.path.abspath(path).split(os.sep)
    return ["/".join(parts[start:]) for start in range(len(parts) - 1)]


def _named_images(given: str, *, excluded_dir: Optional[str]) -> Iterator[tuple[str, str]]:
    """(name, path) of a file, or of each image in a folder outside `excluded_dir`, if that lies inside the folder."""
    if not given:
        raise UserError("A path given is empty; give image files, or folders of them (is a shell's variable unset?).")
    if not os.path.exists(given):
        raise UserError(f"There is no file or folder {given}; check the path.")
    if not os.path.isdir(given):
        yield os.path.basename(given), given
        return
    for path in _outside(list_image_files(given), (excluded_dir,), of=given):
        yield os.path.relpath(path, given).replace(os.sep, "/"), path


def _outside(paths: list[str], excluded_dirs: Sequence[Optional[str]], *, of: str) -> list[str]:
    """The files that are in none of some folders, of which those count that lie inside the folder `of`."""
    whole, *excluded = (os.path.join(os.path.realpath(directory), "") for directory in (of, *filter(None, excluded_dirs)))
    inner = tuple(one for one in excluded if one != whole and one.startswith(whole))
    return [path for path in paths if not os.path.realpath(path).startswith(inner)] if inner else paths


def _find_masks(mask_dir: str, *, names: dict[str, str], image_dir: str) -> dict[str, str]:
    """{image name without suffix: mask path} for the images that have a mask; UserError if none has."""
    stems, masks = Names({os.path.splitext(name)[0] for name in names}), {}
    for path in list_image_files(mask_dir):
        stem, suffix = os.path.splitext(os.path.relpath(path, mask_dir).replace(os.sep, "/"))
        owner = stems.find(stem, where=path)
        if owner is not None and (owner not in masks or suffix.lower() == ".png"):
            masks[owner] = path
    if not masks:
        raise UserError(
            f"None of the masks in {mask_dir} has the name of an image in {image_dir}; "
            "a mask is called as its image, up to the suffix."
        )
    return masks
