"""Standard streams that never stop a script: closed ones are opened on the null device, broken ones are given up.

A pipe's reader may end (`| tee` at Ctrl-C, `| head`), a terminal may be closed, and a script may be started with
`>&-`. What is printed is lost then, and the work goes on.
"""

import os
import sys
from typing import Any, TextIO

INTERRUPTED = "interrupted"
_NAMES = ("stdin", "stdout", "stderr")


class UnbreakableStream:
    """A text stream that writes to the null device once the stream behind it has failed."""

    def __init__(self, stream: TextIO) -> None:
        """Takes the stream that is written to as long as it works."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text, or drops it where the stream is broken. Returns its length."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """Flushes, if the stream is not broken."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def __getattr__(self, name: str) -> Any:
        """Returns all else of the stream."""
        return getattr(self._stream, name)

    def _give_up(self) -> None:
        """Lets the null device take the stream's place, also for what writes to its descriptor without Python."""
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            descriptor = None
        null = open(os.devnull, "w", encoding="utf-8")  # pylint: disable=consider-using-with
        if descriptor is not None:
            os.dup2(null.fileno(), descriptor)
        self._stream = null


def open_closed() -> None:
    """Opens the standard streams that are closed on the null device, so that no other file gets their descriptors."""
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))


def make_unbreakable() -> None:
    """Lets neither a broken output stream nor a character that its encoding lacks end the script."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, UnbreakableStream):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, UnbreakableStream(stream))


def exit_in_a_line_when_interrupted() -> None:
    """Lets Ctrl-C end the process in a line, not in a traceback, while modules are still being loaded."""
    shown = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print(INTERRUPTED, file=sys.stderr)
        else:
            shown(kind, error, trace)

    sys.excepthook = hook
