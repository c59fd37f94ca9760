"""From actions to orders."""

from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.execution.ledger import Purchases
from cappuccino_assets.execution.masks import reaches
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
    action: Tensor,
    *,
    free: Tensor,
    equity: Tensor,
    quantity: Tensor,
    close: Tensor,
    rules: RuleTensors,
) -> Orders:
    """Turn actions into orders.

    An action trades its fraction of `trade_fraction` x equity; below `hold_threshold` it holds. A
    sale that would leave less than the symbol's smallest order takes the whole position, so no dust
    is left that could never be sold. Orders below a minimum are not sent.

    Args:
        action: Trades wanted, in [-1, 1]; more counts as 1. Shape (M, E, N).
        free: Mask of the symbols that may be traded as wanted, shape (M, E, N).
        equity: At the close, in USD, shape (M, E).
        quantity: Held, in the base coin, shape (M, E, N).
        close: Price of the decision, in USD, shape (M, E, N).
        rules: Of the M members.
    """
    bounded = action.clamp(-1, 1).double()
    bounded.mul_(bounded.abs().ge_(rules.hold_threshold)).mul_(free)
    wanted_usd = bounded.mul_((equity * rules.trade_fraction).unsqueeze(-1))
    wanted = wanted_usd / close
    sell = quantity.minimum(-wanted)  # negative where bought, which reaches no minimum
    leaves_dust = (quantity - sell).lt_(rules.minimum_quantity)
    sell.lerp_(quantity, leaves_dust)
    return Orders(
        sell_quantity=reaches(sell, rules.minimum_quantity).mul_(sell),
        buy_usd=_can_be_bought(wanted_usd, wanted, rules).mul_(wanted_usd),
    )


def share_cash(
    buy_usd: Tensor, *, spendable: Tensor, price: Tensor, fee_rate: Tensor, rules: RuleTensors
) -> Purchases:
    """Scale purchases to the cash there is, each in proportion to what it asked for.

    A purchase that is scaled below a minimum is not sent; what it would have cost stays in cash.

    Args:
        buy_usd: Notional wanted, before fees, shape (M, E, N).
        spendable: Cash that purchases and their fees may use, shape (M, E).
        price: Expected price of the fill, in USD, shape (M, E, N).
        fee_rate: Fraction of notional, shape (M, E).
        rules: Of the M members.
    """
    needed = buy_usd.sum(dim=-1).mul_(1 + fee_rate).clamp_min_(torch.finfo(torch.float64).tiny)
    scale = (spendable / needed).clamp_(0, 1)
    scaled_usd = buy_usd * scale.unsqueeze(-1)
    scaled = scaled_usd / price
    sent = _can_be_bought(scaled_usd, scaled, rules)
    return Purchases(notional_usd=scaled_usd.mul_(sent), quantity=scaled.mul_(sent))


def _can_be_bought(notional_usd: Tensor, quantity: Tensor, rules: RuleTensors) -> Tensor:
    enough = reaches(notional_usd, rules.minimum_notional_usd)
    return enough.mul_(reaches(quantity, rules.minimum_quantity))
