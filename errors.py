"""The one exception that means: what the user gave cannot be used."""


class UserError(Exception):
    """Something the user gave (a file, a folder, a flag's value) cannot be used.

    Its message is one sentence that says what was found, what was expected and what to do. The scripts print it
    and exit with status 1, without a traceback; see `entry.run`.
    """
