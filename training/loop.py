"""The one training loop: draw, step, log, panel, evaluate, save, stop."""

import contextlib
import signal
import time
from typing import Any, Iterator, Mapping, NamedTuple

from errors import UserError
from storage.checkpoint import Checkpoints
from storage.run_folder import RunFolder
from training import distribution, environment
from training.failures import FailureDetector, NotFiniteError
from training.summaries import Recorder


_SAME_SIGNAL_SECONDS = 2.0


class Cadence(NamedTuple):
    """After how many steps things happen; 0 is never. The last step does all that are not 0, and always saves.

    Attributes:
      log_every: means to TensorBoard and the screen.
      panel_every: panels.
      evaluate_every: evaluation on labelled images.
      save_every: checkpoints.
    """

    log_every: int
    panel_every: int
    evaluate_every: int
    save_every: int


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

    def __exit__(self, *exception):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        """Notes the first signal; a later one interrupts at once."""
        del frame
        if self.received is None:
            self.received, self._received_at = number, time.monotonic()
        elif time.monotonic() - self._received_at > _SAME_SIGNAL_SECONDS:
            raise KeyboardInterrupt


def run(*, step, dataset, start_step, num_steps, cadence, recorder, checkpoints, draw_panel=None, evaluate=None,
        evaluation_key=None, saves_when_stopped=True):
    """Trains from `start_step` to `num_steps`.

    Args:
      step: callable of a batch, which makes one step and returns (metrics, anything).
      dataset: `tf.data.Dataset` of `num_steps - start_step` batches.
      start_step: steps done before.
      num_steps: steps in all.
      cadence: `Cadence`.
      recorder: `training.summaries.Recorder`.
      checkpoints: `storage.checkpoint.Checkpoints`.
      draw_panel: callable that returns a uint8 panel [h, w, 3], or None.
      evaluate: callable that returns a dict of floats, or None.
      evaluation_key: name of the value in it that says which evaluation is the best; None: none is.
      saves_when_stopped: whether a signal saves; not where other processes must save at the same time, and did not get
        the signal.

    Raises:
      Stopped: after SIGINT or SIGTERM, when the run has been saved.
      UserError: a metric or a variable is not finite; the last good checkpoint stays.
    """
    detector = FailureDetector()

    def check(done):
        means = recorder.close_window(done)
        try:
            for warning in detector.check(means, step=done) if means else []:
                recorder.warn(warning)
        except NotFiniteError as error:
            recorder.warn(f"{error}; the run stops.")
            recorder.close()
            last = checkpoints.latest or "missing"
            raise UserError(f"{error}: training stopped; the last good checkpoint is {last}") from error

    def due(every, done):
        return bool(every) and (done % every == 0 or done == num_steps)

    with StopSignals() as signals:
        done = start_step
        for batch in dataset:
            recorder.add(step(batch)[0])
            done += 1
            stopping = signals.received is not None
            if stopping and not saves_when_stopped:
                recorder.say(f"stopped by signal {signals.received} after step {done}; the run is one of several "
                             f"processes and goes on from {checkpoints.latest or 'the start'}")
                recorder.close()
                raise Stopped(128 + signals.received)
            events = [due(every, done) for every in cadence]
            if not any(events) and not stopping and done != num_steps:
                continue
            check(done)
            if draw_panel and due(cadence.panel_every, done):
                recorder.panel("panel", draw_panel(), done)
            if evaluate and due(cadence.evaluate_every, done):
                recorder.evaluation(evaluate(), done, best_by=evaluation_key)
            recorder.write()
            if due(cadence.save_every, done) or stopping or done == num_steps:
                if ruined := checkpoints.unsound():
                    recorder.close()
                    raise UserError(f"after step {done} the values of {ruined} are no numbers or too large: training stopped; "
                                    f"the last good checkpoint is {checkpoints.latest or 'missing'}")
                checkpoints.save(done)
            recorder.restart_clock(done)
            if stopping:
                recorder.say(f"stopped by signal {signals.received} after step {done}; saved in {checkpoints.latest}")
                recorder.close()
                raise Stopped(128 + signals.received)
    recorder.close()


def train_in_folder(folder, *, flag_lines, training, replicas, make_batches, num_steps, batch_size, cadence, screen_keys,
                    draw_panel=None, evaluate=None, evaluation_key=None):
    """Starts a run in its folder, or goes on where its last checkpoint is.

    Args:
      folder: `storage.run_folder.RunFolder`, open.
      flag_lines: dict of the flags' lines, for `flags.txt` and TensorBoard.
      training: what has `objects()`, built networks and optimizers to save and restore by name, and the updates.
      replicas: `training.distribution.Distribution`, which makes a step of them; of several processes the chief writes.
      make_batches: callable of the number of steps done; returns the dataset that `run` takes.
      num_steps: steps in all.
      batch_size: images per step, for the rate.
      cadence: dict of `Cadence`'s values by name.
      screen_keys: dict from a metric's name to its short name on the screen.
      draw_panel: as for `run`.
      evaluate: as for `run`.
      evaluation_key: as for `run`.

    Returns:
      Number of steps done: `num_steps`, or more where the folder's run is longer.

    Raises:
      UserError: the checkpoint does not fit, is gone while the run's weights are there, or cannot be written; or a metric
        is not finite.
      Stopped: after SIGINT or SIGTERM, when the run has been saved.
    """
    checkpoints = Checkpoints(folder.checkpoint_dir, is_chief=replicas.is_chief, **training.objects())
    start_step = checkpoints.restore()
    if not checkpoints.latest and (folder.path / "weights.npz").exists():
        raise UserError(f"{folder.path} holds a run's weights.npz but no checkpoint to go on from, so that a new run would "
                        "write over it; bring the checkpoints back, or give another --run_dir.")
    if start_step >= num_steps:
        print(f"{folder.path} is complete: it has {start_step} steps; raise --num_steps to go on.", flush=True)
        return start_step
    if replicas.is_chief:
        folder.record(flag_lines)
    print(f"{'continues at' if start_step else 'starts at'} step {start_step}", flush=True)
    recorder = Recorder(folder, start_step=start_step, num_steps=num_steps, batch_size=batch_size,
                        screen_keys=screen_keys, is_chief=replicas.is_chief)
    recorder.text("flags", "\n".join(line for line in flag_lines.values() if line))
    run(step=replicas.step(training), dataset=make_batches(start_step), start_step=start_step, num_steps=num_steps,
        recorder=recorder, checkpoints=checkpoints, cadence=Cadence(**cadence), draw_panel=draw_panel,
        evaluate=evaluate, evaluation_key=evaluation_key, saves_when_stopped=replicas.num_workers == 1)
    return num_steps


class OpenRun(NamedTuple):
    """A run whose folder is open, in the scope of its replicas.

    Attributes:
      options: the script's configuration (`config`), with `run` and `cadence`.
      folder: the run's folder.
      replicas: `training.distribution.Distribution`.
      flag_lines: dict of the flags' lines, for `flags.txt`.
    """

    options: Any
    folder: RunFolder
    replicas: distribution.Distribution
    flag_lines: Mapping[str, str]

    def check_data(self, fingerprint: str) -> None:
        """Checks in the chief that the run is trained on what it was begun with (`RunFolder.check_data`)."""
        if self.replicas.is_chief:
            self.folder.check_data(fingerprint)

    def train(self, training: Any, **options: Any) -> int:
        """Trains in the folder; options as for `train_in_folder`. Returns the number of steps done."""
        return train_in_folder(self.folder, flag_lines=self.flag_lines, training=training, replicas=self.replicas,
                               num_steps=self.options.run.num_steps, batch_size=self.options.run.batch_size,
                               cadence=vars(self.options.cadence), **options)


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
    environment.set_up(**vars(options.process))
    with replicas.scope():
        yield OpenRun(options, folder, replicas, flag_lines)
