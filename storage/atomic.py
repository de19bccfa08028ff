"""Writes a file whole or not at all."""

import contextlib
import os
import pathlib
import zlib
from typing import Union

from errors import UserError


def write(path: Union[str, os.PathLike], content: Union[bytes, str]) -> pathlib.Path:
    """Writes `content` beside `path` and then renames it, so that neither a kill nor a full disk leaves half a file.

    Args:
      path: the file; its folder is made if need be, and a file that is there is replaced.
      content: bytes, or text to be encoded as UTF-8.

    Returns:
      The path.

    Raises:
      UserError: it cannot be written (disk full, no permission); what was there before is then still there.
    """
    path = pathlib.Path(path)
    name = zlib.crc32(os.fsencode(path.name))  # shorter than the file's own, which may leave no room for a suffix
    partial = path.with_name(f".{name:08x}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
