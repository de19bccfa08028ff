"""Packages that counting alone needs, and that the other commands do without."""

import importlib
from types import ModuleType

from errors import UserError


def load(name: str) -> ModuleType:
    """Imports a module of a package in `requirements-count.txt`, or of one that comes with it.

    Args:
      name: dotted, as 'skimage.segmentation'.

    Raises:
      UserError: the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = (error.name or name).partition(".")[0]
        raise UserError(f"Counting needs the package {package}, which is not installed; install it with "
                        "`make count-install`.") from error
