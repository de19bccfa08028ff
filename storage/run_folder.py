"""Run folders: what a run leaves behind, and whose folder it is."""

import fcntl
import json
import os
import pathlib
import platform
from importlib import metadata
from typing import Any, Collection, Iterable, Mapping, Optional, Union

from errors import UserError
from flag_help import with_new_name
from storage import atomic
from storage.paths import check_path, is_unicode

FLAGS_FILE, VERSIONS_FILE, METRICS_FILE = "flags.txt", "versions.json", "metrics.json"
DATA_FILE = "data.txt"  # fingerprint of what is trained on
# Flags that name files: the same file may be written in several ways, and the same pictures may have been moved.
PATHS = ("data_dir", "images", "boxes", "masks", "split_file", "backgrounds", "image", "teacher", "initial_weights")
MOVABLE_PATHS = ("data_dir", "images", "boxes", "masks", "split_file", "backgrounds", "image")
PACKAGES = ("tensorflow", "tensorflow-addons", "keras", "numpy", "pillow", "absl-py", "tqdm")


class RunFolder:
    """A folder that explains one run and can repeat it.

    It holds `flags.txt` (a flagfile), `versions.json`, `data.txt` (what is trained on), `metrics.json` (last values,
    the step of the last evaluation, and the best), `checkpoints/`, `panels/step_NNNNNN.png`, TensorBoard's event files,
    `weights/step_NNNNNN.npz` if asked for, and at the end `weights.npz`. Only one process may have it open, and only the run that it
    was made for.

    Attributes:
      path: the folder.
    """

    def __init__(self, path: Union[str, os.PathLike]) -> None:
        """Names the folder; nothing is written before `open`."""
        self.path = pathlib.Path(path)
        self._lock = None
        self._moved = ""  # what to say if the pictures under another path are others

    @property
    def checkpoint_dir(self) -> pathlib.Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def panel_path(self, step: int) -> pathlib.Path:
        """Returns the PNG file of the panel drawn after `step` steps."""
        return self.path / "panels" / f"step_{step:06d}.png"

    def weights_path(self, step: Optional[int] = None) -> pathlib.Path:
        """Returns the weights file of the run's end, or the one of after `step` steps."""
        return self.path / "weights.npz" if step is None else self.path / "weights" / f"step_{step:06d}.npz"

    def open(self, *, flag_lines: Mapping[str, str], changeable: Collection[str],
             default_lines: Optional[Mapping[str, str]] = None) -> None:
        """Makes the folder, or enters the folder of the same run, or of one that left nothing but its flags.

        What such a run's flags were is kept until `record`, which is for the first step that it makes.

        Args:
          flag_lines: a flag's line in a flagfile by its name ('--name=value', or '' where it is None).
          changeable: names of flags that may differ from the folder's (how long, how often), without being another run.
          default_lines: the same of the flags' defaults: a flag that the folder does not name is younger than the run,
            and has its default there. None: it has none there.

        Raises:
          UserError: the folder is another run's (the first flag that differs is named with both values), is no run
            folder but holds files, is in use by another process, or cannot be made. It is refused before it is made, too,
            where its path, or a flag, has characters that checkpoints or `flags.txt` cannot have.
        """
        check_path(self.path)
        for line in flag_lines.values():
            if not is_unicode(line):
                raise UserError(f"{line} holds bytes that are no UTF-8, which {FLAGS_FILE} cannot hold; rename "
                                "the file.")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--run_dir={self.path} cannot be made: {error.strerror}.") from error
        names = {entry.name for entry in self.path.iterdir()} - {".lock"}
        # A folder with nothing else is of a run that never came to its first step.
        begun = FLAGS_FILE in names and names - {FLAGS_FILE, VERSIONS_FILE, DATA_FILE}
        if begun:
            self._check_same_run({**(default_lines or {}), **self.recorded()}, flag_lines, changeable)
        elif names and FLAGS_FILE not in names:
            raise UserError(f"--run_dir={self.path} holds files but no {FLAGS_FILE}, so it is no run folder; "
                            "give an empty or a new one.")
        self._take_lock()
        if not begun:
            (self.path / DATA_FILE).unlink(missing_ok=True)
            self.record(flag_lines)

    def check_data(self, fingerprint: str) -> None:
        """Notes what the run is trained on, or compares it with what was noted.

        A run of before this note has none; then it is noted now.

        Args:
          fingerprint: text that other pictures do not have.

        Raises:
          UserError: the run was begun with other pictures.
        """
        path = self.path / DATA_FILE
        noted = _read(path).strip() if path.exists() else ""
        if noted and noted != fingerprint:
            raise UserError(self._moved or f"{self.path} was begun with other pictures or boxes than its flags name "
                            "now; bring them back, or give another --run_dir.")
        if not noted:
            atomic.write(path, fingerprint + "\n")

    def record(self, flag_lines: Mapping[str, str]) -> None:
        """Writes `flags.txt`, of the flags that the run goes on with (as of `open`), and `versions.json`."""
        atomic.write(self.path / FLAGS_FILE, "".join(f"{line}\n" for line in flag_lines.values() if line))
        atomic.write(self.path / VERSIONS_FILE, json.dumps(_versions(), indent=2) + "\n")

    def recorded(self) -> dict[str, str]:
        """Returns the flags in `flags.txt`, lines by name; those of the last step, whatever this command says.

        Empty where the file is not to be seen: a worker's that is not the chief, on another machine.
        """
        path = self.path / FLAGS_FILE
        return _by_name(_read(path).splitlines()) if path.exists() else {}

    def close(self) -> None:
        """Lets other processes have the folder; the end of the process does so too."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes `metrics.json` from plain values."""
        atomic.write(self.path / METRICS_FILE, json.dumps(metrics, indent=2) + "\n")

    def read_metrics(self) -> dict[str, Any]:
        """Returns what is in `metrics.json`, empty before the first was written; UserError where it is broken."""
        path = self.path / METRICS_FILE
        try:
            metrics = json.loads(_read(path)) if path.exists() else {}
        except ValueError:
            metrics = None
        if not isinstance(metrics, dict):
            raise UserError(f"{path} is broken; remove it, which loses the last values alone, or bring it back.")
        return metrics

    def last_evaluation(self) -> dict[str, float]:
        """Returns the metrics of the last step from `metrics.json`, empty where they are of an earlier step."""
        metrics = self.read_metrics()
        if metrics.get("evaluated_step", metrics.get("step")) != metrics.get("step"):
            return {}
        last = metrics.get("last", {})
        return {name.partition("/")[2]: value for name, value in last.items() if name.startswith("evaluation/")}

    def _check_same_run(self, stored_lines: Mapping[str, str], flag_lines: Mapping[str, str],
                        changeable: Collection[str]) -> None:
        """Refuses flags that differ from those stored, but for the changeable ones."""
        for name, line in flag_lines.items():
            stored = stored_lines.get(name, "")
            if stored == line or name in changeable or (name in PATHS and _resolved(stored) == _resolved(line)):
                continue
            refusal = (f"{self.path} is the folder of another run: its {FLAGS_FILE} says {_one_line(stored, name)}, "
                       f"this command {_one_line(line, name)}; give the same value, or another --run_dir.")
            if not (name in MOVABLE_PATHS and stored and line and (self.path / DATA_FILE).exists()):
                raise UserError(refusal)
            self._moved = refusal  # unless the pictures turn out to be the same

    def _take_lock(self) -> None:
        """Holds the folder until the process ends."""
        self._lock = open(self.path / ".lock", "w", encoding="utf-8")  # pylint: disable=consider-using-with
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{self.path} is in use by another process; wait for it, or give another "
                            "--run_dir.") from error
        except OSError as error:  # some network file systems
            print(f"warning: {self.path} cannot be locked ({error.strerror}); see that no other process uses it.",
                  flush=True)


def read_flags(path: Union[str, os.PathLike]) -> dict[str, str]:
    """Reads a run folder's flags as `parse_flags` returns them; UserError where it is no run folder."""
    check_path(path)
    file = pathlib.Path(path) / FLAGS_FILE
    if not file.exists():
        raise UserError(f"{path} is no run folder: it has no {FLAGS_FILE}; give a folder that train_fg.py, "
                        "train_hoc.py or distill.py wrote, or a weights file.")
    return parse_flags(_read(file).splitlines())


def _read(path: pathlib.Path) -> str:
    """Returns a text file of a run folder; UserError where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is broken: it is no UTF-8 text.") from error


def parse_flags(lines: Iterable[str]) -> dict[str, str]:
    """Returns the values that a flagfile's lines give, by flags' names: text, 'true' and 'false' for switches."""
    values = {}
    for line in lines:
        name, equals, value = line[2:].partition("=")
        if equals:
            values[name] = value
        else:
            values[name[2:] if name.startswith("no") else name] = "false" if name.startswith("no") else "true"
    return values


def _by_name(lines: Iterable[str]) -> dict[str, str]:
    """Returns a flagfile's lines by the flags that they set, old names replaced; a flag that is given twice has two."""
    grouped = {}
    for line in map(with_new_name, lines):
        name, = parse_flags([line])
        grouped[name] = f"{grouped[name]}\n{line}" if name in grouped else line
    return grouped


def _resolved(lines: str) -> list[str]:
    """Returns the absolute paths that a flag's lines name."""
    return [os.path.realpath(os.path.expanduser(line.partition("=")[2])) for line in lines.splitlines()]


def _one_line(lines: str, name: str) -> str:
    """Returns a flag's lines as one, for a sentence."""
    return lines.replace("\n", " ") or f"no --{name}"


def _versions() -> dict[str, Union[str, int, None]]:
    """Returns the versions of Python and of the packages, and the machine's kind."""
    versions = {"python": platform.python_version(), "machine": platform.machine(), "num_cores": os.cpu_count()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions
