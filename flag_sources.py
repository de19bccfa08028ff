"""Where the flags of a command come from: those that stand in it, and those that its flagfiles set."""

from typing import Optional, Sequence

from absl import flags as absl_flags

from flag_help import RENAMED

FLAGS = absl_flags.FLAGS
_FLAGFILE = "flagfile"


def in_command(arguments: Sequence[str]) -> dict[str, int]:
    """Returns the flags that stand in a command itself, by their names: the place in it where each stands last.

    Args:
      arguments: `sys.argv`, or the same without the program.
    """
    places = {}
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if (name := _name_of(argument)) and name != _FLAGFILE:
            places[name] = place
    return places


def in_flagfiles(arguments: Sequence[str]) -> list[tuple[int, str, str]]:
    """Returns what a command's flagfiles set, in their order: the flagfile's place in the command, its line's flag, the line.

    Args:
      arguments: `sys.argv`, which has been parsed, so that its flagfiles can be read.
    """
    lines = []
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if _name_of(argument) == _FLAGFILE:
            parts = arguments[place:place + (1 if "=" in argument else 2)]
            lines += [(place, name, line) for line in FLAGS.read_flags_from_files(list(parts)) if (name := _name_of(line))]
    return lines


def overruled(arguments: Sequence[str]) -> Optional[str]:
    """Says which flag of a command is overruled by a flagfile that stands after it, as the last of two values counts.

    Args:
      arguments: as above.

    Returns:
      A sentence without a full stop, or None where there is none.
    """
    given = in_command(arguments)
    for place, name, line in in_flagfiles(arguments):
        if name in FLAGS and not isinstance(FLAGS[name], absl_flags.MultiFlag) and given.get(name, place) < place:
            return f"--{name} stands before a flagfile that sets it, too, and {line} would count; write --{name} after the flagfile"
    return None


def _name_of(argument: str) -> Optional[str]:
    """Returns the present name of the flag that an argument sets, without the 'no' of a switch; None where it is no flag."""
    if not argument.startswith("-") or argument in ("-", "--"):
        return None
    name = argument.lstrip("-").partition("=")[0]
    if name not in FLAGS and name.startswith("no") and name[2:] in FLAGS:
        return name[2:]
    return RENAMED.get(name, name)
