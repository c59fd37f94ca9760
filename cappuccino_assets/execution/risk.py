"""Exits that override what the agent wants."""

from torch import Tensor

from cappuccino_assets.execution.rules import RuleTensors
from cappuccino_assets.execution.sizing import Orders


def trailing_stop(close: Tensor, *, high: Tensor, quantity: Tensor, rules: RuleTensors) -> Tensor:
    """Tell where the close has fallen too far below the high since entry.

    Args:
        close: In USD, shape (M, E, N).
        high: Highest close since the entry, and at least the entry's price, shape (M, E, N).
        quantity: Held, shape (M, E, N).
        rules: Of the M members.

    Returns:
        Bool, shape (M, E, N); never true where nothing is held or the stop is off.
    """
    return (close < high * rules.stop_factor) & quantity.bool()


def high_since_entry(high: Tensor, *, held: Tensor, fill_price: Tensor, close: Tensor) -> Tensor:
    """Follow the high of what is held.

    Every entry from nothing re-arms the stop at the price of its fill; adding to a position does
    not.

    Args:
        high: Up to the last bar, shape (M, E, N).
        held: Quantity just before this bar's purchases, shape (M, E, N).
        fill_price: At which this bar's purchases are filled, shape (M, E, N).
        close: Of this bar, shape (M, E, N).
    """
    return high.where(held.bool(), fill_price).maximum(close)


def force_exits(orders: Orders, exits: Tensor, quantity: Tensor) -> Orders:
    """Sell the whole position where told to, and buy nothing there.

    Args:
        orders: What the agent wants.
        exits: Bool, shape (M, E, N).
        quantity: Held, shape (M, E, N).
    """
    return Orders(
        sell_quantity=quantity.where(exits, orders.sell_quantity),
        buy_usd=orders.buy_usd.masked_fill(exits, 0),
    )
