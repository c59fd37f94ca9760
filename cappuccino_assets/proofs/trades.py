"""What seeded trades come to in training and in evaluation, as records."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.evaluation.actors import Actor
from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.proofs.history import Seen
from cappuccino_assets.proofs.records import Record
from cappuccino_assets.proofs.settings import REWARD, full_rules
from cappuccino_assets.proofs.sights import sees_whole_lookback
from cappuccino_assets.types import FloatArray, IntArray

_EVALUATED_CYCLES: Final = 2.5  # of a block: the last cycle is cut short
_ORDERED: Final = ("traded_usd", "cash", "fees")


class TableActor:
    """Trades what a table says for each row.

    Args:
        actions: Trades in [-1, 1], shape (T, N).
    """

    def __init__(self, actions: Tensor):
        self._actions = actions

    @property
    def n_members(self) -> int:
        """One."""
        return 1

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Look the row up."""
        return self._actions[bar]


def seeded_actions(seen: Seen) -> Tensor:
    """Draw a trade for every row and symbol; a longer history begins like a shorter one."""
    rng = np.random.default_rng(seen.settings.seed)
    return torch.tensor(rng.uniform(-1, 1, (seen.arrays.n_bars, len(seen.arrays.symbols))))


def episodes(seen: Seen, n_bars: int) -> list[Block]:
    """Lay episodes of at most so many rows one after another.

    Args:
        seen: What is traded.
        n_bars: Rows from one stretch of time to the next.

    Returns:
        In each stretch and segment, from the first row that can be decided at.

    Raises:
        HistoryTooShortError: If there is none.
    """
    usable = seen.arrays.tradable & sees_whole_lookback(seen)
    found = []
    for first in range(0, seen.arrays.n_bars, n_bars):
        for block in segment_blocks(seen.arrays.segment, first, first + n_bars):
            starts = np.flatnonzero(usable[block.rows][:-1])
            if starts.size:
                found.append(Block(start=block.start + int(starts[0]), stop=block.stop))
    if not found:
        raise HistoryTooShortError("No decision can be traded", n_bars=0, n_required=2)
    return found


def training_record(seen: Seen) -> Record:
    """Rewards, books and accounts of training episodes; one row per decision."""
    blocks = episodes(seen, seen.settings.cycle_bars + 1)
    rows, values = trade(seen, blocks, seeded_actions(seen), full_rules(seen.plan), REWARD)
    closes, settled = _next_bar(seen, rows)
    return Record(
        time=seen.arrays.open_time[rows],
        known_at=closes,
        settled_at=settled,
        columns=trade_columns(seen),
        values=values,
    )


def evaluation_record(seen: Seen) -> Record:
    """Returns of backtested blocks, and those of buy and hold; one row per bar traded through."""
    results = evaluated(seen, TableActor(seeded_actions(seen)))
    time = np.concatenate([each.open_time for each in results])
    rows = np.searchsorted(seen.arrays.open_time, time)
    returns = [np.stack([each.bot_returns, each.hodl_returns], axis=1) for each in results]
    return Record(
        time=time,
        known_at=seen.known_at[rows],
        settled_at=seen.settled_at[rows],
        columns=("bot_return", "hodl_return"),
        values=np.concatenate(returns),
    )


def orders_record(seen: Seen) -> Record:
    """What is traded and held after the fills of each decision, as if known at the decision.

    Where a cycle ends, everything is sold at a close: that is known when it is.
    """
    blocks = episodes(seen, seen.settings.cycle_bars + 1)
    rows, values = trade(seen, blocks, seeded_actions(seen), full_rules(seen.plan), REWARD)
    number = rows - np.repeat(
        [block.start for block in blocks], [block.n_bars - 1 for block in blocks]
    )
    ends_cycle = number == seen.settings.cycle_bars - 1
    known_at = np.where(ends_cycle, seen.known_at[rows + 1], seen.known_at[rows])
    columns = trade_columns(seen)
    bought = [i for i, name in enumerate(columns) if name in _ORDERED or "quantity" in name]
    return Record(
        time=seen.arrays.open_time[rows],
        known_at=known_at,
        settled_at=np.maximum(known_at, seen.settled_at[rows + 1]),
        columns=tuple(columns[i] for i in bought),
        values=values[:, bought],
    )


def evaluated(seen: Seen, actor: Actor) -> list[BlockResult]:
    """Backtest an actor on blocks that lie one after another."""
    blocks = episodes(seen, int(_EVALUATED_CYCLES * seen.settings.cycle_bars))
    (results,) = seen.pipeline.evaluate(
        seen.arrays,
        actor,
        market=MarketTensors.from_arrays(seen.arrays),
        rules=[full_rules(seen.plan)],
        blocks=[list(enumerate(blocks))],
        lookback=seen.settings.lookback,
    )
    return results


def trade_columns(seen: Seen) -> tuple[str, ...]:
    """Names of what `trade` measures."""
    held = (f"{symbol}.quantity" for symbol in seen.arrays.symbols)
    weights = (f"{symbol}.weight seen" for symbol in seen.arrays.symbols)
    money = ("reward", "traded_usd", "equity", "cash", "fees")
    return (*money, *held, "cash_weight seen", *weights, "cycle_left seen")


@torch.inference_mode()
def trade(
    seen: Seen,
    blocks: Sequence[Block],
    actions: Tensor,
    rules: TradingRules,
    reward: RewardConfig,
) -> tuple[IntArray, FloatArray]:
    """Trade all episodes side by side.

    Args:
        seen: The market.
        blocks: Rows of each episode, in order.
        actions: Trades by row, shape (T, N).
        rules: Of money.
        reward: Terms of the reward.

    Returns:
        Rows of all decisions in order, shape (D,), and what each came to: reward, gross value
        traded, equity, cash, fees, quantities, and the account as seen after it; shape (D, C).
    """
    market = MarketTensors.from_arrays(seen.arrays)
    environment = seen.pipeline.environment(market, rules, reward, len(blocks))
    start = torch.tensor([[block.start for block in blocks]])
    stop = torch.tensor([[block.stop for block in blocks]])
    environment.reset(start, stop)
    measured = []
    for i in range(int((stop - start).max()) - 1):
        step = environment.step(actions[(start + i).minimum(stop - 1)])
        ledger = environment.ledger
        account = [step.reward, step.traded_usd, environment.equity, ledger.cash, ledger.fees]
        parts = [torch.stack([each.double() for each in account], dim=-1), ledger.quantity]
        measured.append(torch.cat([*parts, environment.account.double()], dim=-1)[0])
    values = torch.stack(measured).numpy()  # (steps, E, C)
    lengths = [block.n_bars - 1 for block in blocks]
    rows = [np.arange(block.start, block.stop - 1) for block in blocks]
    return np.concatenate(rows), np.concatenate(
        [values[:length, e] for e, length in enumerate(lengths)]
    )


def _next_bar(seen: Seen, rows: IntArray) -> tuple[IntArray, IntArray]:
    """When the bar after each row closes, and from when on it is settled."""
    return seen.known_at[rows + 1], seen.settled_at[rows + 1]
