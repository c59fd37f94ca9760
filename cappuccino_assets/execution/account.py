"""One bar of an account: the order in which the rules of money act."""

from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.execution.deadlines import sell_everything
from cappuccino_assets.execution.fills import Fills, fill_orders
from cappuccino_assets.execution.ledger import Ledger, open_ledger
from cappuccino_assets.execution.masks import is_held
from cappuccino_assets.execution.prices import BarPrices
from cappuccino_assets.execution.risk import high_since_entry, trailing_stop
from cappuccino_assets.execution.rules import RuleTensors
from cappuccino_assets.execution.sizing import Orders, size_orders


class Account(NamedTuple):
    """What an account carries from bar to bar.

    Attributes:
        ledger: The books.
        high: Highest close since the entry, shape (M, E, N); means nothing where nothing is held,
            or where no member has a trailing stop.
        overdue: Mask: held although its cycle is over, for want of a price, shape (M, E, N).
    """

    ledger: Ledger
    high: Tensor
    overdue: Tensor


class BarTrades(NamedTuple):
    """What one bar made of accounts.

    Attributes:
        account: After the bar.
        held_after_open: Quantity after the fills at the open, before the cycle's settlement at the
            close, shape (M, E, N).
        traded_usd: Gross value that was traded in the bar, shape (M, E).
    """

    account: Account
    held_after_open: Tensor
    traded_usd: Tensor


def open_account(cash: Tensor, n_symbols: int) -> Account:
    """Start accounts that hold cash (M, E) and nothing else."""
    ledger = open_ledger(cash, n_symbols)
    nothing = torch.zeros_like(ledger.quantity)
    return Account(ledger=ledger, high=nothing, overdue=nothing)


def trade_bar(
    account: Account,
    action: Tensor,
    prices: BarPrices,
    *,
    equity: Tensor,
    fee_rate: Tensor,
    due: Tensor | None,
    rules: RuleTensors,
) -> BarTrades:
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
        due: Mask of the accounts whose cycle ends with the bar, shape (M, E); None where it is
            known to be the last of no cycle.
        rules: Of the M members.
    """
    released = account.overdue * prices.next_observed
    orders = _orders(account, action, prices, released=released, equity=equity, rules=rules)
    fills = fill_orders(
        account.ledger,
        orders,
        sell_price=prices.sell,
        buy_price=prices.buy,
        equity=equity,
        fee_rate=fee_rate,
        rules=rules,
    )
    traded = Account(
        ledger=fills.ledger,
        high=_high(account, fills, prices, rules),
        overdue=account.overdue - released,
    )
    if due is None:
        return BarTrades(traded, fills.ledger.quantity, fills.traded_usd)
    settled, proceeds = _settle(traded, due.unsqueeze(-1), prices, fee_rate)
    return BarTrades(settled, fills.ledger.quantity, fills.traded_usd.add_(proceeds))


def _orders(
    account: Account,
    action: Tensor,
    prices: BarPrices,
    *,
    released: Tensor,
    equity: Tensor,
    rules: RuleTensors,
) -> Orders:
    quantity, exits, forced = account.ledger.quantity, account.overdue, released
    if rules.has_trailing_stop:
        stopped = trailing_stop(prices.close, high=account.high, quantity=quantity, rules=rules)
        exits = exits.maximum(stopped)
        forced = forced.maximum(stopped.mul_(prices.tradable))
    orders = size_orders(
        action,
        free=(prices.tradable - exits).clamp_min_(0),
        equity=equity,
        quantity=quantity,
        close=prices.close,
        rules=rules,
    )
    return orders._replace(sell_quantity=orders.sell_quantity.lerp_(quantity, forced))


def _high(account: Account, fills: Fills, prices: BarPrices, rules: RuleTensors) -> Tensor:
    if not rules.has_trailing_stop:
        return account.high
    return high_since_entry(
        account.high, held=fills.held_between, fill_price=prices.buy, close=prices.next_close
    )


def _settle(
    account: Account, due: Tensor, prices: BarPrices, fee_rate: Tensor
) -> tuple[Account, Tensor]:
    ledger, proceeds = sell_everything(
        account.ledger, prices.next_observed * due, prices.final_sell, fee_rate
    )
    overdue = account.overdue.maximum(due).mul_(is_held(ledger.quantity))
    return account._replace(ledger=ledger, overdue=overdue), proceeds
