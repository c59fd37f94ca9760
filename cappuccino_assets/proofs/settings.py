"""What a proof looks at."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.fees import fee_schedule, flat_fee
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.holdout import holdout_start
from cappuccino_assets.tuning.phases import PHASE2_FEES
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import MINI
from cappuccino_assets.tuning.ranges import search_space

FLAT_FEE: Final = 0.006

# Every term of the reward is on, so that a leak through any of them shows.
REWARD: Final = RewardConfig(
    time_decay_floor=0.3,
    volatility_penalty=0.05,
    max_drawdown_penalty=0.1,
    concentration_penalty=0.1,
    norm_reward_exp=1.0,
)


class Part(StrEnum):
    """A part of a proof, in the order of the pipeline."""

    BARS = "bars"
    GRID = "grid"
    FEATURES = "features"
    SCALERS = "scalers"
    OBSERVATIONS = "observations"
    TRAINING = "training"
    EVALUATION = "evaluation"
    TIMING = "timing"
    SPLITS = "splits"
    HOLDOUT = "hold-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSettings:
    """How much is recomputed, and how.

    Attributes:
        interval: Of the bars that features are made of; finer ones are resampled.
        timeframe: Length of a trading cycle.
        lookback: Bars in one observation.
        n_cuts: Times at which the history is cut; at least one.
        seed: Of the cuts, the other futures and the trades.
        layouts: Layouts whose features and observations are proven.
        parts: What is proven; a proof of parts is quicker, and proves only them.
    """

    interval: Interval = Interval.H1
    timeframe: Timeframe = Timeframe.D5
    lookback: int = 5
    n_cuts: int = 24
    seed: int = 0
    layouts: tuple[Layout, ...] = (Layout.COMPACT, Layout.PER_COIN)
    parts: frozenset[Part] = frozenset(Part)

    def __post_init__(self) -> None:
        """Refuse a proof of nothing.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if self.n_cuts < 1 or self.lookback < 1 or self.seed < 0:
            raise ConfigurationError(
                "A proof needs cuts, a lookback, and a seed that is not negative, but got "
                f"{self.n_cuts=}, {self.lookback=}, {self.seed=}."
            )
        if Layout.COMPACT not in self.layouts:
            raise ConfigurationError(f"Searches use the compact layout; {self.layouts=} lacks it.")

    @property
    def cycle_bars(self) -> int:
        """Bars in one trading cycle."""
        return self.timeframe.bars(self.interval)

    @property
    def coarser(self) -> tuple[Interval, ...]:
        """The intervals from `interval` on."""
        return tuple(each for each in Interval if each.seconds >= self.interval.seconds)


def study_plan(bars: Bars, settings: ProofSettings) -> StudyPlan:
    """Plan the study of phase 2 that would be searched on these bars."""
    history_to = bars.end + timedelta(seconds=bars.interval.seconds)
    return StudyPlan(
        study_name="proof/phase2_ppo",
        campaign="proof",
        profile=MINI,
        space=search_space(phase=2, algorithm="ppo", ranges=MINI.ranges),
        symbols=bars.symbols,
        timeframe=settings.timeframe,
        interval=settings.interval,
        n_trials=1,
        seed=settings.seed,
        fees=PHASE2_FEES,
        dataset_digest=bars.digest,
        history_from=bars.start,
        holdout_from=holdout_start(bars.start, history_to, fraction=MINI.holdout_fraction),
        arrays=Path(),
    )


def full_rules(plan: StudyPlan) -> TradingRules:
    """Rules of money with everything on that depends on prices; no order is too small."""
    return TradingRules(
        symbols=plan.symbols,
        fees=fee_schedule(plan.fees),
        bars_per_day=plan.interval.bars_per_day,
        cycle_bars=plan.cycle_bars,
        trade_fraction=0.5,
        min_cash_reserve=0.05,
        trailing_stop_pct=0.05,
        minimum_quantity=dict.fromkeys(plan.symbols, 0.0),
        minimum_notional_usd=0.0,
    )


def plain_rules(plan: StudyPlan) -> TradingRules:
    """Rules by which a fill's price can be read off the cash: one fee, no stop, no deadline."""
    return TradingRules(
        symbols=plan.symbols,
        fees=flat_fee(FLAT_FEE),
        bars_per_day=plan.interval.bars_per_day,
        minimum_quantity=dict.fromkeys(plan.symbols, 0.0),
        minimum_notional_usd=0.0,
    )
