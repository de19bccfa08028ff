"""The one exception that means: what the user gave cannot be used; and how scripts end in a sentence."""

import math
import signal
import sys
from typing import Callable, NoReturn, Optional

from absl import app
from absl import flags as absl_flags

import flag_help
import flag_sources
import streams

FLAGS = absl_flags.FLAGS
OUT_OF_MEMORY = "memory does not suffice; lower --batch_size, --image_size or the network's width"


class UserError(Exception):
    """Something the user gave (a file, a folder, a flag's value) cannot be used.

    Its message is one sentence that says what was found, what was expected and what to do. The scripts print it
    and exit with status 1, without a traceback; see `run`.
    """


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, at most 300 characters and without a full stop, for a sentence."""
    return str(error).strip().partition("\n")[0][:300].rstrip(".")


def run(main: Callable[[list[str]], Optional[int]], *, positional: bool = False) -> None:
    """Parses the flags and runs `main(argv)`.

    A `UserError`, a failed write, a flag that is no finite number or that a later flagfile overrules, or too little memory
    ends in one sentence and status 1.
    `--help` lists the flags that the script has in three groups (`flag_help`). In the end the flags are undeclared, so
    that a process can run several scripts, one after another.

    Args:
      main: the script's main.
      positional: whether it takes arguments that are no flags, before, between and after the flags: `argv[1:]`.
    """

    def guarded(argv: list[str]) -> Optional[int]:
        if len(argv) > 1 and not positional:
            _fail(f"unexpected argument {argv[1]!r}: every option is a flag, --name=value")
        if sentence := _mistake_in_flags():
            _fail(sentence)
        if note := flag_help.note_on_renamed():
            print(note, file=sys.stderr)
        try:
            return main(argv)
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            _fail(f"{error.filename or 'what is printed cannot be written'}: {error.strerror or error}")
        except MemoryError:
            _fail(OUT_OF_MEMORY)
        except KeyboardInterrupt:
            print(streams.INTERRUPTED, file=sys.stderr)
            sys.exit(128 + signal.SIGINT)
        except Exception as error:
            if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's, which is not imported here
                _fail(OUT_OF_MEMORY)
            raise

    streams.make_unbreakable()
    for module in ("flags", "cluster_flags", "tool_flags"):  # what these modules have declared is this script's
        for flag in FLAGS.get_key_flags_for_module(module):
            FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    names = [flag.name for flag in FLAGS.get_key_flags_for_module(sys.argv[0])]
    try:
        if {"--help", "-help", "--helpshort", "-?"} & set(sys.argv[1:]):
            print(f"{sys.modules['__main__'].__doc__}\n{flag_help.help_text(names)}")
            sys.exit(0)
        FLAGS.set_gnu_getopt(positional)  # otherwise flags end at the first argument that is none
        app.run(guarded)
    finally:  # a notebook, for instance, runs several scripts in one process, each of which declares its flags
        for name in names:
            delattr(FLAGS, name)


def _mistake_in_flags() -> Optional[str]:
    """Returns a sentence about a flag that is no finite number, or that a later flagfile overrules, or None."""
    for name, value in FLAGS.flag_values_dict().items():
        if isinstance(value, float) and not math.isfinite(value):
            return f"--{name}={value} is no finite number; give one"
    return flag_sources.overruled(sys.argv)


def _fail(sentence: str) -> NoReturn:
    """Prints a sentence on standard error and exits with status 1."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)
