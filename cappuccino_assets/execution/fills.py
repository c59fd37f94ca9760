"""What happens to orders at the open of the next bar."""

from typing import NamedTuple

from torch import Tensor

from cappuccino_assets.execution.ledger import Ledger, record_purchases, record_sales
from cappuccino_assets.execution.rules import RuleTensors
from cappuccino_assets.execution.sizing import Orders, share_cash


class Fills(NamedTuple):
    """The outcome of one bar's orders.

    Attributes:
        ledger: Accounts after.
        held_between: Quantity after the sales and before the purchases, shape (M, E, N).
        traded_usd: Gross value of all fills, shape (M, E).
    """

    ledger: Ledger
    held_between: Tensor
    traded_usd: Tensor


def fill_orders(
    ledger: Ledger,
    orders: Orders,
    *,
    sell_price: Tensor,
    buy_price: Tensor,
    equity: Tensor,
    fee_rate: Tensor,
    rules: RuleTensors,
) -> Fills:
    """Fill all sales, then let the purchases share the cash above the reserve.

    No symbol goes before another, so their order changes nothing.

    Args:
        ledger: Accounts before.
        orders: Only for symbols that trade in this bar.
        sell_price: Paid for what is sold, in USD, shape (M, E, N).
        buy_price: Paid for what is bought, in USD, shape (M, E, N).
        equity: At the decision, in USD, shape (M, E).
        fee_rate: Fraction of notional, shape (M, E).
        rules: Of the M members.
    """
    sold, proceeds = record_sales(ledger, orders.sell_quantity, sell_price, fee_rate)
    spendable = sold.cash
    if rules.has_cash_reserve:
        spendable = spendable - equity * rules.min_cash_reserve
    purchases = share_cash(
        orders.buy_usd, spendable=spendable, price=buy_price, fee_rate=fee_rate, rules=rules
    )
    bought, cost = record_purchases(sold, purchases, buy_price, fee_rate)
    return Fills(ledger=bought, held_between=sold.quantity, traded_usd=proceeds.add_(cost))
