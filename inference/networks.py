"""Segmentation networks that were trained before: from run folders and weights files."""

import dataclasses
import os
from typing import Callable, NamedTuple, Optional, Sequence, Union

import tensorflow as tf

import config
from errors import UserError, first_line
from extensions.ensemble import Ensemble
from extensions.resized import Resized
from models.unet import build_unet
from storage import checkpoint, run_folder
from storage.weights import assign_weights, read_weights

Path = Union[str, os.PathLike]


class LoadedNetwork(NamedTuple):
    """A segmentation network that was trained before.

    Attributes:
      network: images float32 [B, S, S, 3] in [0, 1] to soft masks [B, S, S, 1], called with `training`.
      image_size: side in pixels of the crops it was trained on.
      crop: their crop mode.
      flags: values of its run's flags, as text by name.
      area_constant: `a` of Eq. (7) that it was trained with, or None where its run does not say.
      description: where it came from, for people.
    """

    network: Callable[..., tf.Tensor]
    image_size: int
    crop: str
    flags: dict[str, str]
    area_constant: Optional[float]
    description: str


def inherited_flags(loaded: LoadedNetwork, photographs: config.Photographs) -> dict[str, str]:
    """Returns the values, as text by flags' names, of data flags that were not given: those of the network's run.

    Args:
      loaded: the network.
      photographs: what was given, None where nothing was.
    """
    names = [field.name for field in dataclasses.fields(photographs)]
    given = {name for name in names if getattr(photographs, name) is not None}
    values = {"split": "all", "crop": loaded.crop, "image_size": str(loaded.image_size), **loaded.flags}
    if not {"dataset", "images"} & set(values):  # the run was on the bundled photographs of its time
        values["dataset"] = "pets" if loaded.flags else "airplanes"
    if given & {"dataset", "data_dir", "images"}:  # other photographs: how they are cropped alone is the network's
        names = ["split", "crop", "image_size"]
    return {name: values[name] for name in names if name not in given and name in values}


def load_network(*, run_dir: Optional[Path] = None, weights: Optional[Path] = None) -> LoadedNetwork:
    """Loads the network of a run's last checkpoint, or of a weights file.

    Of a distillation it is the student's, and the average where there is one.

    Args:
      run_dir: run folder, or None.
      weights: weights file, or None; just one of the two is given.

    Raises:
      UserError: both or none are given, or what is given is missing, broken, or of another task.
    """
    if bool(run_dir) == bool(weights):
        raise UserError("give either --run_dir, a run folder, or --weights, a weights file.")
    return _from_weights(weights) if weights else _from_run(run_dir)


def _from_weights(path: Path) -> LoadedNetwork:
    """Loads the network of a weights file."""
    metadata, arrays = read_weights(path)
    if metadata.get("network") != "unet":
        raise UserError(f"{path} holds a {metadata.get('network')!r}, expected a 'unet', as foreground runs and "
                        "distillations write it.")
    try:
        size, crop, width = int(metadata["image_size"]), metadata["crop"], float(metadata["width"])
        network = build_unet(width=width, size=size)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say how its network is used ({first_line(error)}); expected the weights.npz "
                        "of a run of train_fg.py or distill.py.") from error
    assign_weights(network, arrays, path=path)
    return LoadedNetwork(network, size, crop, run_folder.parse_flags(metadata.get("flags", {}).values()),
                         metadata.get("area_constant"), f"{path} (step {metadata.get('num_steps')})")


def _from_run(path: Path) -> LoadedNetwork:
    """Loads the network of a run's last checkpoint."""
    values = run_folder.read_flags(path)
    if "image_size" not in values:
        raise UserError(f"{path} is the folder of another task; expected one of train_fg.py or distill.py.")
    name, width = ("student", "student_width") if "student_width" in values else ("generator", "generator_width")
    try:
        if float(values.get(f"{name}_average", 0)):
            name = f"{name}_average"
        size, crop = int(values["image_size"]), values["crop"]
        network = build_unet(width=float(values[width]), size=size)
        area = float(values["area_constant"]) if "area_constant" in values else None
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} does not say how its network is used: in its {run_folder.FLAGS_FILE} a flag is "
                        f"missing or wrong ({first_line(error)}).") from error
    step = checkpoint.restore_network(run_folder.RunFolder(path).checkpoint_dir, network, name=name)
    return LoadedNetwork(network, size, crop, values, area, f"{path} (step {step})")


def at_size(loaded: LoadedNetwork, image_size: Optional[int]) -> LoadedNetwork:
    """Returns the network for crops of `image_size` pixels, resized by `extensions.resized`; None is its own size."""
    if image_size in (None, loaded.image_size):
        return loaded
    return loaded._replace(network=Resized(loaded.network, size=loaded.image_size), image_size=image_size,
                           description=f"{loaded.description} on crops of {loaded.image_size} pixels")


def load_networks(paths: Sequence[Path]) -> LoadedNetwork:
    """Loads one network, or several as one whose masks are the mean of theirs.

    Args:
      paths: run folders and weights files, at least one.

    Returns:
      The network; flags and area constant are the first one's.

    Raises:
      UserError: as `load_network`, and if they were trained on crops of another size or kind.
    """
    loaded = [load_network(**{"run_dir" if os.path.isdir(path) else "weights": path}) for path in paths]
    first = loaded[0]
    for path, other in zip(paths, loaded):
        if (other.image_size, other.crop) != (first.image_size, first.crop):
            raise UserError(f"{path} takes crops '{other.crop}' of {other.image_size} pixels and {paths[0]} crops "
                            f"'{first.crop}' of {first.image_size}; only networks of the same crops can be averaged.")
    if len(loaded) == 1:
        return first
    return first._replace(network=Ensemble([one.network for one in loaded]),
                          description=" and ".join(one.description for one in loaded))
