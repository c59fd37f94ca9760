"""The task that all contenders learn: seven coins with a planted trend, 8,760 hourly bars."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.features.scaling import Scaler, fit_scaler
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource, Strength
from cappuccino_assets.training.market_task import MarketTask

N_BARS = 8_760
LOOKBACK = 1


@lru_cache(maxsize=4)
def market_arrays(n_bars: int = N_BARS, layout: Layout = Layout.PER_COIN) -> FeatureArrays:
    """Features of that many bars; every coin's own indicators make observations of 86 numbers."""
    n_days = n_bars // 24 + 12  # the first ten days warm the indicators up
    source = SimulatedSource(regime=Regime.PLANTED, strength=Strength.STRONG, n_days=n_days)
    grid = grid_from_bars(source.fetch_bars())
    return build_feature_arrays(grid, layout=layout).block(Block(start=0, stop=n_bars))


@lru_cache(maxsize=4)
def market_scaler(arrays: FeatureArrays) -> Scaler:
    return fit_scaler(arrays.features, np.arange(arrays.n_bars), columns=arrays.contract.columns)


def market_rules(arrays: FeatureArrays) -> TradingRules:
    return TradingRules(
        symbols=arrays.symbols,
        fees=flat_fee(0.001),
        bars_per_day=Interval.H1.bars_per_day,
        cycle_bars=Timeframe.D7.bars(Interval.H1),
        trade_fraction=0.1,
    )


def market_task(
    seeds: Sequence[int], *, n_envs: int, arrays: FeatureArrays | None = None
) -> MarketTask:
    """Make fresh environments, one set of them per seed."""
    arrays = market_arrays() if arrays is None else arrays
    market, rules = MarketTensors.from_arrays(arrays), market_rules(arrays)
    environment = TradingEnvironment(
        market,
        rules=[rules] * len(seeds),
        rewards=[RewardConfig(norm_reward_exp=5)] * len(seeds),
        n_envs=n_envs,
        continuing=False,
    )
    observe = ObservationBuilder(
        market,
        lookback=LOOKBACK,
        scalers=[market_scaler(arrays)] * len(seeds),
        norm_tech_exp=0,
        has_clock=True,
    )
    whole = (Block(start=0, stop=arrays.n_bars),)
    starts = StartTable(
        [whole] * len(seeds), arrays.tradable, lookback=LOOKBACK, segment=arrays.segment
    )
    return MarketTask(
        environment, observe, starts, MemberRandom(seeds), cycle_bars=rules.cycle_bars
    )
