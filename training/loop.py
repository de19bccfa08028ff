"""The one training loop: draw, step, log, panel, evaluate, save, stop."""

import signal
from typing import NamedTuple

from errors import UserError
from training.failures import FailureDetector, NotFiniteError


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
    """Turns SIGINT and SIGTERM into a wish to stop after the current step, while the context is open.

    Attributes:
      received: number of the signal, or None.
    """

    def __init__(self):
        """Starts with no signal received."""
        self.received, self._previous = None, {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        """Notes a signal; a second one interrupts at once."""
        del frame
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number


def run(*, step, dataset, start_step, num_steps, cadence, recorder, checkpoints, draw_panel=None, evaluate=None,
        evaluation_key=None):
    """Trains from `start_step` to `num_steps`.

    Args:
      step: callable of a batch, which makes one step and returns (metrics, anything).
      dataset: `tf.data.Dataset` of `num_steps - start_step` batches.
      start_step: steps done before.
      num_steps: steps in all.
      cadence: `Cadence`.
      recorder: `training.summaries.Recorder`.
      checkpoints: `training.checkpoint.Checkpoints`.
      draw_panel: callable that returns a uint8 panel [h, w, 3], or None.
      evaluate: callable that returns a dict of floats, or None.
      evaluation_key: name of the value in it that says which evaluation is the best.

    Raises:
      Stopped: after SIGINT or SIGTERM, when the run has been saved.
      UserError: a metric is not finite; the last good checkpoint stays.
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
                checkpoints.save(done)
            recorder.restart_clock(done)
            if stopping:
                recorder.say(f"stopped by signal {signals.received} after step {done}; saved in {checkpoints.latest}")
                recorder.close()
                raise Stopped(128 + signals.received)
    recorder.close()
