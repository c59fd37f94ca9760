"""What a configuration comes to: all its policies trained together, the splits' tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.evaluation.actors import PolicyActor, SideBySide
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.baselines import cycled_hodl, holding_rules
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.features.scaling import Scaler, fit_scaler
from cappuccino_assets.training.compute import Precision
from cappuccino_assets.training.resilient import Resilience, ResilientTraining
from cappuccino_assets.training.trainer import MemberPlan, PopulationTraining, TrainedPopulation
from cappuccino_assets.tuning.config import TrialConfig
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Policies as they are at some step, and what the splits' do on bars not trained on.

    Attributes:
        population: One policy per split, in order, then the final fit where there is one.
        scalers: What each policy's market columns are standardised by.
        tests: Test results of each split's policy.
        holders: Results, on every test block, of equal weights sold at each deadline.
        training_s: Seconds of training, until that step.
        evaluation_s: Seconds of backtesting, those of earlier outcomes included.
        events: What happened to the training besides: see `ResilientTraining.events`.
    """

    population: TrainedPopulation
    scalers: list[Scaler]
    tests: list[list[BlockResult]]
    holders: list[BlockResult]
    training_s: float
    evaluation_s: float
    events: list[Json]


class Tryout:
    """One policy per split, trained on its training blocks and tested on its test blocks.

    It can be halted at any step and tested there; going on, it becomes what it would have become.

    Args:
        config: The configuration.
        search: Feature arrays up to the hold-out.
        splits: The cross-validation.
        seeds: One per policy. One more than there are splits adds the final fit, a policy that is
            trained on all rows and tested on none.
        device: Where they are trained and tested.
        precision: Of the products of matrices in the training.
        resilience: What a training may do to come to its end; None lets it fail.

    Attributes:
        scalers: What each policy's market columns are standardised by.
    """

    def __init__(
        self,
        config: TrialConfig,
        search: FeatureArrays,
        splits: Sequence[Split],
        *,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
        precision: Precision = "float32",
        resilience: Resilience | None = None,
    ):
        self._config, self._search, self._splits = config, search, splits
        self._training_s = self._evaluation_s = 0.0
        members = _members(search, splits, seeds)
        self.scalers = [member.scaler for member in members]
        started = perf_counter()
        build = partial(
            PopulationTraining,
            search,
            agent=config.agent,
            rules=config.rules,
            reward=config.reward,
            lookback=config.lookback,
            norm_tech_exp=config.norm_tech_exp,
            break_step=config.break_step,
            precision=precision,
        )
        self._training: PopulationTraining | ResilientTraining
        if resilience is None:
            self._training = build(members, device=device)
        else:
            self._training = ResilientTraining(
                build,
                members,
                batch_size=config.agent.batch_size,
                device=torch.device(device),
                resilience=resilience,
            )
        self._training_s += perf_counter() - started

    @property
    def n_steps(self) -> int:
        """Environment steps of the whole training of one policy."""
        return self._training.n_steps

    @property
    def n_done(self) -> int:
        """Environment steps that each policy has taken."""
        return self._training.n_done

    def advance(self, until_step: int) -> None:
        """Train until at least so many steps are done, or all are."""
        started = perf_counter()
        self._training.advance(until_step)
        self._training_s += perf_counter() - started

    def population(self) -> TrainedPopulation:
        """Copy the policies as they are now.

        Raises:
            TrialFailedError: If a weight or diagnostic is not finite.
        """
        return self._training.outcome()

    def outcome(self) -> Outcome:
        """Test the policies as they are now.

        Raises:
            TrialFailedError: If a weight or diagnostic is not finite.
        """
        population = self.population()
        started = perf_counter()
        *tests, holders = backtest_splits(
            self._config, self._search, self._splits, population.policy, self.scalers
        )
        self._evaluation_s += perf_counter() - started
        return Outcome(
            population=population,
            scalers=self.scalers,
            tests=tests,
            holders=holders,
            training_s=self._training_s,
            evaluation_s=self._evaluation_s,
            events=self._events,
        )

    @property
    def _events(self) -> list[Json]:
        return self._training.events if isinstance(self._training, ResilientTraining) else []


def train_and_test(
    config: TrialConfig,
    search: FeatureArrays,
    splits: Sequence[Split],
    *,
    seeds: Sequence[int],
) -> Outcome:
    """Train from beginning to end, and test; the arguments are those of `Tryout`."""
    tryout = Tryout(config, search, splits, seeds=seeds)
    tryout.advance(tryout.n_steps)
    return tryout.outcome()


def backtest_splits(
    config: TrialConfig,
    search: FeatureArrays,
    splits: Sequence[Split],
    policy: Policy,
    scalers: Sequence[Scaler],
) -> list[list[BlockResult]]:
    """Backtest all splits side by side.

    Args:
        config: The configuration.
        search: Feature arrays up to the hold-out.
        splits: A split numbered n is tested by member n.
        policy: The members.
        scalers: By which each member's market columns are standardised.

    Returns:
        Results of each split, one per test block; last those of equal weights that are sold at each
        deadline, on every test block.
    """
    market = MarketTensors.from_arrays(search, policy.device)
    observe = ObservationBuilder(
        market,
        lookback=config.lookback,
        scalers=scalers[: len(splits)],
        norm_tech_exp=config.norm_tech_exp,
        has_clock=config.rules.cycle_bars is not None,
    )
    tested = [policy.member_tensors(split.number) for split in splits]
    agents = PolicyActor(Policy.from_members(tested, policy.action_space), observe)
    all_blocks = sorted({block for split in splits for block in split.test_blocks})
    return backtest(
        search,
        SideBySide([agents, cycled_hodl(len(search.symbols), policy.device)]),
        market=market,
        rules=[config.rules] * len(splits) + [holding_rules(config.rules)],
        blocks=[*(split.test_blocks for split in splits), all_blocks],
        lookback=config.lookback,
    )


def training_scaler(search: FeatureArrays, blocks: Sequence[Block]) -> Scaler:
    """Fit a policy's scaler on the rows of its training blocks, and on no others."""
    rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    return fit_scaler(search.features, rows, columns=search.contract.columns)


def _members(
    search: FeatureArrays, splits: Sequence[Split], seeds: Sequence[int]
) -> list[MemberPlan]:
    blocks = [split.train_blocks for split in splits]
    if len(seeds) > len(splits):
        blocks.append(tuple(segment_blocks(search.segment)))
    return [
        MemberPlan(blocks=rows, scaler=training_scaler(search, rows), seed=seed)
        for rows, seed in zip(blocks, seeds, strict=True)
    ]
