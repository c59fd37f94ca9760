"""The books of an account: what came in, what went out, and what it is worth."""

from typing import NamedTuple

import torch
from torch import Tensor


class Ledger(NamedTuple):
    """The accounts of all environments; float64, in USD where not said.

    At every moment: cash + sum(quantity x price) = initial + realised + unrealised - fees.

    Attributes:
        cash: Shape (M, E), never negative.
        quantity: Held of each symbol, in the base coin, shape (M, E, N), never negative.
        entry_price: Average price paid for what is held, without fees, shape (M, E, N); means
            nothing where nothing is held.
        fees: Paid since the start, shape (M, E).
        realised: Profit of everything sold, before fees, shape (M, E).
    """

    cash: Tensor
    quantity: Tensor
    entry_price: Tensor
    fees: Tensor
    realised: Tensor

    def equity(self, price: Tensor) -> Tensor:
        """Mark the account at prices (M, E, N); shape (M, E)."""
        return (self.quantity * price).sum(dim=-1).add_(self.cash)

    def unrealised(self, price: Tensor) -> Tensor:
        """Profit of what is held, were it sold at prices (M, E, N) for nothing; shape (M, E)."""
        return ((price - self.entry_price) * self.quantity).sum(dim=-1)


class Purchases(NamedTuple):
    """What is bought of each symbol; shapes (M, E, N).

    Attributes:
        notional_usd: Before fees.
        quantity: In the base coin.
    """

    notional_usd: Tensor
    quantity: Tensor


def open_ledger(cash: Tensor, n_symbols: int) -> Ledger:
    """Start accounts that hold cash (M, E) and nothing else."""
    nothing = torch.zeros(*cash.shape, n_symbols, dtype=cash.dtype, device=cash.device)
    zero = torch.zeros_like(cash)
    return Ledger(cash=cash, quantity=nothing, entry_price=nothing, fees=zero, realised=zero)


def record_sales(
    ledger: Ledger, quantity: Tensor, price: Tensor, fee_rate: Tensor
) -> tuple[Ledger, Tensor]:
    """Book sales.

    Args:
        ledger: Accounts before.
        quantity: Sold of each symbol, at most what is held, shape (M, E, N).
        price: Paid for it, costs of the price included, shape (M, E, N).
        fee_rate: Fraction of the proceeds, shape (M, E).

    Returns:
        Accounts after, and the gross proceeds, shape (M, E).
    """
    proceeds = (quantity * price).sum(dim=-1)
    cost = (quantity * ledger.entry_price).sum(dim=-1)
    fee = proceeds * fee_rate
    after = Ledger(
        cash=(ledger.cash + proceeds).sub_(fee),
        quantity=ledger.quantity - quantity,
        entry_price=ledger.entry_price,
        fees=fee.add_(ledger.fees),
        realised=(ledger.realised + proceeds).sub_(cost),
    )
    return after, proceeds


def record_purchases(
    ledger: Ledger, purchases: Purchases, price: Tensor, fee_rate: Tensor
) -> tuple[Ledger, Tensor]:
    """Book purchases.

    Args:
        ledger: Accounts before.
        purchases: Notional and quantity of each symbol.
        price: Paid for it, costs of the price included, shape (M, E, N).
        fee_rate: Fraction of the notional, shape (M, E).

    Returns:
        Accounts after, and the gross cost, shape (M, E). Cash that rounding would leave a hair
        below zero is zero.
    """
    cost = purchases.notional_usd.sum(dim=-1)
    fee = cost * fee_rate
    quantity = ledger.quantity + purchases.quantity
    share = purchases.quantity / quantity.clamp_min(torch.finfo(torch.float64).tiny)
    after = Ledger(
        cash=(ledger.cash - cost).sub_(fee).clamp_min_(0),
        quantity=quantity,
        entry_price=torch.lerp(ledger.entry_price, price, share),
        fees=fee.add_(ledger.fees),
        realised=ledger.realised,
    )
    return after, cost
