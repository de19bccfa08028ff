"""A run says when it has failed."""

import math

import pytest

from training.failures import FailureDetector, LONG_PATIENCE, NotFiniteError, PATIENCE

HEALTHY = {"mask/contrast": 0.4, "mask/area_mean": 0.3, "discriminator/total_loss": 1.2, "generator/total_loss": 0.8}


def warnings_of(means, *, windows=PATIENCE + 2):
    detector = FailureDetector()
    return [warning for window in range(1, windows + 1)
            for warning in detector.check({**HEALTHY, **means}, step=10 * window)]


def test_a_healthy_run_is_not_warned_of():
    assert warnings_of({}, windows=20) == []


@pytest.mark.parametrize("means, kind", [
    ({"mask/contrast": 0.01}, "uniform masks"),
    ({"mask/contrast": 0.0, "mask/area_mean": 0.001}, "masks all zero"),
    ({"mask/contrast": 0.0, "mask/area_mean": 0.999}, "masks all one"),
    ({"discriminator/total_loss": 0.001}, "discriminator saturated"),
])
def test_each_failure_is_warned_of_once_with_its_step(means, kind):
    (warning,) = warnings_of(means, windows=20)
    assert warning.startswith(f"step {10 * PATIENCE}: {kind}: ")


def test_textured_ghosts_are_warned_of_after_a_longer_while():
    ghosts = {"mask/contrast": 0.06, "mask/undecided_fraction": 0.99, "mask/area_mean": 0.25}
    assert warnings_of(ghosts, windows=LONG_PATIENCE - 1) == []
    (warning,) = warnings_of(ghosts, windows=LONG_PATIENCE + 5)
    assert warning.startswith(f"step {10 * LONG_PATIENCE}: ghost masks: ")
    assert warnings_of({**ghosts, "mask/undecided_fraction": 0.5}, windows=20) == []


def test_masks_that_outgrow_the_area_constant_are_warned_of_after_a_longer_while():
    grown = {"mask/area_mean": 0.6, "mask/area_constant": 0.36}
    assert warnings_of(grown, windows=LONG_PATIENCE - 1) == []
    (warning,) = warnings_of(grown, windows=LONG_PATIENCE + 5)
    assert warning.startswith(f"step {10 * LONG_PATIENCE}: masks outgrow the area constant: ")
    assert warnings_of({**grown, "mask/area_mean": 0.5}, windows=20) == []
    assert warnings_of({"mask/area_mean": 0.6}, windows=20) == []  # a student has no area constant


def test_a_passing_state_is_no_failure():
    detector = FailureDetector()
    for step in range(10):
        contrast = 0.4 if step % PATIENCE == 0 else 0.01
        assert detector.check({**HEALTHY, "mask/contrast": contrast}, step=step) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error_by_name_and_step(value):
    with pytest.raises(NotFiniteError, match="generator/total_loss is (nan|inf) at step 40"):
        FailureDetector().check({**HEALTHY, "generator/total_loss": value}, step=40)
