"""Says when a run has failed: what no loss curve shows at a glance."""

import math
from typing import Mapping

PATIENCE = 3  # consecutive windows before a warning, since a young run passes through such states
LONG_PATIENCE = 10  # the same where healthy runs begin so: ghosts, and masks that start large

# kind: (what it means and what to try, whether a window's means show it, consecutive windows before a warning); a mean that is
# not there shows nothing
_SIGNS = {
    "uniform masks": (
        "each mask has one value everywhere, as a ghost does; let the discriminator start faster or masks start large "
        "(--area_start, --area_ramp_steps)",
        lambda m: m["mask/contrast"] < 0.03 and 0.01 <= m["mask/area_mean"] <= 0.99, PATIENCE),
    "ghost masks": (
        "hardly a pixel is decided and masks are all but uniform, however textured; if it stays so, take larger batches, "
        "let the discriminator start faster, or masks start large (--area_start, --area_ramp_steps)",
        lambda m: m.get("mask/undecided_fraction", 0.0) > 0.95 and 0.03 <= m["mask/contrast"] < 0.15, LONG_PATIENCE),
    "masks all zero": (
        "the generator shows backgrounds alone; raise --area_weight or --area_constant",
        lambda m: m["mask/area_mean"] < 0.01, PATIENCE),
    "masks all one": (
        "the generator shows photographs as they are; raise --area_weight",
        lambda m: m["mask/area_mean"] > 0.99, PATIENCE),
    "masks outgrow the area constant": (
        "the discriminator knows the photographs and likes them whole; raise --area_weight, and with few photographs add "
        "--augmentation=color,translation",
        lambda m: m["mask/area_mean"] > 1.5 * m.get("mask/area_constant", 1.0), LONG_PATIENCE),
    "discriminator saturated": (
        "it tells every composite from a photograph with a loss near 0, so the generator learns nothing; lower "
        "--discriminator_learning_rate",
        lambda m: m.get("discriminator/total_loss", 1.0) < 0.02, PATIENCE),
}


class NotFiniteError(ArithmeticError):
    """A loss is no longer a finite number: the run cannot go on."""


class FailureDetector:
    """Watches the means of successive windows of steps, and warns once of each kind of failure."""

    def __init__(self) -> None:
        """Starts with nothing seen."""
        self._streaks = dict.fromkeys(_SIGNS, 0)
        self._warned = set()

    def check(self, means: Mapping[str, float], *, step: int) -> list[str]:
        """Looks at a window.

        Args:
          means: dict of the window's mean metrics, by their names in TensorBoard.
          step: steps done.

        Returns:
          Warnings that are due now, each one sentence with the step.

        Raises:
          NotFiniteError: a metric is not finite.
        """
        for name, value in means.items():
            if not math.isfinite(value):
                raise NotFiniteError(f"{name} is {value} at step {step}")
        warnings = []
        for kind, (advice, shows, patience) in _SIGNS.items():
            self._streaks[kind] = self._streaks[kind] + 1 if shows(means) else 0
            if self._streaks[kind] == patience and kind not in self._warned:
                self._warned.add(kind)
                warnings.append(f"step {step}: {kind}: {advice}.")
        return warnings
