"""Backtests: all members on all their blocks at once, in the environment of the training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.accounts import Traded, TradingAccounts
from cappuccino_assets.envs.benchmark import BuyAndHold
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.state import State
from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.evaluation.actors import Actor
from cappuccino_assets.execution.rules import RuleTensors, TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.types import FloatArray, IntArray

GroupBlock = tuple[int, Block]
Watcher = Callable[[State, Traded, State], None]
"""Is shown every bar of all accounts: how they were, what was traded, how they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockResult:
    """What one member did on one block; it began flat, and nothing precedes its first bar.

    Attributes:
        group: Test group that the block belongs to.
        open_time: Open of each bar that was traded through, UTC epoch seconds, shape (T,).
        bot_returns: Simple return of the equity per bar, shape (T,).
        hodl_returns: That of equal-weight buy and hold, bought once with the same costs.
        n_trades: Bars in which anything was filled.
        fees_usd: Fees paid.
        turnover: Gross value traded, in multiples of the equity at each decision.
        exposure: Mean fraction of the equity that is not cash, in [0, 1].
    """

    group: int
    open_time: IntArray
    bot_returns: FloatArray
    hodl_returns: FloatArray
    n_trades: int
    fees_usd: float
    turnover: float
    exposure: float

    @property
    def n_bars(self) -> int:
        """Bars that were traded through, T."""
        return len(self.open_time)


def backtest(
    arrays: FeatureArrays,
    actor: Actor,
    *,
    market: MarketTensors,
    rules: Sequence[TradingRules],
    blocks: Sequence[Sequence[GroupBlock]],
    lookback: int,
    watch: Watcher | None = None,
) -> list[list[BlockResult]]:
    """Trade every member through every one of its blocks, cycle after cycle.

    A block begins at its first row that can be traded and that a whole lookback precedes in its
    segment. Blocks do not know of each other: the account is new and flat at each one's start.

    Args:
        arrays: Market that `market` was made from.
        actor: Decides for all M members.
        market: The same on the device of the actor.
        rules: Rules of money, one per member.
        blocks: (group, block) pairs of each member.
        lookback: Bars that the first observation needs.
        watch: Is shown every bar; accounts are shape (M, E), E being the blocks of the member that
            has most.

    Returns:
        For each member the results of its blocks, in order.

    Raises:
        TrialFailedError: If a group of a member has no bar that could be traded through.
    """
    trimmed = [_trimmed(each, arrays, lookback) for each in blocks]
    start, stop = _episodes(trimmed, market.device)
    by_rules = RuleTensors(rules, market.device)
    measured = _measured(market, by_rules, actor, start, stop, watch).numpy()
    return [
        [
            _result(group, block, measured[:, : block.n_bars - 1, member, i], arrays)
            for i, (group, block) in enumerate(each)
        ]
        for member, each in enumerate(trimmed)
    ]


@torch.inference_mode()
def _measured(
    market: MarketTensors,
    rules: RuleTensors,
    actor: Actor,
    start: Tensor,
    stop: Tensor,
    watch: Watcher | None,
) -> Tensor:
    """Measure every bar of every account, shape (6, T, M, E), on the CPU."""
    accounts = TradingAccounts(market, rules, n_envs=start.shape[1], continuing=True)
    accounts.reset(start, stop)
    n_bars = int((stop - start).max()) - 1
    equity, cash, fees, traded_usd = _books(accounts, actor, n_bars, watch).unbind(1)
    number = torch.arange(1, n_bars + 1, device=market.device)[:, None, None]
    close = torch.embedding(market.close, (start + number).minimum(stop - 1))
    benchmark = BuyAndHold(market, rules).value(start, close)
    benchmark = torch.cat([torch.ones_like(benchmark[:1]), benchmark])
    measured = [
        equity[1:] / equity[:-1] - 1,
        benchmark[1:] / benchmark[:-1] - 1,
        fees[1:] - fees[:-1],
        traded_usd[1:],
        traded_usd[1:] / equity[:-1],
        1.0 - (cash / equity)[:-1].float().double(),  # as it was seen
    ]
    return torch.stack(measured).cpu()


def _books(accounts: TradingAccounts, actor: Actor, n_bars: int, watch: Watcher | None) -> Tensor:
    """Trade, and keep equity, cash, fees and the bar's volume, shape (T + 1, 4, M, E)."""
    state = accounts.state
    books = state.equity.new_empty(n_bars + 1, 4, *state.equity.shape)
    traded_usd = torch.zeros_like(state.equity)
    for t in range(n_bars + 1):
        state, ledger = accounts.state, accounts.state.account.ledger
        torch.stack([state.equity, ledger.cash, ledger.fees, traded_usd], out=books[t])
        if t < n_bars:
            traded = accounts.trade(actor.act(state.bar, state.seen))
            traded_usd = traded.traded_usd
            if watch is not None:
                watch(state, traded, accounts.state)
    return books


def _result(group: int, block: Block, measured: FloatArray, arrays: FeatureArrays) -> BlockResult:
    bot, hodl, fee_usd, traded_usd, turnover, exposure = measured
    return BlockResult(
        group=group,
        open_time=np.array(arrays.open_time[block.start + 1 : block.stop]),
        bot_returns=bot.copy(),
        hodl_returns=hodl.copy(),
        n_trades=int((traded_usd > 0).sum()),
        fees_usd=float(fee_usd.sum()),
        turnover=float(turnover.sum()),
        exposure=float(exposure.mean()),
    )


def _trimmed(
    blocks: Sequence[GroupBlock], arrays: FeatureArrays, lookback: int
) -> list[GroupBlock]:
    seen = arrays.segment[lookback - 1 :] == arrays.segment[: arrays.n_bars - lookback + 1]
    usable = arrays.tradable & np.append(np.zeros(lookback - 1, dtype=bool), seen)
    kept = []
    for group, block in blocks:
        starts = np.flatnonzero(usable[block.start : block.stop - 1])
        if starts.size:
            kept.append((group, Block(start=block.start + int(starts[0]), stop=block.stop)))
    for group in {group for group, _ in blocks} - {group for group, _ in kept}:
        n_bars = sum(block.n_bars for tested, block in blocks if tested == group)
        raise TrialFailedError(
            f"Nothing can be traded in test group {group}: none of its {n_bars} rows can be "
            f"traded, ends {lookback} bars of one segment, and has a row after it in its block."
        )
    return kept


def _episodes(
    blocks: Sequence[Sequence[GroupBlock]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Shape (M, E) starts and stops; members with fewer blocks idle in a copy of their first."""
    n_envs = max(map(len, blocks))
    rows = []
    for each in blocks:
        first = each[0][1].start
        idle = [(first, first + 2)] * (n_envs - len(each))
        rows.append([(block.start, block.stop) for _, block in each] + idle)
    start, stop = torch.tensor(rows, device=device).unbind(-1)
    return start, stop
