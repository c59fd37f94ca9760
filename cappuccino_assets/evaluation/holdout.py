"""The final hold-out: its bars, and what an agent and its rivals do on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.evaluation.actors import Actor, SideBySide
from cappuccino_assets.evaluation.backtest import BlockResult, GroupBlock, backtest
from cappuccino_assets.evaluation.baselines import (
    BITCOIN,
    bitcoin_only,
    cash,
    cycled_hodl,
    holding_rules,
    random_backtests,
)
from cappuccino_assets.evaluation.performance import Performance, performance
from cappuccino_assets.evaluation.placebo import N_AGENTS, Placebo, placebo_equity, placebo_rank
from cappuccino_assets.evaluation.recording import RecordedTrades, TradeRecorder
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block, segment_blocks

AGENT: Final = "agent"
RIVALS: Final = ("cycled_hodl", "bitcoin", "cash", "random")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdout:
    """Bars that no search has seen, behind as many as a first observation needs.

    Attributes:
        arrays: The bars of the lookback, which are seen and not traded, then the hold-out's.
        blocks: The hold-out's segments, as rows of `arrays`.
        begins_at: Open of the first bar of the hold-out, UTC.
        ends_at: Close of its last bar, UTC.
        lookback: Bars of an observation.
    """

    arrays: FeatureArrays
    blocks: tuple[Block, ...]
    begins_at: datetime
    ends_at: datetime
    lookback: int

    @property
    def group_blocks(self) -> list[GroupBlock]:
        """All blocks as those of one group, for a backtest."""
        return [(0, block) for block in self.blocks]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HoldoutOutcome:
    """What an agent and its rivals did on a hold-out.

    Attributes:
        results: By name, the agent first: one result per block that could be traded.
        performances: By name, in the same order.
        placebo: Many agents that traded at random; the rival `random` is the first of them.
        trades: The agent's.
    """

    results: Mapping[str, list[BlockResult]]
    performances: Mapping[str, Performance]
    placebo: Placebo
    trades: RecordedTrades

    def returns_frame(self) -> pl.DataFrame:
        """Tabulate the simple returns: one row per block and bar, a column for each name.

        The column `hodl` is equal-weight buy and hold, bought once at each block's start.
        """
        blocks = zip(*self.results.values(), strict=True)
        frames = [
            pl.DataFrame(
                {
                    "open_time": block[0].open_time,
                    "hodl": block[0].hodl_returns,
                    **dict(zip(self.results, (each.bot_returns for each in block), strict=True)),
                }
            ).with_columns(pl.lit(number, pl.Int32).alias("block"))
            for number, block in enumerate(blocks)
        ]
        time = pl.from_epoch("open_time", "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return pl.concat(frames).select("block", time, "hodl", *self.results)


def cut_holdout(arrays: FeatureArrays, holdout_from: datetime, *, lookback: int) -> Holdout:
    """Cut the hold-out off, with the bars that its first observation looks back to.

    Args:
        arrays: All rows.
        holdout_from: Close of the last bar that the search saw, UTC.
        lookback: Bars of an observation.

    Raises:
        ValueError: If the time has no zone, or the lookback is not positive.
        HistoryTooShortError: If there is no row before the time, or none after it.
    """
    if lookback < 1:
        raise ValueError(f"A lookback is at least 1 bar, but got {lookback=}.")
    search, _ = arrays.split_at(holdout_from)
    n_seen = min(lookback - 1, search.n_bars)
    cut = arrays.block(Block(start=search.n_bars - n_seen, stop=arrays.n_bars))
    first, last = int(cut.open_time[n_seen]), int(cut.open_time[-1])
    return Holdout(
        arrays=cut,
        blocks=tuple(segment_blocks(cut.segment, start=n_seen)),
        begins_at=datetime.fromtimestamp(first, UTC),
        ends_at=datetime.fromtimestamp(last + arrays.interval.seconds, UTC),
        lookback=lookback,
    )


def trade_holdout(
    holdout: Holdout, market: MarketTensors, agent: Actor, rules: TradingRules, *, seed: int
) -> HoldoutOutcome:
    """Let an agent trade a hold-out, and its rivals by the same rules of money.

    Each block of the hold-out begins flat, at its first row that can be traded, and runs cycle
    after cycle to its end. Who holds may spend all cash and has no stop; bitcoin alone is held
    where it is traded. Who trades at random trades about as much as the agent did.

    Args:
        holdout: The bars.
        market: The same on the device of the agent.
        agent: One member.
        rules: The agent's rules.
        seed: Source of the random trades.

    Raises:
        TrialFailedError: If no bar could be traded through.
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    arrays, recorder = holdout.arrays, TradeRecorder()
    holding, n_symbols = holding_rules(rules), len(arrays.symbols)
    holders = {"cycled_hodl": cycled_hodl(n_symbols)}
    if BITCOIN in arrays.symbols:
        holders["bitcoin"] = bitcoin_only(arrays.symbols)
    holders["cash"] = cash(n_symbols)
    traded, *held = backtest(
        arrays,
        SideBySide([agent, *holders.values()]),
        market=market,
        rules=[rules] + [holding] * len(holders),
        blocks=[holdout.group_blocks] * (1 + len(holders)),
        lookback=holdout.lookback,
        watch=recorder,
    )
    at_random = _traded_at_random(holdout, market, rules, like=traded, seed=seed)
    names = (AGENT, *holders, "random")
    results = dict(zip(names, (traded, *held, at_random[0]), strict=True))
    performances = {
        name: performance(each, interval=arrays.interval) for name, each in results.items()
    }
    rank = placebo_rank(performances[AGENT], at_random, interval=arrays.interval)
    return HoldoutOutcome(
        results=results,
        performances=performances,
        placebo=Placebo(rank=rank, equity=placebo_equity(at_random)),
        trades=recorder.recorded(arrays, rules),
    )


def _traded_at_random(
    holdout: Holdout,
    market: MarketTensors,
    rules: TradingRules,
    *,
    like: Sequence[BlockResult],
    seed: int,
) -> list[list[BlockResult]]:
    turnover, n_bars = sum(each.turnover for each in like), sum(each.n_bars for each in like)
    return random_backtests(
        holdout.arrays,
        market=market,
        rules=rules,
        blocks=holdout.group_blocks,
        lookback=holdout.lookback,
        turnover_per_bar=turnover / n_bars,
        seeds=range(seed, seed + N_AGENTS),
    )
