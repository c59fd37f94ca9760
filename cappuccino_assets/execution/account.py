"""One bar of an account: the order in which the rules of money act."""

from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.execution.deadlines import sell_everything
from cappuccino_assets.execution.fills import fill_orders
from cappuccino_assets.execution.ledger import Ledger, open_ledger
from cappuccino_assets.execution.risk import force_exits, high_since_entry, trailing_stop
from cappuccino_assets.execution.rules import RuleTensors
from cappuccino_assets.execution.sizing import Orders, size_orders


class Account(NamedTuple):
    """What an account carries from bar to bar.

    Attributes:
        ledger: The books.
        high: Highest close since the entry, shape (M, E, N); means nothing where nothing is held.
        overdue: Held although its cycle is over, for want of a price, bool, shape (M, E, N).
    """

    ledger: Ledger
    high: Tensor
    overdue: Tensor


class BarPrices(NamedTuple):
    """Prices of one decision and the bar that follows it; shapes (M, E, N).

    Attributes:
        close: At the decision, in USD.
        next_open: At which orders are filled.
        next_close: At which the account is marked.
        tradable: Whether orders may be sent and filled: observed at both bars.
        next_observed: Whether the following bar is a real one.
    """

    close: Tensor
    next_open: Tensor
    next_close: Tensor
    tradable: Tensor
    next_observed: Tensor


def open_account(cash: Tensor, n_symbols: int) -> Account:
    """Start accounts that hold cash (M, E) and nothing else."""
    ledger = open_ledger(cash, n_symbols)
    return Account(
        ledger=ledger,
        high=torch.zeros_like(ledger.quantity),
        overdue=torch.zeros_like(ledger.quantity, dtype=torch.bool),
    )


def trade_bar(
    account: Account,
    action: Tensor,
    prices: BarPrices,
    *,
    equity: Tensor,
    fee_rate: Tensor,
    due: Tensor,
    rules: RuleTensors,
) -> tuple[Account, Tensor]:
    """Decide at a close, fill at the next open, and settle the cycle at the next close.

    1. Actions become orders. 2. A trailing stop or an overdue position turns into the sale of the
    whole position, and nothing of that symbol is bought. 3. Orders are filled at the open: first
    the sales, then the purchases from what cash there is. 4. With the last bar of a cycle
    everything is sold at its close. A position whose symbol has no real bar there is overdue: it is
    sold at the first open that there is, and not bought until then.

    Args:
        account: Before the bar.
        action: In [-1, 1], shape (M, E, N).
        prices: Of the decision and of the bar.
        equity: At the decision, in USD, shape (M, E).
        fee_rate: Fraction of notional for all of the bar's fills, shape (M, E).
        due: Whether the bar is the last of its cycle, bool, shape (M, E).
        rules: Of the M members.

    Returns:
        The account after the bar, and the gross value that it traded in it, shape (M, E).
    """
    orders = _orders(account, action, prices, equity=equity, rules=rules)
    fills = fill_orders(
        account.ledger,
        orders,
        open_price=prices.next_open,
        reserve_usd=equity * rules.min_cash_reserve,
        fee_rate=fee_rate,
        rules=rules,
    )
    due_symbols = due[..., None]
    ledger, proceeds = sell_everything(
        fills.ledger,
        prices.next_observed & due_symbols,
        prices.next_close * rules.sell_factor,
        fee_rate,
    )
    after = Account(
        ledger=ledger,
        high=high_since_entry(
            account.high,
            held=fills.held_between,
            fill_price=fills.buy_price,
            close=prices.next_close,
        ),
        overdue=(account.overdue | due_symbols) & ledger.quantity.bool(),
    )
    return after, fills.traded_usd + proceeds


def _orders(
    account: Account, action: Tensor, prices: BarPrices, *, equity: Tensor, rules: RuleTensors
) -> Orders:
    quantity = account.ledger.quantity
    wanted = size_orders(action, equity=equity, quantity=quantity, close=prices.close, rules=rules)
    stopped = trailing_stop(prices.close, high=account.high, quantity=quantity, rules=rules)
    orders = force_exits(wanted, stopped | account.overdue, quantity)
    may_sell = prices.tradable | (account.overdue & prices.next_observed)
    return Orders(
        sell_quantity=orders.sell_quantity * may_sell,
        buy_usd=orders.buy_usd * prices.tradable,
    )
