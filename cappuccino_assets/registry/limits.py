"""What the gate asks for."""

from dataclasses import dataclass
from math import isfinite
from typing import Final

_SHARES: Final = (
    "min_deflated_sharpe_ratio",
    "max_overfitting",
    "retrain_confidence",
    "min_exposure",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What passes.

    Args:
        min_deflated_sharpe_ratio: Of the returns above buy and hold, as the best of all trials.
        max_overfitting: Probability of backtest overfitting of the selection.
        min_holdout_excess: The Sharpe ratio above that of buy and hold, on the hold-out, must be
            higher than this.
        n_retrains: Further seeds, at least, with which the configuration was trained anew.
        retrain_confidence: One-sided, of the bound of their mean excess Sharpe ratio.
        cost_multiple: Multiple of fees, spread and slippage at which it must still be above buy and
            hold on the hold-out.
        max_turnover: Gross value traded per day, in multiples of equity, in the splits and on the
            hold-out.
        min_exposure: Mean fraction of the equity that was not cash, in the splits, with every other
            seed too, and on the hold-out: who stands aside while prices fall has shown nothing.
    """

    min_deflated_sharpe_ratio: float = 0.95
    max_overfitting: float = 0.2
    min_holdout_excess: float = 0.0
    n_retrains: int = 5
    retrain_confidence: float = 0.95
    cost_multiple: float = 2.0
    max_turnover: float = 5.0
    min_exposure: float = 0.05

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is a share in (0, 1), but got {getattr(self, name)}.")
        if self.n_retrains < 2:
            raise ValueError(f"A bound needs two seeds at least, but got {self.n_retrains=}.")
        if not (isfinite(self.min_holdout_excess) and 0 < self.max_turnover < float("inf")):
            raise ValueError(f"Limits are finite, but got {self}.")
        if self.cost_multiple < 1:
            raise ValueError(f"Costs are raised, not lowered: got {self.cost_multiple=}.")


DEFAULT_LIMITS: Final = GateLimits()
