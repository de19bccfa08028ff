"""The text files that list a data set: numbered lines, and the boxes written in them."""

import math
from typing import Sequence

from data.windows import Box
from errors import UserError


def read_lines(path: str) -> list[tuple[int, str]]:
    """Reads the lines of a text file that are not blank, stripped, each with its number counted from 1.

    Raises:
      UserError: the file is missing or is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return [(number, line.strip()) for number, line in enumerate(file, start=1) if line.strip()]
    except FileNotFoundError:
        raise UserError(f"There is no file {path}; check the folder given.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} could not be read as UTF-8 text ({error}).") from error


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


def parse_box(fields: Sequence[str], *, path: str, number: int) -> Box:
    """Four fields, x y width height in pixels, as a box of positive size; UserError naming the line if they are not."""
    try:
        x, y, width, height = (float(field) for field in fields)
    except ValueError:
        x = y = width = height = math.nan
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise UserError(
            f"{path}, line {number}: found the box '{' '.join(fields)}', "
            "expected four numbers x y width height in pixels, with width and height above 0."
        )
    return x, y, width, height
