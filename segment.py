"""Writes masks and cut-outs of the user's own pictures, by a network that was trained before.

    python segment.py --weights=runs/mine/weights.npz my/photographs --out=masks
    python segment.py --weights=runs/mine/weights.npz a.jpg b.jpg --boxes=boxes.txt --out=masks

Arguments are image files and folders; folders are searched recursively. A file that cannot be read is named and passed
over, and the exit status is 1 then. With `--skip_existing` a call that was stopped goes on.
"""

import collections
import os
import sys
from typing import Any, Mapping, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets
from tqdm import tqdm

import config
import errors
from data import decoding, folder
from errors import UserError
from inference.mask_folder import CUTOUT_SUFFIX, MASK_SUFFIX, MaskFolder, finished, is_own_name
from inference.segmenter import Segmenter
from storage import atomic
import tool_config
import tool_flags


def output_stems(pictures: Sequence[folder.Picture]) -> dict[tuple[str, str, Optional[int]], str]:
    """Names what is written of each picture's boxes, as the picture without its suffix.

    Pictures that differ in their suffix alone keep it (`a.jpg_mask.png`), and the boxes of a picture that has several
    are numbered (`a_1_mask.png`).

    Args:
      pictures: list of `folder.Picture`.

    Returns:
      dict from (name, path, box's number or None) to a path without suffix, relative to the folder of the masks.

    Raises:
      UserError: two things would be written to one file.
    """
    same = collections.Counter(os.path.splitext(picture.name)[0] for picture in pictures)
    stems, owners = {}, {}
    for picture in pictures:
        stem = os.path.splitext(picture.name)[0]
        stem = stem if same[stem] == 1 else picture.name
        numbers = [None] if len(picture.boxes) == 1 else range(1, len(picture.boxes) + 1)
        for number in numbers:
            numbered = stem if number is None else f"{stem}_{number}"
            if numbered in owners:
                raise UserError(f"{owners[numbered]} and {picture.path} would both be written as "
                                f"{numbered}{MASK_SUFFIX}; rename one, give the folder that holds both, or give them "
                                "in two calls with an --out each.")
            owners[numbered] = picture.path
            stems[picture.name, picture.path, number] = numbered
    return stems


def check_overwriting(pictures: Sequence[folder.Picture], stems: Mapping[Any, str], *, out: str,
                      boxes: Optional[str] = None) -> None:
    """Raises UserError where something would be written over a picture that is read, or over the file of boxes."""
    inputs = {os.path.realpath(path) for path in (*(picture.path for picture in pictures), *([boxes] if boxes else []))}
    written = [os.path.join(out, stem + suffix) for stem in stems.values() for suffix in (MASK_SUFFIX, CUTOUT_SUFFIX)]
    shared = [path for path in inputs if os.path.dirname(path) == os.path.realpath(out) and is_own_name(os.path.basename(path))]
    atomic.refuse_inputs(sorted(inputs), written=[*written, *shared])


def split_finished(pictures: Sequence[folder.Picture], stems: Mapping[Any, str], *,
                   out: str) -> tuple[list[folder.Picture], list]:
    """Tells the pictures of which everything is in a folder of masks from those that are left.

    Args:
      pictures: list of `folder.Picture`.
      stems: as of `output_stems`.
      out: the folder.

    Returns:
      list of the pictures that are left, and list of the table's rows of the others, as `MaskFolder` keeps them.
    """
    done, left, kept = finished(out), [], []
    for picture in pictures:
        numbers = [None] if len(picture.boxes) == 1 else range(1, len(picture.boxes) + 1)
        rows = [done.get((picture.name, stems[picture.name, picture.path, number])) for number in numbers]
        if all(rows):
            kept.extend(rows)
        else:
            left.append(picture)
    return left, kept


def main(argv: list[str]) -> None:
    """Lists, infers, writes, and says what failed."""
    options = config.from_flags(tool_config.Segmentation)
    inputs, out = argv[1:], options.out
    if any(os.path.isdir(given) and os.path.realpath(given) == os.path.realpath(out) for given in inputs):
        raise UserError(f"--out={out} is a folder of pictures itself, of which masks would be made the next time; "
                        f"give another, such as {os.path.normpath(out)}_masks.")
    if options.boxes_format and not options.boxes:
        raise UserError("--boxes_format says how --boxes are written, and none are given; give them, or leave it out.")
    decoding.allow_megapixels(options.max_megapixels)
    pictures = folder.list_pictures(inputs, boxes_file=options.boxes, boxes_format=options.boxes_format,
                                    excluded_dir=out)
    stems = output_stems(pictures)
    check_overwriting(pictures, stems, out=out, boxes=options.boxes)
    segmenter = Segmenter.from_weights(options.weights, grabcut_iterations=options.grabcut_iterations,
                                       **vars(options.inference))
    left, kept = split_finished(pictures, stems, out=out) if options.skip_existing else (pictures, ())
    if len(left) < len(pictures):
        print(f"{len(pictures) - len(left)} of {len(pictures)} pictures are passed over, whose masks are there",
              flush=True)
    written, failed = MaskFolder(out, kept=kept), set()
    try:
        for found in segmenter.stream(tqdm(left, unit="picture", disable=None), batch_size=options.batch_size):
            stem = stems.get((found.name, found.path, found.number))  # None where all boxes have failed together
            error = found.error
            if not error and not written.has_room(stem):
                error = f"{found.path}: its name leaves no room for {CUTOUT_SUFFIX}; rename it"
            if error:
                failed.add(found.path)
                tqdm.write(f"passed over: {error}", file=sys.stderr)
            else:
                written.add(found, stem=stem)
    except KeyboardInterrupt:
        written.finish()
        raise UserError(f"interrupted; {written.num_masks} masks are in {out}.") from None
    except Exception:
        written.keep_written()
        raise
    written.finish()
    print(f"{written.num_masks} masks are in {out}", flush=True)
    if failed:
        raise UserError(f"{len(failed)} of {len(pictures)} pictures failed, wholly or in a box; they are named above.")


if __name__ == "__main__":
    tool_flags.define_weights()
    flags.define_inference()
    tool_flags.define_segmentation()
    errors.run(main, positional=True)
