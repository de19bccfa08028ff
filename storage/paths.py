"""Which paths TensorFlow and files of UTF-8 text can hold; file systems allow more."""

import os
from typing import Union

from errors import UserError

_PATTERN_CHARACTERS = "*?[\\"  # TensorFlow looks for files by patterns, and would find those of other folders, too


def check_path(path: Union[str, os.PathLike]) -> None:
    """Raises UserError where TensorFlow would take a folder's path for a pattern of names, or cannot spell it."""
    text = os.fspath(path)
    found = sorted(set(text) & set(_PATTERN_CHARACTERS))
    if found or not is_unicode(text):
        raise UserError(f"TensorFlow can neither write nor read files in {text}, whose path holds "
                        f"{' and '.join(found) or 'bytes that are no UTF-8'}; rename the folder, or give another.")


def is_unicode(text: str) -> bool:
    """Says whether UTF-8 can hold a text; names of files may be of other bytes."""
    return text == text.encode("utf-8", "replace").decode("utf-8")
