"""Runs a script's main, and ends it in a sentence where what the user gave cannot be used."""

import sys

from absl import app

from errors import UserError
from flags import FLAGS


def run(main, *, positional=False):
    """Parses the flags and runs `main(argv)`; a `UserError` or a failed write ends in one sentence and status 1.

    Args:
      main: the script's main.
      positional: whether it takes arguments that are no flags, before, between and after the flags: `argv[1:]`.
    """

    def guarded(argv):
        if len(argv) > 1 and not positional:
            _fail(f"unexpected argument {argv[1]!r}: every option is a flag, --name=value")
        try:
            return main(argv)
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"{error.filename or 'what is printed cannot be written'}: {error.strerror or error}")

    FLAGS.set_gnu_getopt(positional)  # otherwise flags end at the first argument that is none
    app.run(guarded)


def _fail(sentence):
    """Prints a sentence on standard error and exits with status 1."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)
