"""Planted markets side by side: one population learns them all, and trades what it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.evaluation.actors import Actor, PolicyActor
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import fit_scaler
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.training.trainer import AgentConfig, MemberPlan, PopulationTraining
from cappuccino_assets.types import FloatArray

FEE_RATE: Final = 0.001
TRAINING_SHARE: Final = 0.7
_LONGEST_LOOKBACK: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What one algorithm is trained with.

    Attributes:
        agent: Hyper-parameters.
        trade_fraction: An action of 1 trades this fraction of the equity.
        hold_threshold: Actions below it in size hold.
        lookback: Bars in one observation, at most 6.
        norm_reward_exp: Rewards are multiplied by 2 to this power.
        break_step: Environment steps.
    """

    agent: AgentConfig
    trade_fraction: float
    hold_threshold: float
    lookback: int = 1
    norm_reward_exp: float = 5.0
    break_step: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketRow:
    """K markets of one length in a row, each a segment of its own.

    Attributes:
        sources: Where the markets come from.
        arrays: Their rows, one market after the other.
        expected: What each row's following bar was expected to return, shape (T, N).
        training: First 70 % of each market's rows.
        unseen: The others, less what an observation there could have seen of the first.
    """

    sources: tuple[SimulatedSource, ...]
    arrays: FeatureArrays
    expected: FloatArray
    training: tuple[Block, ...]
    unseen: tuple[Block, ...]

    @classmethod
    def draw(cls, sources: Sequence[SimulatedSource]) -> "MarketRow":
        """Draw markets and lay them end to end."""
        parts = [build_feature_arrays(grid_from_bars(each.fetch_bars())) for each in sources]
        n_bars, purge = parts[0].n_bars, parts[0].contract.memory_bars + _LONGEST_LOOKBACK
        n_training = int(n_bars * TRAINING_SHARE)
        starts = range(0, n_bars * len(parts), n_bars)
        return cls(
            sources=tuple(sources),
            arrays=_end_to_end(parts),
            expected=np.concatenate([_expected(each, n_bars) for each in sources]),
            training=tuple(Block(start=s, stop=s + n_training) for s in starts),
            unseen=tuple(Block(start=s + n_training + purge, stop=s + n_bars) for s in starts),
        )

    @property
    def n_markets(self) -> int:
        """Number of markets, K."""
        return len(self.sources)

    def trade(self, actor: Actor, rules: TradingRules) -> list[BlockResult]:
        """Let M members, a multiple of K, trade the unseen bars; member m those of market m % K."""
        blocks = [[(0, block)] for block in self.unseen] * (actor.n_members // self.n_markets)
        market = MarketTensors.from_arrays(self.arrays)
        results = backtest(
            self.arrays,
            actor,
            market=market,
            rules=[rules] * actor.n_members,
            blocks=blocks,
            lookback=1,
        )
        return [result for [result] in results]

    def learn(self, recipe: Recipe, *, n_seeds: int) -> PolicyActor:
        """Train one member for every market and training seed, on that market's first bars."""
        rows = [np.arange(block.start, block.stop) for block in self.training]
        features, columns = self.arrays.features, self.arrays.contract.columns
        scalers = [fit_scaler(features, each, columns=columns) for each in rows] * n_seeds
        members = [
            MemberPlan(blocks=(self.training[m % self.n_markets],), scaler=scaler, seed=m)
            for m, scaler in enumerate(scalers)
        ]
        population = PopulationTraining(
            self.arrays,
            members,
            agent=recipe.agent,
            rules=rules_of(recipe, self.arrays.symbols),
            reward=RewardConfig(norm_reward_exp=recipe.norm_reward_exp),
            lookback=recipe.lookback,
            norm_tech_exp=0,
            break_step=recipe.break_step,
        ).complete()
        market = MarketTensors.from_arrays(self.arrays)
        observe = ObservationBuilder(
            market, lookback=recipe.lookback, scalers=scalers, norm_tech_exp=0, has_clock=True
        )
        return PolicyActor(population.policy, observe)


class DriftOracle:
    """Knows the sign of what the next bar is expected to return, and trades by the same rules.

    It asks to buy all it may of every symbol whose expected return is positive, and to sell all it
    may where that is negative.

    Args:
        row: Markets; member k trades market k.
    """

    def __init__(self, row: MarketRow):
        self._trades = torch.tensor(np.sign(row.expected), dtype=torch.float32)
        self._n_members = row.n_markets

    @property
    def n_members(self) -> int:
        """One for each market."""
        return self._n_members

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Look up the drift."""
        return self._trades[bar]


def rules_of(recipe: Recipe, symbols: tuple[str, ...]) -> TradingRules:
    """Rules of money: 0.1 % and 5 basis points a side, cycles of 7 days."""
    return TradingRules(
        symbols=symbols,
        fees=flat_fee(FEE_RATE),
        bars_per_day=Interval.H1.bars_per_day,
        cycle_bars=Timeframe.D7.bars(Interval.H1),
        trade_fraction=recipe.trade_fraction,
        hold_threshold=recipe.hold_threshold,
    )


def without_costs(rules: TradingRules) -> TradingRules:
    """Change rules so that trading is free."""
    return replace(rules, fees=flat_fee(0.0), half_spread_bps=0.0, slippage_bps=0.0)


def _expected(source: SimulatedSource, n_bars: int) -> FloatArray:
    """What is expected of the bar after each of the last rows; nothing is after the last."""
    _, expected = source.returns()
    following = np.roll(expected, -1, axis=0)
    following[-1] = 0.0
    return following[-n_bars:]


def _end_to_end(parts: Sequence[FeatureArrays]) -> FeatureArrays:
    first = parts[0]
    n_rows = sum(part.n_bars for part in parts)
    segments = [np.where(part.segment < 0, -1, k) for k, part in enumerate(parts)]
    return FeatureArrays(
        contract=first.contract,
        dataset_digest=", ".join(part.dataset_digest for part in parts),
        open_time=first.open_time[0] + first.interval.seconds * np.arange(n_rows),
        open=np.concatenate([part.open for part in parts]),
        close=np.concatenate([part.close for part in parts]),
        observed=np.concatenate([part.observed for part in parts]),
        segment=np.concatenate(segments),
        features=np.concatenate([part.features for part in parts]),
    )
