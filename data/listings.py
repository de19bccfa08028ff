"""The text files that list a data set: numbered lines, and the boxes written in them."""

import math
import sys
from typing import Any, Sequence

from data.windows import Box
from errors import UserError

_MOST_NAMED = 5  # boxes without size that are named one by one


def read_text(path: str) -> str:
    """Reads a text file; bytes that are no UTF-8 are kept as in the names of files (`os.fsdecode`).

    Raises:
      UserError: the file is missing or is no text of UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            text = file.read()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}; check the path.") from None
    except OSError as error:
        raise UserError(f"{path} could not be read as UTF-8 text ({error}).") from error
    if "\0" in text:
        raise UserError(f"{path} could not be read as UTF-8 text, since it holds zeros, as UTF-16 and pictures do; "
                        "save it as UTF-8.")
    return text


def read_lines(path: str) -> list[tuple[int, str]]:
    """Reads the lines of a text file that are not blank, stripped, each with its number counted from 1.

    Raises:
      UserError: as `read_text`.
    """
    return [(number, line.strip()) for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]


def split_line(text: str, *, num_fields: int, path: str, number: int, expected: str) -> list[str]:
    """Splits a line on white space from the right, so that only its first field may hold spaces.

    Args:
      text: the line.
      num_fields: how many fields it must have.
      path: its file, for the error message.
      number: its number, for the error message.
      expected: what such a line looks like, for the error message.

    Raises:
      UserError: there are fewer fields.
    """
    fields = text.rsplit(maxsplit=num_fields - 1)
    if len(fields) != num_fields:
        raise UserError(f"{path}, line {number}: found '{text}', expected '{expected}'.")
    return fields


def parse_box(fields: Sequence[Any], *, where: str, expected: str = "x y width height") -> Box:
    """Four fields as finite numbers, of a box that may have no size; UserError at `where` if they are none."""
    try:
        numbers = tuple(float(field) for field in fields)
    except (ValueError, TypeError):
        numbers = ()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        shown = " ".join(map(str, fields)) if isinstance(fields, (list, tuple)) else fields
        raise UserError(f"{where}: found the box '{shown}', expected four numbers as in '{expected}'.")
    return numbers


def has_size(box: Box) -> bool:
    """Says whether a box, x, y, width, height, has a width and a height."""
    return box[2] > 0 and box[3] > 0


def name_empty(sentences: Sequence[str]) -> None:
    """Names boxes without size, which are passed over, on standard error: the first few, and how many more."""
    for sentence in sentences[:_MOST_NAMED]:
        print(f"passed over: {sentence}", file=sys.stderr, flush=True)
    if len(sentences) > _MOST_NAMED:
        print(f"passed over: {len(sentences) - _MOST_NAMED} more boxes without size", file=sys.stderr, flush=True)
