"""The one exception that means: what the user gave cannot be used."""


class UserError(Exception):
    """Something the user gave (a file, a folder, a flag's value) cannot be used.

    Its message is one sentence that says what was found, what was expected and what to do. The scripts print it
    and exit with status 1, without a traceback; see `entry.run`.
    """


def first_line(error):
    """Returns the first line of an error's message, at most 300 characters and without a full stop, for a sentence."""
    return str(error).strip().partition("\n")[0][:300].rstrip(".")
