"""Exits that override what the agent wants."""

import torch
from torch import Tensor

from cappuccino_assets.execution.masks import is_held
from cappuccino_assets.execution.rules import RuleTensors


def trailing_stop(close: Tensor, *, high: Tensor, quantity: Tensor, rules: RuleTensors) -> Tensor:
    """Tell where the close has fallen too far below the high since entry.

    Args:
        close: In USD, shape (M, E, N).
        high: Highest close since the entry, and at least the entry's price, shape (M, E, N).
        quantity: Held, shape (M, E, N).
        rules: Of the M members.

    Returns:
        Mask, shape (M, E, N); never set where nothing is held or the stop is off.
    """
    return (high * rules.stop_factor).gt_(close).mul_(is_held(quantity))


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
    return torch.lerp(fill_price, high, is_held(held)).maximum(close)
