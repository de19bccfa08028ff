"""The loop when a signal asks it to stop: one process saves, one of several does not."""

import os
import signal

import pytest

import config
import errors
from training import loop
from training.monitors import Monitor


class Checkpoints:
    """Keeps the steps at which it was asked to save."""

    latest = None

    def __init__(self):
        self.saved = []

    def first_not_finite(self):
        return None

    def save(self, step):
        self.saved.append(step)


class Recorder:
    """Takes what the loop tells, and keeps what is said."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)

    def __getattr__(self, name):
        return lambda *arguments, **named: None


class Unused(Monitor):
    """Neither drawn nor measured with."""

    def draw_panel(self):
        raise AssertionError("no panel is due")

    def evaluate(self):
        raise AssertionError("no evaluation is due")


@pytest.mark.parametrize("alone", [True, False])
def test_a_signal_saves_where_no_other_process_must_save_at_the_same_time(alone):
    checkpoints, recorder = Checkpoints(), Recorder()

    def step(batch):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}, None

    with pytest.raises(loop.Stopped) as stopped:
        loop.Loop(recorder=recorder, checkpoints=checkpoints, num_steps=10, saves_when_stopped=alone, monitor=Unused(),
                  save_weights=None,
                  cadence=config.Cadence(log_every=1, panel_every=0, evaluate_every=0, save_every=0, weights_every=0)).run(
                      step, range(10), start_step=0)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert checkpoints.saved == ([3] if alone else [])
    assert ("saved in" in recorder.said[-1]) == alone and ("goes on from the start" in recorder.said[-1]) != alone


def test_weights_are_kept_before_the_checkpoint_and_of_the_step_of_a_stop():
    checkpoints, kept = Checkpoints(), []

    def step(batch):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}, None

    def keep(done):
        kept.append((done, list(checkpoints.saved)))

    with pytest.raises(loop.Stopped):
        loop.Loop(recorder=Recorder(), checkpoints=checkpoints, num_steps=10, monitor=Unused(), save_weights=keep,
                  cadence=config.Cadence(log_every=0, panel_every=0, evaluate_every=0, save_every=1, weights_every=1)).run(
                      step, range(10), start_step=0)
    assert kept == [(1, []), (2, [1]), (3, [1, 2])] and checkpoints.saved == [1, 2, 3]


def test_weights_that_are_not_finite_are_not_kept():
    checkpoints = Checkpoints()
    checkpoints.first_not_finite = lambda: "generator, kernel"
    with pytest.raises(errors.UserError, match="values of generator, kernel are no numbers"):
        loop.Loop(recorder=Recorder(), checkpoints=checkpoints, num_steps=10, monitor=Unused(),
                  save_weights=lambda done: pytest.fail("kept"),
                  cadence=config.Cadence(log_every=0, panel_every=0, evaluate_every=0, save_every=0, weights_every=1)).run(
                      lambda batch: ({}, None), range(10), start_step=0)
    assert not checkpoints.saved


@pytest.fixture
def heeded_interrupts():
    """Ctrl-C does what it does by default, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_interrupts")
def test_a_second_signal_within_a_moment_is_the_same_and_a_later_one_interrupts(monkeypatch):
    with loop.StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received == signal.SIGTERM
        monkeypatch.setattr(loop.time, "monotonic", lambda: float("inf"))
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            signal.sigtimedwait([], 0.1)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with loop.StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)
