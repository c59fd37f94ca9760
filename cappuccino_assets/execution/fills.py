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
        buy_price: At which purchases were filled, shape (M, E, N).
        traded_usd: Gross value of all fills, shape (M, E).
    """

    ledger: Ledger
    held_between: Tensor
    buy_price: Tensor
    traded_usd: Tensor


def fill_orders(
    ledger: Ledger,
    orders: Orders,
    *,
    open_price: Tensor,
    reserve_usd: Tensor,
    fee_rate: Tensor,
    rules: RuleTensors,
) -> Fills:
    """Fill all sales, then let the purchases share the cash above the reserve.

    Prices move against the trader by half the spread and the slippage. No symbol goes before
    another, so their order changes nothing.

    Args:
        ledger: Accounts before.
        orders: Only for symbols that trade in this bar.
        open_price: Of this bar, in USD, shape (M, E, N).
        reserve_usd: Cash that purchases must leave, shape (M, E).
        fee_rate: Fraction of notional, shape (M, E).
        rules: Of the M members.
    """
    sold, proceeds = record_sales(
        ledger, orders.sell_quantity, open_price * rules.sell_factor, fee_rate
    )
    price = open_price * rules.buy_factor
    notional = share_cash(
        orders.buy_usd,
        spendable=sold.cash - reserve_usd,
        price=price,
        fee_rate=fee_rate,
        rules=rules,
    )
    bought, cost = record_purchases(sold, notional, price, fee_rate)
    return Fills(
        ledger=bought,
        held_between=sold.quantity,
        buy_price=price,
        traded_usd=proceeds + cost,
    )
