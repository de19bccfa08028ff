"""The one training loop: draw, step, log, panel, evaluate, save, keep weights, stop."""

import contextlib
import pathlib
import signal
import time
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple

import tensorflow as tf

import config
from errors import UserError
from storage.checkpoint import Checkpoints, latest_checkpoint
from storage.run_folder import RunFolder
from storage.weights import save_weights
from training import distribution, environment
from training.failures import FailureDetector, NotFiniteError
from training.monitors import Monitor
from training.summaries import Recorder

_SAME_SIGNAL_SECONDS = 2.0


class Stopped(SystemExit):
    """The run was asked to stop by a signal, and has saved. Its code is the shell's, 128 + the signal's number."""


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGHUP into a wish to stop after the current step, while the context is open.

    A signal that the process ignores stays ignored (SIGHUP under nohup). Another signal interrupts at once, unless it
    comes within two seconds of the first: a terminal and a shell may both pass on one Ctrl-C.

    Attributes:
      received: number of the signal, or None.
    """

    def __init__(self) -> None:
        """Starts with no signal received."""
        self.received, self._previous, self._received_at = None, {}, 0.0

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: Any) -> None:
        """Notes the first signal; a later one interrupts at once."""
        del frame
        if self.received is None:
            self.received, self._received_at = number, time.monotonic()
        elif time.monotonic() - self._received_at > _SAME_SIGNAL_SECONDS:
            raise KeyboardInterrupt


class Loop:
    """Trains a run step by step: means, warnings, panels, evaluations, checkpoints and weights when they are due.

    The last step does all of these that are not switched off, and always saves.
    """

    def __init__(self, *, recorder: Recorder, checkpoints: Checkpoints, cadence: config.Cadence, num_steps: int,
                 monitor: Monitor, save_weights: Callable[[int], None], saves_when_stopped: bool = True) -> None:
        """Takes what it drives.

        Args:
          recorder: of what the run tells.
          checkpoints: of what is saved.
          cadence: after how many steps things happen; 0 is never.
          num_steps: steps in all.
          monitor: draws panels and evaluates.
          save_weights: writes the weights of after so many steps.
          saves_when_stopped: whether a signal saves; not where other processes must save at the same time, and did not
            get the signal.
        """
        self._recorder, self._checkpoints, self._cadence, self._num_steps = recorder, checkpoints, cadence, num_steps
        self._monitor, self._save_weights, self._saves_when_stopped = monitor, save_weights, saves_when_stopped
        self._detector = FailureDetector()

    def run(self, step: Callable, dataset: Iterable, *, start_step: int) -> None:
        """Makes a step of each batch.

        Args:
          step: callable of a batch; returns (metrics, anything).
          dataset: `num_steps - start_step` batches.
          start_step: steps done before.

        Raises:
          Stopped: after SIGINT, SIGTERM or SIGHUP, when the run has been saved.
          UserError: a metric or a variable is not finite; the last good checkpoint stays.
        """
        with StopSignals() as signals:
            for done, batch in enumerate(dataset, start=start_step + 1):
                self._recorder.add(step(batch)[0])
                if signals.received is not None:
                    self._stop(done, signals.received)
                if any(self._is_due(every, done) for every in vars(self._cadence).values()) or done == self._num_steps:
                    self._tell(done)
                self._keep_weights(done)  # before the checkpoint, so that a run that goes on from it lacks none
                if self._is_due(self._cadence.save_every, done) or done == self._num_steps:
                    self._save(done)
                    self._recorder.restart_clock(done)
        self._recorder.close()

    def _is_due(self, every: int, done: int) -> bool:
        """Says whether what happens after so many steps happens after this one."""
        return bool(every) and (done % every == 0 or done == self._num_steps)

    def _tell(self, done: int) -> None:
        """Writes means and warnings, and the panel and the evaluation if they are due."""
        self._check(done)
        if self._is_due(self._cadence.panel_every, done):
            self._recorder.panel("panel", self._monitor.draw_panel(), done)
        if self._is_due(self._cadence.evaluate_every, done) and (values := self._monitor.evaluate()):
            self._recorder.evaluation(values, done, best_by=self._monitor.evaluation_key)
        self._recorder.write()
        self._recorder.restart_clock(done)

    def _check(self, done: int) -> None:
        """Closes the window of means and warns of failures; UserError where a mean is not finite."""
        means = self._recorder.close_window(done)
        try:
            for warning in self._detector.check(means, step=done) if means else []:
                self._recorder.warn(warning)
        except NotFiniteError as error:
            self._recorder.warn(f"{error}; the run stops.")
            self._recorder.close()
            raise UserError(f"{error}: training stopped; the last good checkpoint is "
                            f"{self._checkpoints.latest or 'missing'}") from error

    def _keep_weights(self, done: int) -> None:
        """Writes the weights if they are due; UserError where a variable is not finite."""
        if self._is_due(self._cadence.weights_every, done):
            self._check_variables(done)
            self._save_weights(done)

    def _save(self, done: int) -> None:
        """Saves a checkpoint; UserError where a variable is not finite."""
        self._check_variables(done)
        self._checkpoints.save(done)

    def _check_variables(self, done: int) -> None:
        """Ends the run with a UserError where a variable is not finite."""
        if ruined := self._checkpoints.first_not_finite():
            self._recorder.close()
            raise UserError(f"after step {done} the values of {ruined} are no numbers or too large: training stopped; "
                            f"the last good checkpoint is {self._checkpoints.latest or 'missing'}")

    def _stop(self, done: int, number: int) -> None:
        """Saves, where it may, before anything else is said; raises Stopped."""
        if self._saves_when_stopped:
            self._keep_weights(done)
            self._save(done)
            self._check(done)
            said = f"saved in {self._checkpoints.latest}"
        else:
            said = ("the run is one of several processes and goes on from "
                    f"{self._checkpoints.latest or 'the start'}")
        self._recorder.say(f"stopped by signal {number} after step {done}; {said}")
        self._recorder.close()
        raise Stopped(128 + number)


class OpenRun(NamedTuple):
    """A run whose folder is open, in the scope of its replicas.

    Attributes:
      options: the script's configuration (`config`), with `run` and `cadence`.
      folder: the run's folder.
      replicas: makes a step of the training's updates; of several processes the chief writes.
      flag_lines: dict of the flags' lines, for `flags.txt` and TensorBoard.
    """

    options: Any
    folder: RunFolder
    replicas: distribution.Distribution
    flag_lines: Mapping[str, str]

    @property
    def continues(self) -> bool:
        """Whether the folder holds a checkpoint to go on from."""
        return bool(latest_checkpoint(self.folder.checkpoint_dir))

    def check_data(self, fingerprint: str) -> None:
        """Checks in the chief that the run is trained on what it was begun with (`RunFolder.check_data`)."""
        if self.replicas.is_chief:
            self.folder.check_data(fingerprint)

    def train(self, training: Any, *, make_batches: Callable, monitor: Monitor, network: tf.keras.Model,
              metadata: Mapping[str, Any]) -> None:
        """Starts the run, or goes on where its last checkpoint is, and writes its `weights.npz` at the end.

        Args:
          training: what has `objects()`, built networks and optimizers to save and restore by name, and the updates.
          make_batches: callable of the number of steps done; returns the dataset that `Loop.run` takes.
          monitor: draws panels and evaluates.
          network: whose weights are written.
          metadata: of weights files, beside the number of steps, the last evaluation and the flags.

        Raises:
          UserError: the checkpoint does not fit, is gone while the run's weights are there, or cannot be written; or a
            metric is not finite.
          Stopped: after SIGINT, SIGTERM or SIGHUP, when the run has been saved.
        """
        folder, num_steps = self.folder, self.options.run.num_steps
        checkpoints = Checkpoints(folder.checkpoint_dir, is_chief=self.replicas.is_chief,
                                  num_kept=self.options.run.num_kept_checkpoints, **training.objects())
        start_step = checkpoints.restore()
        if not checkpoints.latest and folder.weights_path().exists():
            raise UserError(f"{folder.path} holds a run's weights.npz but no checkpoint to go on from, so that a new run "
                            "would write over it; bring the checkpoints back, or give another --run_dir.")

        def save(path: pathlib.Path, step: int) -> None:
            save_weights(path, network, is_chief=self.replicas.is_chief, metadata={
                **metadata, "num_steps": step, "figures": folder.last_evaluation(), "flags": folder.recorded()})

        if start_step >= num_steps:
            print(f"{folder.path} is complete: it has {start_step} steps; raise --num_steps to go on.", flush=True)
        else:
            loop = Loop(recorder=self._recorder(start_step, monitor), checkpoints=checkpoints, cadence=self.options.cadence,
                        num_steps=num_steps, monitor=monitor, save_weights=lambda step: save(folder.weights_path(step), step),
                        saves_when_stopped=self.replicas.num_workers == 1)
            loop.run(self.replicas.step(training), make_batches(start_step), start_step=start_step)
        save(folder.weights_path(), max(start_step, num_steps))

    def _recorder(self, start_step: int, monitor: Monitor) -> Recorder:
        """Notes the flags that the run goes on with, and makes what records it."""
        run, is_chief = self.options.run, self.replicas.is_chief
        if is_chief:
            self.folder.record(self.flag_lines)
        print(f"{'continues at' if start_step else 'starts at'} step {start_step}", flush=True)
        recorder = Recorder(self.folder, start_step=start_step, num_steps=run.num_steps, batch_size=run.batch_size,
                            screen_keys=monitor.screen_keys, is_chief=is_chief)
        recorder.text("flags", "\n".join(line for line in self.flag_lines.values() if line))
        return recorder


@contextlib.contextmanager
def open_run(options: Any, *, flag_lines: Mapping[str, str], default_lines: Mapping[str, str],
             changeable: tuple[str, ...], spectral_norm: str = "sngan") -> Iterator[OpenRun]:
    """Opens a run: its replicas, its folder, and what its process sets once.

    Args:
      options: the script's configuration, with `run`, `cadence` and `process`.
      flag_lines: as for `RunFolder.open`, and so are the next two.
      default_lines: as there.
      changeable: as there.
      spectral_norm: the discriminator's, which not all replicas can do.

    Yields:
      `OpenRun`, in the scope in which networks and optimizers are made.

    Raises:
      UserError: replicas cannot do what is asked for, or the folder is another run's.
    """
    run = options.run
    replicas = distribution.make_distribution(run.distribute, num_replicas=run.num_replicas)
    replicas.check(batch_size=run.batch_size, spectral_norm=spectral_norm, jit_compile=run.jit_compile)
    folder = RunFolder(run.run_dir)
    if replicas.is_chief:
        folder.open(flag_lines=flag_lines, changeable=changeable, default_lines=default_lines)
    try:
        environment.set_up(**vars(options.process))
        with replicas.scope():
            yield OpenRun(options, folder, replicas, flag_lines)
    finally:
        folder.close()
