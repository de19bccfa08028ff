"""Weights files: the variables of one network and what is needed to use them."""

import io
import json
import os
import zipfile
import zlib
from typing import Any, Mapping, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

from errors import UserError, first_line
from storage import atomic

WEIGHTS_FORMAT = "independence-prior-weights-1"
FLAGS_OF = {"disk_area": "--mask_start=disk and its --area_constant; None: no disk", "disk_elongation": "--mask_start_elongation",
            "disk_logit": "--mask_start_logit"}
Path = Union[str, os.PathLike]
Arrays = dict[str, np.ndarray]
"""Arrays by variables' names."""


def save_weights(path: Path, network: tf.keras.Model, *, metadata: Mapping[str, Any], is_chief: bool = True) -> None:
    """Writes a network's variables and what is needed to use them; readable without pickle.

    Args:
      path: file, usually ending in '.npz'.
      network: built network.
      metadata: plain values: how the network is made, of what run it is, and what was measured.
      is_chief: whether this process, of several, writes; all must read the variables together.

    Raises:
      UserError: it cannot be written.
    """
    arrays = {variable.name: variable.numpy() for variable in network.variables}
    if is_chief:
        write_weights(path, arrays, metadata=metadata)


def write_weights(path: Path, arrays: Arrays, *, metadata: Mapping[str, Any], half_precision: bool = False) -> None:
    """Writes what `save_weights` does, from arrays; see `to_bytes`."""
    atomic.write(path, to_bytes(arrays, metadata=metadata, half_precision=half_precision))


def to_bytes(arrays: Arrays, *, metadata: Mapping[str, Any], half_precision: bool = False) -> bytes:
    """Returns the content of a weights file.

    With half precision, kernels are stored as float16, in half the room. Vectors (biases, and batch normalization's
    parameters, whose variances may be below float16's range) stay float32.
    """
    if half_precision:
        arrays = {name: array.astype(np.float16) if array.ndim > 1 else array for name, array in arrays.items()}
    header = json.dumps({**metadata, "format": WEIGHTS_FORMAT})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{"": np.array(header)}, **arrays)
    return buffer.getvalue()


def read_weights(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Reads the metadata and the arrays of a weights file; UserError where it is missing, broken or of another kind."""
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder, expected a weights file; a run that has ended holds one: "
                        f"{os.path.join(path, 'weights.npz')}.")
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is no weights file: it holds a single array.")
        with loaded as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise UserError(f"weights file {path} does not exist.") from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is no weights file, or a broken one: {first_line(error)}.") from error
    try:
        metadata = json.loads(str(arrays.pop("")))
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} is no weights file of this project: it has no header.") from error
    kind = metadata.get("format") if isinstance(metadata, dict) else None
    if kind != WEIGHTS_FORMAT:
        raise UserError(f"{path} has format {kind!r}, expected {WEIGHTS_FORMAT!r}.")
    if not isinstance(metadata.get("flags", {}), dict):
        raise UserError(f"{path} does not say how its network is used: its header holds no flags by name.")
    return metadata, arrays


def assign_weights(network: tf.keras.Model, arrays: Arrays, *, path: Path) -> None:
    """Puts a weights file's arrays into a built network, all or none.

    Raises:
      UserError: names or shapes differ, and the first that does is named; or a value is not finite.
    """
    variables = {variable.name: variable for variable in network.variables}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise UserError(f"{path} holds values that are not finite numbers; take the weights of another run.")
    for name in sorted(set(variables) | set(arrays)):
        expected = list(variables[name].shape) if name in variables else "nothing"
        got = list(arrays[name].shape) if name in arrays else "nothing"
        if expected != got:
            raise UserError(f"{path} does not fit the network: for {name} it has {got}, expected {expected}.")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype.as_numpy_dtype))


def start_from(path: Path, networks: Sequence[Optional[tf.keras.Model]], **expected: Any) -> None:
    """Gives new networks the weights of a file, so that training starts from them.

    Args:
      path: weights file.
      networks: built networks of one kind; those that are None are passed over.
      **expected: entries of the file's metadata that must be so: `network`, and what else makes two networks of equal
        shapes differ.

    Raises:
      UserError: the file is missing, broken, of another kind of network, or of another width.
    """
    metadata, arrays = read_weights(path)
    for name, value in expected.items():
        if metadata.get(name) != value:
            flags = f" ({FLAGS_OF[name]})" if name in FLAGS_OF else ""
            raise UserError(f"{path} cannot be started from: its {name} is {metadata.get(name)!r}, this run's is "
                            f"{value!r}{flags}.")
    for network in filter(None, networks):
        assign_weights(network, arrays, path=path)
