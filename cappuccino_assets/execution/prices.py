"""Prices of one decision and of the bar that follows it."""

from typing import NamedTuple

from torch import Tensor


class BarPrices(NamedTuple):
    """What the trade of one bar depends on; float64, in USD where not said.

    Shapes are (M, E, N), or those of the tensors that `bar_prices` was given.

    Attributes:
        close: At the decision.
        sell: Paid for what is sold at the next open.
        buy: Paid for what is bought at the next open.
        next_close: At which the account is marked.
        final_sell: Paid for what is sold at the next close.
        tradable: Mask: orders may be sent and filled, for both bars are observed.
        next_observed: Mask: the following bar is a real one.
    """

    close: Tensor
    sell: Tensor
    buy: Tensor
    next_close: Tensor
    final_sell: Tensor
    tradable: Tensor
    next_observed: Tensor


def bar_prices(
    *,
    close: Tensor,
    next_open: Tensor,
    next_close: Tensor,
    observed: Tensor,
    next_observed: Tensor,
    price_cost: float,
) -> BarPrices:
    """Move prices against the trader by half the spread and the slippage.

    Args:
        close: At the decision, in USD.
        next_open: At which orders are filled.
        next_close: At which what is due is sold.
        observed: Whether the decision's bar is a real one, bool.
        next_observed: Whether the following bar is, bool.
        price_cost: Fraction by which a fill's price is moved.
    """
    return BarPrices(
        close=close,
        sell=next_open * (1 - price_cost),
        buy=next_open * (1 + price_cost),
        next_close=next_close,
        final_sell=next_close * (1 - price_cost),
        tradable=(observed & next_observed).double(),
        next_observed=next_observed.double(),
    )
