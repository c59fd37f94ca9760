"""When a trial is stopped before its end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.types import Json

Pruner = Callable[[Sequence[float]], str | None]
"""Takes one value per split of a half-trained trial; says why it is hopeless, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRule:
    """One look at a trial part of the way, beside the best one at the same part of its own way.

    There is a single look because the signed-rank test takes its pairs for independent: what the
    same splits show at a second look are no new splits.

    Attributes:
        fraction: Share of a trial's own steps after which its splits are tested, in (0, 1).
        p_threshold: One-sided p-value below which it is stopped, in (0, 1).
        n_startup_trials: Complete trials before any is stopped.
    """

    fraction: float
    p_threshold: float
    n_startup_trials: int

    def __post_init__(self) -> None:
        """Refuse what cannot be followed.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        for name in ("fraction", "p_threshold"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigurationError(
                    f"A {name} lies between 0 and 1, but got {getattr(self, name)}."
                )
        if self.n_startup_trials < 1:
            raise ConfigurationError(
                "There must be a trial to compare with, but got "
                f"n_startup_trials={self.n_startup_trials}."
            )

    def step_of(self, n_steps: int) -> int:
        """Find the step of the look in a training of so many."""
        return math.ceil(self.fraction * n_steps)

    def require_effective(self, n_splits: int) -> None:
        """Refuse a threshold that not even a trial worse in every split gets below.

        Raises:
            ConfigurationError: With the p-value of such a trial.
        """
        smallest = 0.5**n_splits
        if self.p_threshold <= smallest:
            raise ConfigurationError(
                f"With {n_splits} splits no p-value is below {smallest:.4g}, so nothing would be "
                f"stopped, but got p_threshold={self.p_threshold}."
            )

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)
