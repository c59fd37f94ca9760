"""Agents that trade at random, as the trials of a study."""

from collections.abc import Sequence
from dataclasses import dataclass

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.evaluation.actors import Actor, RandomActor, SideBySide
from cappuccino_assets.evaluation.audit import check_trades
from cappuccino_assets.evaluation.backtest import BlockResult, GroupBlock, backtest
from cappuccino_assets.evaluation.baselines import cycled_hodl, holding_rules, matching_rates
from cappuccino_assets.evaluation.costs import cost_curve
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.evaluation.holdout import cut_holdout, trade_holdout
from cappuccino_assets.execution.fees import fee_schedule
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.registry.finalists import FinalTest
from cappuccino_assets.tuning.judgement import SplitResult, judge
from cappuccino_assets.tuning.plans import StudyPlan

_LOOKBACK = 1  # nothing is observed
_N_PROBES = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomTraders:
    """A study's market, and agents that trade on it at random by the rules of its phase.

    Args:
        plan: The study.
        arrays: All rows, the hold-out included.
        rates: Of each agent the probability that it trades a symbol in a bar.
    """

    plan: StudyPlan
    arrays: FeatureArrays
    rates: tuple[float, ...]

    @property
    def rules(self) -> TradingRules:
        """By which all of them trade."""
        return rules_of(self.plan)

    def tests(
        self, agents: Sequence[int], *seed_parts: str | int
    ) -> tuple[list[Split], list[list[list[BlockResult]]], list[BlockResult]]:
        """Let agents trade the test blocks of every split, each split with a seed of its own.

        Args:
            agents: Which of them.
            seed_parts: Tells one seed from another.

        Returns:
            The splits; of each agent and split the results of the blocks; and those of equal
            weights that are sold at each deadline, on every block.
        """
        plan, search = self.plan, self.plan.search_arrays(self.arrays)
        splits = _splits(plan, search)
        actors: list[Actor] = [
            RandomActor(
                rate=self.rates[agent],
                seeds=[plan.seed_of(agent, *seed_parts, split.number) for split in splits],
                n_symbols=len(plan.symbols),
            )
            for agent in agents
        ]
        blocks = [split.test_blocks for _ in agents for split in splits]
        rules = [self.rules] * len(blocks) + [holding_rules(self.rules)]
        *tested, holders = backtest(
            search,
            SideBySide([*actors, cycled_hodl(len(plan.symbols))]),
            market=MarketTensors.from_arrays(search),
            rules=rules,
            blocks=[*blocks, _all_blocks(splits)],
            lookback=_LOOKBACK,
        )
        n = len(splits)
        return splits, [tested[i : i + n] for i in range(0, len(tested), n)], holders

    def judged(self, agents: Sequence[int], *seed_parts: str | int) -> list[list[SplitResult]]:
        """Measure what `tests` returns, by agent and split."""
        splits, tests, holders = self.tests(agents, *seed_parts)
        return [judged_splits(splits, each, holders, self.plan) for each in tests]

    def final_test(self, agent: int) -> FinalTest:
        """Let an agent trade the hold-out, beside its rivals and at other costs."""
        plan, rules = self.plan, self.rules
        holdout = cut_holdout(self.arrays, plan.holdout_from, lookback=_LOOKBACK)
        market = MarketTensors.from_arrays(holdout.arrays)
        seed = plan.seed_of(agent, "holdout")

        def actor(n_members: int) -> RandomActor:
            return RandomActor(
                rate=self.rates[agent], seeds=[seed] * n_members, n_symbols=len(plan.symbols)
            )

        def at_costs(changed: Sequence[TradingRules]) -> list[list[BlockResult]]:
            return backtest(
                holdout.arrays,
                actor(len(changed)),
                market=market,
                rules=changed,
                blocks=[holdout.group_blocks] * len(changed),
                lookback=_LOOKBACK,
            )

        outcome = trade_holdout(holdout, market, actor(1), rules, seed=seed + 1)
        return FinalTest(
            holdout=holdout,
            outcome=outcome,
            costs=cost_curve(at_costs, rules, interval=plan.interval),
            ledger=check_trades(outcome.trades, holdout.arrays, rules),
        )


def matched_traders(
    plan: StudyPlan, arrays: FeatureArrays, turnovers: Sequence[float]
) -> RandomTraders:
    """Make agents that trade about as much as others did.

    Args:
        plan: The study.
        arrays: All rows, the hold-out included.
        turnovers: Gross value to trade per day, in multiples of equity; one agent each.
    """
    search, rules = plan.search_arrays(arrays), rules_of(plan)
    blocks = _all_blocks(_splits(plan, search))

    def trade(actor: Actor) -> list[list[BlockResult]]:
        n_members = actor.n_members
        return backtest(
            search,
            actor,
            market=MarketTensors.from_arrays(search),
            rules=[rules] * n_members,
            blocks=[blocks] * n_members,
            lookback=_LOOKBACK,
        )

    rates = matching_rates(
        trade,
        [turnover / plan.interval.bars_per_day for turnover in turnovers],
        n_symbols=len(plan.symbols),
        seeds=[plan.seed_of("probe", n) for n in range(_N_PROBES)],
    )
    return RandomTraders(plan=plan, arrays=arrays, rates=tuple(rates))


def judged_splits(
    splits: Sequence[Split],
    tests: Sequence[Sequence[BlockResult]],
    holders: Sequence[BlockResult],
    plan: StudyPlan,
) -> list[SplitResult]:
    """Measure one agent's splits."""
    return [
        judge(split, each, holders, interval=plan.interval)
        for split, each in zip(splits, tests, strict=True)
    ]


def rules_of(plan: StudyPlan) -> TradingRules:
    """Rules of money of a study, with the usual size of a trade."""
    return TradingRules(
        symbols=plan.symbols,
        fees=fee_schedule(plan.fees),
        bars_per_day=plan.interval.bars_per_day,
        cycle_bars=plan.cycle_bars,
    )


def _splits(plan: StudyPlan, search: FeatureArrays) -> list[Split]:
    splits = plan.splits(memory_bars=search.contract.memory_bars, lookback=_LOOKBACK)
    return splits.split(search.segment)


def _all_blocks(splits: Sequence[Split]) -> list[GroupBlock]:
    return sorted({block for split in splits for block in split.test_blocks})
