"""From actions to orders."""

from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.execution.rules import RuleTensors


class Orders(NamedTuple):
    """Orders of one bar; a symbol has at most one.

    Attributes:
        sell_quantity: In the base coin, at most what is held, shape (M, E, N).
        buy_usd: Notional before fees, before the cash is shared, shape (M, E, N).
    """

    sell_quantity: Tensor
    buy_usd: Tensor


def size_orders(
    action: Tensor, *, equity: Tensor, quantity: Tensor, close: Tensor, rules: RuleTensors
) -> Orders:
    """Turn actions into orders.

    An action trades its fraction of `trade_fraction` x equity; below `hold_threshold` it holds. A
    sale that would leave less than the symbol's smallest order takes the whole position, so no dust
    is left that could never be sold. Orders below a minimum are not sent.

    Args:
        action: Trades wanted, in [-1, 1]; more counts as 1. Shape (M, E, N).
        equity: At the close, in USD, shape (M, E).
        quantity: Held, in the base coin, shape (M, E, N).
        close: Price of the decision, in USD, shape (M, E, N).
        rules: Of the M members.
    """
    bounded = action.double().clamp(-1, 1)
    bounded.mul_(bounded.abs() >= rules.hold_threshold)
    wanted_usd = bounded.mul_((equity * rules.trade_fraction)[..., None])
    wanted = wanted_usd / close
    sell = quantity.minimum(-wanted)  # negative where bought, which reaches no minimum
    sell = quantity.where(quantity - sell < rules.minimum_quantity, sell)
    return Orders(
        sell_quantity=sell * (sell >= rules.minimum_quantity),
        buy_usd=wanted_usd * can_be_bought(wanted_usd, wanted, rules),
    )


def can_be_bought(notional_usd: Tensor, quantity: Tensor, rules: RuleTensors) -> Tensor:
    """Tell which purchases reach both minimums; all shapes (M, E, N)."""
    return (notional_usd >= rules.minimum_notional_usd) & (quantity >= rules.minimum_quantity)


def share_cash(
    buy_usd: Tensor, *, spendable: Tensor, price: Tensor, fee_rate: Tensor, rules: RuleTensors
) -> Tensor:
    """Scale purchases to the cash there is, each in proportion to what it asked for.

    A purchase that is scaled below a minimum is not sent; what it would have cost stays in cash.

    Args:
        buy_usd: Notional wanted, before fees, shape (M, E, N).
        spendable: Cash that purchases and their fees may use, shape (M, E).
        price: Expected price of the fill, in USD, shape (M, E, N).
        fee_rate: Fraction of notional, shape (M, E).
        rules: Of the M members.

    Returns:
        Notional before fees, shape (M, E, N).
    """
    needed = buy_usd.sum(dim=-1) * (1 + fee_rate)
    scale = (spendable / needed.clamp_min_(torch.finfo(needed.dtype).tiny)).clamp_(0, 1)
    scaled = buy_usd * scale[..., None]
    return scaled.mul_(can_be_bought(scaled, scaled / price, rules))
