"""Trials that are drawn, not trained: market timers, one of which has skill.

A timer is in the whole basket or out of it, spell by spell, at random. So the returns above buy and
hold of those that are mostly out resemble each other closely, as those of real searches do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import sqrt
from typing import Final

import numpy as np

from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource
from cappuccino_assets.types import FloatArray

N_TIMERS: Final = 60  # the trials of phase 2 of a medium search
INTERVAL: Final = Interval.H4
SKILLED: Final = 0  # the number of the skilled one
N_SEEDS: Final = 5
_HOLDOUT: Final = 0.15  # of the history
_SPELL_BARS: Final = 12
_SKILLED_EXPOSURE: Final = 0.5
_SEED_AGREES: Final = 0.5  # of the spells, in which another seed does what the first one does
_COST: Final = 0.5  # what costs take of the skilled one's Sharpe ratio
_LARGEST_LOSS: Final = 3.0  # what they take of the others', at most


class Others(StrEnum):
    """What the timers without skill earn, beyond luck."""

    NOTHING = "nothing"
    FEES = "fees"  # a loss, each its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is drawn.

    Attributes:
        years: Length of the history, the hold-out included.
        sharpe: True Sharpe ratio, net of costs, of the skilled one's returns above buy and hold, in
            every bar of the history and of the hold-out, and with every seed. It is as far above
            buy and hold's Sharpe ratio, for it is in the market half of the time.
        others: What the others earn.
    """

    years: float
    sharpe: float
    others: Others

    @property
    def name(self) -> str:
        """One that can stand in a path."""
        return f"{self.years:g}y_sharpe_{self.sharpe:g}_others_{self.others}"


CASES: Final = tuple(
    Case(years=years, sharpe=sharpe, others=others)
    for others, years, sharpe in product(Others, (1.0, 2.9), (0.0, 1.0, 2.0, 3.0))
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timer:
    """Simple returns per bar of one timer.

    Attributes:
        exposure: Probability that it is in the market.
        seen: On the bars of the search, shape (T,).
        seeds: There, of the same configuration with other seeds, shape (N_SEEDS, T).
        unseen: On the hold-out.
        unseen_at_twice_the_costs: There, if its costs were twice as high.
    """

    exposure: float
    seen: FloatArray
    seeds: FloatArray
    unseen: FloatArray
    unseen_at_twice_the_costs: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedMarket:
    """A basket of coins without any drift, and those who time it.

    Attributes:
        seen: The basket's simple returns on the bars of the search, shape (T,).
        unseen: On the hold-out.
        timers: All of them, the skilled one first.
    """

    seen: FloatArray
    unseen: FloatArray
    timers: Sequence[Timer]


def draw_timers(case: Case, seed: int) -> TimedMarket:
    """Draw a market and its timers; the bars are those of a `null` market of this seed."""
    market, random = _basket(case, seed), np.random.default_rng([seed, 1])
    n_seen = round(len(market) * (1 - _HOLDOUT))
    timers = [_timer(case, n, market, n_seen, random) for n in range(N_TIMERS)]
    return TimedMarket(seen=market[:n_seen], unseen=market[n_seen:], timers=timers)


def _basket(case: Case, seed: int) -> FloatArray:
    n_days = round(365 * case.years)
    source = SimulatedSource(regime=Regime.NULL, seed=seed, interval=INTERVAL, n_days=n_days)
    basket: FloatArray = source.returns()[0].mean(axis=1)
    return basket


def _timer(
    case: Case, number: int, market: FloatArray, n_seen: int, random: np.random.Generator
) -> Timer:
    if number == SKILLED:
        exposure, sharpe, cost = _SKILLED_EXPOSURE, case.sharpe, _COST
    else:  # most are hardly in the market, as in real searches
        exposure = float(random.beta(0.5, 2.0))
        cost = random.uniform(0, _LARGEST_LOSS) if case.others is Others.FEES else 0.0
        sharpe = -cost
    unit = market.std() * sqrt((1 - exposure) / INTERVAL.bars_per_year)  # a Sharpe ratio of 1
    position = _positions(len(market), exposure, random)
    returns = position * market + sharpe * unit
    others = [_like(position[:n_seen], exposure, random) for _ in range(N_SEEDS)]
    return Timer(
        exposure=exposure,
        seen=returns[:n_seen],
        seeds=np.stack(others) * market[:n_seen] + sharpe * unit,
        unseen=returns[n_seen:],
        unseen_at_twice_the_costs=returns[n_seen:] - cost * unit,
    )


def _positions(n_bars: int, exposure: float, random: np.random.Generator) -> FloatArray:
    held = random.random(n_bars // _SPELL_BARS + 1) < exposure
    return np.repeat(held.astype(np.float64), _SPELL_BARS)[:n_bars]


def _like(position: FloatArray, exposure: float, random: np.random.Generator) -> FloatArray:
    """Another seed's positions: in some spells the same, in the others its own."""
    agrees = _positions(len(position), _SEED_AGREES, random)
    return np.where(agrees, position, _positions(len(position), exposure, random))
