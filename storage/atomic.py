"""Writes files whole or not at all."""

import contextlib
import os
import pathlib
import zlib
from typing import Iterable, Mapping, Union

from errors import UserError


def refuse_inputs(inputs: Iterable[str], *, written: Iterable[str]) -> None:
    """Raises UserError where one of the files that are read is one that will be written; it names the file as given."""
    written = set(map(os.path.realpath, written))
    for path in inputs:
        if os.path.realpath(path) in written:
            raise UserError(f"{path}, which is to be read, would be overwritten; give another --out.")


def write(path: Union[str, os.PathLike], content: Union[bytes, str], *, durable: bool = True) -> pathlib.Path:
    """Writes `content` beside `path` and then renames it, so that neither a kill nor a full disk leaves half a file.

    Args:
      path: the file; its folder is made if need be, and a file that is there is replaced.
      content: bytes, or text to be encoded as UTF-8.
      durable: whether it is on the disk before the function returns, which takes milliseconds; without, the file may be
        empty after a power cut.

    Returns:
      The path.

    Raises:
      UserError: it cannot be written (disk full, no permission); what was there before is then still there.
    """
    write_all({path: content}, durable=durable)
    return pathlib.Path(path)


def write_all(contents: Mapping[Union[str, os.PathLike], Union[bytes, str]], *, durable: bool = True) -> None:
    """Writes several files as `write` does, and renames them when the last is written: all are replaced, or none.

    Args:
      contents: what `write` takes, by path.
      durable: as for `write`.

    Raises:
      UserError: one cannot be written; what was there before is then still there.
    """
    partials = {}
    path = None
    try:
        for path, content in contents.items():
            path = pathlib.Path(path)
            partials[path] = _partial(path)
            _write(partials[path], content, durable=durable)
        for path, partial in partials.items():
            os.replace(partial, path)
    except OSError as error:
        for partial in partials.values():
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def _partial(path: pathlib.Path) -> pathlib.Path:
    """Names the file that becomes `path`."""
    name = zlib.crc32(os.fsencode(path.name))  # shorter than the file's own, which may leave no room for a suffix
    return path.with_name(f".{name:08x}.{os.getpid()}.partial")


def _write(path: pathlib.Path, content: Union[bytes, str], *, durable: bool) -> None:
    """Writes a file, and its folder where it is missing; through to the disk where it is to be durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
