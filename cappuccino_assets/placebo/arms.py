"""The arms of the placebo: what is searched, and what there is to be found."""

from enum import StrEnum
from typing import Final

from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource

N_DAYS: Final = 360
INTERVAL: Final = Interval.H4


class Arm(StrEnum):
    """What a study searches; each has markets of its own."""

    NULL = "null"  # agents that learn, where nothing can be known
    RANDOM = "random"  # agents that trade at random there
    PLANTED_1 = "planted_1"  # agents that learn, where an oracle earns a Sharpe ratio of 1
    PLANTED_2 = "planted_2"
    PLANTED_3 = "planted_3"


FALSE_ARMS: Final = (Arm.NULL, Arm.RANDOM)
PLANTED_ARMS: Final = (Arm.PLANTED_1, Arm.PLANTED_2, Arm.PLANTED_3)
# Drifts at which an oracle that trades by the rules of phase 2 is so far above buy and hold:
# `python -m bench.placebo_oracle`, read off between its rows.
_LARGEST_DRIFT: Final = {Arm.PLANTED_1: 0.143, Arm.PLANTED_2: 0.164, Arm.PLANTED_3: 0.184}
_FIRST_SEED: Final = {arm: 1_000_000 * place for place, arm in enumerate(Arm)}


def market_of(arm: Arm, number: int) -> SimulatedSource:
    """Describe the market of an arm's study.

    Args:
        arm: The arm.
        number: Of the study, from 0 on, below a million; no two studies share a market.

    Raises:
        ValueError: If the number is out of range.
    """
    if not 0 <= number < 1_000_000:
        raise ValueError(f"Studies are numbered from 0 to 999,999, but got {number=}.")
    planted = arm in PLANTED_ARMS
    return SimulatedSource(
        regime=Regime.PLANTED if planted else Regime.NULL,
        seed=_FIRST_SEED[arm] + number,
        interval=INTERVAL,
        n_days=N_DAYS,
        largest_drift=_LARGEST_DRIFT.get(arm),
    )
