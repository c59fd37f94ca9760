"""The stages between bars and rewards, each of which a proof can be given another of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.envs.state import Step
from cappuccino_assets.evaluation.actors import Actor
from cappuccino_assets.evaluation.backtest import BlockResult, GroupBlock, backtest
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.execution.ledger import Ledger
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import BarGrid, grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.training.market_task import MarketTask
from cappuccino_assets.tuning.outcome import training_scaler
from cappuccino_assets.tuning.plans import StudyPlan

Observe = Callable[[Tensor, Tensor], Tensor]


class Environment(Protocol):
    """What a proof reads of a trading environment; see `TradingEnvironment`."""

    @property
    def equity(self) -> Tensor:
        """Worth at the last close, shape (M, E)."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The books."""
        ...

    @property
    def account(self) -> Tensor:
        """What an agent sees of its account, shape (M, E, A)."""
        ...

    def reset(self, start: Tensor, stop: Tensor) -> None:
        """Begin an episode in every environment."""
        ...

    def step(self, action: Tensor) -> Step:
        """Trade one bar."""
        ...


class Evaluate(Protocol):
    """The signature of `backtest`."""

    def __call__(
        self,
        arrays: FeatureArrays,
        actor: Actor,
        *,
        market: MarketTensors,
        rules: Sequence[TradingRules],
        blocks: Sequence[Sequence[GroupBlock]],
        lookback: int,
    ) -> list[list[BlockResult]]:
        """Trade every member through its blocks."""
        ...


def enhanced_features(grid: BarGrid, layout: Layout) -> FeatureArrays:
    """Compute every column that there is in a layout."""
    return build_feature_arrays(grid, layout=layout, enhanced=True)


def trial_splits(plan: StudyPlan, search: FeatureArrays, lookback: int) -> list[Split]:
    """Divide what search sees, as a trial does."""
    splits = plan.splits(memory_bars=search.contract.memory_bars, lookback=lookback)
    return splits.split(search.segment)


def observations(market: MarketTensors, scaler: Scaler, lookback: int) -> Observe:
    """Build the observations of one member, with a clock."""
    return ObservationBuilder(
        market, lookback=lookback, scalers=[scaler], norm_tech_exp=0.0, has_clock=True
    )


def training_environment(
    market: MarketTensors, rules: TradingRules, reward: RewardConfig, n_envs: int
) -> Environment:
    """Build the environment of a training, with one member."""
    return TradingEnvironment(
        market, rules=[rules], rewards=[reward], n_envs=n_envs, continuing=False
    )


def training_starts(
    blocks: Sequence[Sequence[Block]], arrays: FeatureArrays, lookback: int
) -> StartTable:
    """List where the episodes of each member may start and must stop."""
    return StartTable(blocks, arrays.tradable, lookback=lookback, segment=arrays.segment)


def training_task(
    environment: TradingEnvironment,
    observe: ObservationBuilder,
    starts: StartTable,
    random: MemberRandom,
    cycle_bars: int,
) -> MarketTask:
    """Let a training see and trade."""
    return MarketTask(environment, observe, starts, random, cycle_bars=cycle_bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The stages in their order; the defaults are what searches and evaluations use.

    Attributes:
        resample: Makes coarser bars.
        grid: Puts bars on a regular grid.
        features: Computes the arrays of one layout.
        search: Cuts the final hold-out off.
        splits: Divides the rest for cross-validation.
        starts: Lists the episodes of a training.
        scaler: Fits the standardisation of a member.
        observe: Builds observations.
        environment: Trades and pays in training.
        task: Shows a training what it decides on.
        evaluate: Trades through test blocks.
    """

    resample: Callable[[Bars, Interval], Bars] = resample
    grid: Callable[[Bars], BarGrid] = grid_from_bars
    features: Callable[[BarGrid, Layout], FeatureArrays] = enhanced_features
    search: Callable[[StudyPlan, FeatureArrays], FeatureArrays] = StudyPlan.search_arrays
    splits: Callable[[StudyPlan, FeatureArrays, int], list[Split]] = trial_splits
    starts: Callable[[Sequence[Sequence[Block]], FeatureArrays, int], StartTable] = training_starts
    scaler: Callable[[FeatureArrays, Sequence[Block]], Scaler] = training_scaler
    observe: Callable[[MarketTensors, Scaler, int], Observe] = observations
    environment: Callable[[MarketTensors, TradingRules, RewardConfig, int], Environment] = (
        training_environment
    )
    task: Callable[
        [TradingEnvironment, ObservationBuilder, StartTable, MemberRandom, int], MarketTask
    ] = training_task
    evaluate: Evaluate = backtest
