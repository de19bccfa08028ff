"""Steps with fewer multiplications compute what the direct ones compute."""

import pytest
import tensorflow as tf

from benchmarks import steps
from models import fast_convolution


def losses_of(task, kind):
    """Returns the metrics of two steps of a narrow network, computed in one way."""
    step, batch, _ = steps.build(task, batch_size=2, num_layers=2, precision="none", jit_compile=False, width=1 / 8,
                                 convolutions=kind)
    return [{name: float(value) for name, value in step(batch)[0].items()} for _ in range(2)]


@pytest.mark.parametrize("task", ["foreground", "cluster"])
def test_two_steps_give_the_direct_losses(task, monkeypatch):
    monkeypatch.setattr(fast_convolution, "_MIN_CHANNELS", 8)
    try:
        direct, fast = losses_of(task, "direct"), losses_of(task, "fast")
    finally:
        fast_convolution.use("direct")
        tf.config.optimizer.set_experimental_options({"remapping": True})
    assert direct != fast  # rounding differs, so that both ways were taken
    for before, after in zip(direct, fast):
        for name in before:
            assert after[name] == pytest.approx(before[name], rel=1e-3, abs=1e-4), name
