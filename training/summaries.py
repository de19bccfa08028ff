"""What a run tells while it goes on: TensorBoard, the screen, and metrics.json."""

import contextlib
import math
import socket
import sys
import time
from typing import Iterator, Mapping, Optional

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from errors import UserError, first_line
from storage.run_folder import RunFolder
from visualization import tiles


class Recorder:
    """Writes to TensorBoard, a progress bar (on a terminal) or plain lines (otherwise), and `metrics.json`."""

    def __init__(self, run_folder: RunFolder, *, start_step: int, num_steps: int, batch_size: int,
                 screen_keys: Mapping[str, str], is_chief: bool = True) -> None:
        """Opens the event file and the bar.

        Args:
          run_folder: `storage.run_folder.RunFolder`, open.
          start_step: steps done before.
          num_steps: steps in all.
          batch_size: images per step, for the rate.
          screen_keys: dict from a metric's name to its short name on the screen.
          is_chief: whether anything is written and said; of several workers only the chief does.
        """
        self._is_chief = is_chief
        self._folder, self._num_steps, self._batch_size = run_folder, num_steps, batch_size
        self._screen_keys = screen_keys
        if is_chief and start_step:
            self._write_restart(start_step)
        self._writer = (tf.summary.create_file_writer(str(run_folder.path)) if is_chief
                        else tf.summary.create_noop_writer())
        self._metrics = {"last": {}, "best": {}, "warnings": [], **run_folder.read_metrics(), "step": start_step,
                         "num_steps": num_steps}
        self._bar = tqdm(total=num_steps, initial=start_step, unit="step", dynamic_ncols=True,
                         disable=not (is_chief and sys.stderr.isatty()))
        self._window = []
        self._clock = (time.perf_counter(), start_step)

    def _write_restart(self, start_step: int) -> None:
        """Tells TensorBoard to drop what an earlier process wrote of the steps after `start_step`, made again now."""
        now = time.time()
        path = self._folder.path / f"events.out.tfevents.{int(now)}.{socket.gethostname()}"  # before this second's others
        version = tf.compat.v1.Event(wall_time=now, file_version="brain.Event:2")
        start = tf.compat.v1.Event(wall_time=now, step=start_step + 1, session_log=tf.compat.v1.SessionLog(
            status=tf.compat.v1.SessionLog.START))
        try:
            with tf.io.TFRecordWriter(str(path)) as file:
                for event in (version, start, start):  # the first start that TensorBoard sees drops nothing
                    file.write(event.SerializeToString())
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error

    def text(self, name: str, text: str) -> None:
        """Writes a text to TensorBoard, shown as it is."""
        with self._events(step=0):
            tf.summary.text(name, f"```\n{text}\n```")

    def add(self, metrics: dict) -> None:
        """Takes a step's metrics (dict of scalar tensors) into the window; nothing is read from the device yet."""
        self._window.append(metrics)
        self._bar.update(1)

    def close_window(self, step: int) -> dict[str, float]:
        """Ends the window: writes its means to TensorBoard and the screen.

        Args:
          step: steps done.

        Returns:
          dict of means as floats; empty if there was no step since the last call.
        """
        if not self._window:
            return {}
        means = {name: float(tf.reduce_mean(tf.stack([entry[name] for entry in self._window])))
                 for name in self._window[0]}
        now, (before, step_before) = time.perf_counter(), self._clock
        rate = (step - step_before) / max(now - before, 1e-9)
        self._clock, self._window = (now, step), []
        rates = {"rate/steps_per_second": rate, "rate/images_per_second": rate * self._batch_size}
        self.scalars({**means, **rates}, step)
        self._metrics["step"] = step
        shown = "  ".join(f"{short} {means[name]:.3f}" for name, short in self._screen_keys.items() if name in means)
        if self._bar.disable:
            remaining = (self._num_steps - step) / max(rate, 1e-9)
            self.say(f"step {step}/{self._num_steps}  {shown}  {rate:.2f} steps/s  {_clock_time(remaining)} left")
        else:
            self._bar.set_postfix_str(shown)
        return means

    def restart_clock(self, step: int) -> None:
        """Leaves out of the rate what was not a step (panels, evaluation, saving)."""
        self._clock = (time.perf_counter(), step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Writes floats to TensorBoard and keeps them as the last values; what is not finite is kept as null."""
        with self._events(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._metrics["last"].update({name: value if math.isfinite(value) else None for name, value in values.items()})

    def evaluation(self, values: Mapping[str, float], step: int, *, best_by: Optional[str]) -> None:
        """Writes an evaluation's floats; keeps the best of them, by the value named `best_by` if any, apart."""
        self.scalars(values, step)
        self._metrics["evaluated_step"] = step
        best = self._metrics["best"]
        if best_by and (not best or values[best_by] > best[best_by]):
            self._metrics["best"] = {"step": step, **values}
        shown = "  ".join(f"{_short(name)} {value:.3f}" for name, value in values.items())
        self.say(f"step {step}: evaluation: {shown}")

    def panel(self, name: str, panel: np.ndarray, step: int) -> None:
        """Writes a uint8 panel [h, w, 3] as a PNG file of the run and to TensorBoard."""
        if self._is_chief:
            tiles.save_png(panel, self._folder.panel_path(step))
        with self._events(step):
            tf.summary.image(name, panel[tf.newaxis])

    def warn(self, warning: str) -> None:
        """Says a warning on the screen, in TensorBoard's texts and in `metrics.json`."""
        self.say(f"warning: {warning}")
        self._metrics["warnings"].append(warning)
        with self._events(self._metrics["step"]):
            tf.summary.text("warnings", warning)

    def say(self, line: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._is_chief:
            tqdm.write(line, file=sys.stdout)
            sys.stdout.flush()

    def write(self) -> None:
        """Brings event files and `metrics.json` up to date.

        Raises:
          UserError: they cannot be written (disk full).
        """
        with self._events():
            self._writer.flush()
        if self._is_chief:
            self._folder.write_metrics(self._metrics)

    def close(self) -> None:
        """Writes and closes everything."""
        self.write()
        self._writer.close()
        self._bar.close()

    @contextlib.contextmanager
    def _events(self, step: Optional[int] = None) -> Iterator[None]:
        """Lets summaries be written to the event file, after `step` steps; raises UserError where they cannot."""
        try:
            with self._writer.as_default(step=step):
                yield
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> UserError:
        """Returns the sentence about an event file that cannot be written."""
        return UserError(f"TensorBoard's event file in {self._folder.path} cannot be written (disk full?): "
                         f"{first_line(error)}")


def _short(name: str) -> str:
    """Returns an evaluation's name for the screen: 'evaluation/x' is 'x', 'evaluation_teacher/x' 'teacher x'."""
    return name.removeprefix("evaluation").lstrip("/_").replace("/", " ")


def _clock_time(seconds: float) -> str:
    """Returns seconds as h:mm:ss."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
