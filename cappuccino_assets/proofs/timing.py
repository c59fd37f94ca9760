"""At which bar's prices orders are filled and positions marked, read off the books."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.proofs.cuts import Cut
from cappuccino_assets.proofs.findings import Check
from cappuccino_assets.proofs.history import Seen
from cappuccino_assets.proofs.records import Difference, compare, difference
from cappuccino_assets.proofs.settings import plain_rules
from cappuccino_assets.proofs.trades import episodes, orders_record, seeded_actions, trade
from cappuccino_assets.types import FloatArray, IntArray

_TOLERANCE: Final = 1e-9  # of rounding, relative
_REWARD_TOLERANCE: Final = 1e-6  # of rewards, which are float32
_SMALLEST_USD: Final = 1.0  # of a trade whose price can be read off the cash
_REWARD, _TRADED, _EQUITY, _CASH, _FEES, _QUANTITY = range(6)


def timing_checks(seen: Seen) -> Iterator[Check]:
    """Check that a decision is filled, marked and paid by the bar after it, and by no other.

    One symbol is traded in each bar, so the change of cash and quantity tells the price.
    """
    n_symbols, rules = len(seen.arrays.symbols), plain_rules(seen.plan)
    blocks = episodes(seen, seen.settings.cycle_bars + 1)
    rows, values = trade(seen, blocks, _one_symbol_a_bar(seen), rules, RewardConfig())
    before = _before(values, blocks, rules.initial_cash_usd)
    change = values - before
    quantity = change[:, _QUANTITY : _QUANTITY + n_symbols]
    traded, symbol = _traded(values, quantity)
    cost = 1 + rules.price_cost * np.sign(quantity[traded, symbol])
    prices = -(change[traded, _CASH] + change[traded, _FEES]) / quantity[traded, symbol]
    at = rows[traded]
    yield _check(
        "fills: at the open of the next bar",
        [f"{seen.arrays.symbols[n]}.fill price" for n in symbol],
        seen,
        at,
        expected=seen.arrays.open[at + 1, symbol] * cost,
        found=prices,
        tolerance=_TOLERANCE,
    )
    held = values[:, _QUANTITY : _QUANTITY + n_symbols]
    yield _check(
        "marks: at the close of the next bar",
        "equity",
        seen,
        rows,
        expected=values[:, _CASH] + (held * seen.arrays.close[rows + 1]).sum(axis=1),
        found=values[:, _EQUITY],
        tolerance=_TOLERANCE,
    )
    yield _rewards_check(seen, blocks, rows, values, before)


def _rewards_check(
    seen: Seen, blocks: list[Block], rows: IntArray, values: FloatArray, before: FloatArray
) -> Check:
    """Compare rewards with the growth of equity over that of buy and hold, in the same bar."""
    start = np.repeat([block.start for block in blocks], [block.n_bars - 1 for block in blocks])
    bought = seen.arrays.open[start + 1]
    hodl, hodl_before = ((seen.arrays.close[at] / bought).sum(axis=1) for at in (rows + 1, rows))
    paid = np.log(values[:, _EQUITY] / before[:, _EQUITY]) - np.log(hodl / hodl_before)
    later = rows > start  # in the first bar buy and hold pays its costs
    return _check(
        "rewards: for the next bar",
        "reward",
        seen,
        rows[later],
        expected=paid[later],
        found=values[later, _REWARD],
        tolerance=_REWARD_TOLERANCE,
    )


def orders_check(seen: Seen, cuts: Sequence[Cut]) -> Check:
    """Check that orders know nothing of the bar that fills them but its open.

    What is sold at a cycle's end, at a close, is left out: it is compared with other futures.
    """
    whole, n_cuts, n_rows = orders_record(seen), 0, 0
    first: Difference | None = None
    for cut in cuts:
        row = int(np.searchsorted(seen.known_at, cut.time, side="right")) - 1
        other = orders_record(_with_other_closes(seen, row, seed=cut.time))
        n, first = compare(whole, other, cut=int(seen.known_at[row]))
        n_cuts, n_rows = n_cuts + 1, n_rows + n
        if first is not None:
            break
    name = "orders: know the open of the next bar only"
    return Check(name=name, n_cuts=n_cuts, n_rows=n_rows, difference=first)


def _with_other_closes(seen: Seen, row: int, *, seed: int) -> Seen:
    """Change all prices after a row, but the open that follows it."""
    rng = np.random.default_rng(seed)
    factor = np.exp(rng.choice([-0.3, 0.3], seen.arrays.close[row + 1 :].shape))
    open_, close = seen.arrays.open.copy(), seen.arrays.close.copy()
    close[row + 1 :] *= factor
    open_[row + 2 :] *= factor[1:]
    return replace(seen, arrays=replace(seen.arrays, open=open_, close=close))


def _one_symbol_a_bar(seen: Seen) -> Tensor:
    actions = torch.zeros(seen.arrays.n_bars, len(seen.arrays.symbols), dtype=torch.float64)
    row = torch.arange(len(actions))
    drawn = seeded_actions(seen)
    symbol = row % actions.shape[1]
    actions[row, symbol] = drawn[row, symbol]
    return actions


def _before(values: FloatArray, blocks: list[Block], cash: float) -> FloatArray:
    """What was measured one decision earlier; a new account before the first of an episode."""
    new = np.zeros(values.shape[1])
    new[[_EQUITY, _CASH]] = cash
    firsts = np.cumsum([0, *(block.n_bars - 1 for block in blocks[:-1])])
    before = np.roll(values, 1, axis=0)
    before[firsts] = new
    return before


def _traded(values: FloatArray, quantity: FloatArray) -> tuple[IntArray, IntArray]:
    symbol = np.abs(quantity).argmax(axis=1)
    is_traded = (values[:, _TRADED] > _SMALLEST_USD) & (np.abs(quantity).max(axis=1) > 0)
    traded = np.flatnonzero(is_traded)
    return traded, symbol[traded]


def _check(
    name: str,
    column: str | list[str],
    seen: Seen,
    rows: IntArray,
    *,
    expected: FloatArray,
    found: FloatArray,
    tolerance: float,
) -> Check:
    differs = np.flatnonzero(~(np.abs(found - expected) <= tolerance * (1 + np.abs(expected))))
    first: Difference | None = None
    if differs.size:
        i = int(differs[0])
        first = difference(
            column if isinstance(column, str) else column[i],
            row=int(rows[i]),
            time=int(seen.arrays.open_time[rows[i]]),
            expected=float(expected[i]),
            found=float(found[i]),
        )
    return Check(name=name, n_cuts=1, n_rows=len(rows), difference=first)
