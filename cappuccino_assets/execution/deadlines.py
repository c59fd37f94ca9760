"""Trading cycles: how far one is, and the sale of everything at its end."""

import torch
from torch import Tensor

from cappuccino_assets.execution.ledger import Ledger, record_sales


def bars_into_cycle(age: Tensor, cycle_bars: Tensor) -> Tensor:
    """Count the bars of the running cycle that are closed, in [0, cycle_bars).

    The first decision of an account, at age 0, opens the first cycle and is filled in the bar after
    it. The cycle holds `cycle_bars` bars from there on, and the close of its last one opens the
    next cycle.
    """
    return torch.remainder(age, cycle_bars)


def sell_everything(
    ledger: Ledger, due: Tensor, price: Tensor, fee_rate: Tensor
) -> tuple[Ledger, Tensor]:
    """Sell all that is held where it is due.

    Args:
        ledger: Accounts before.
        due: Mask, shape (M, E, N): the cycle ends with this bar, and there is a price.
        price: Of the sale, costs of the price included, shape (M, E, N).
        fee_rate: Fraction of the proceeds, shape (M, E).

    Returns:
        Accounts after, and the gross proceeds, shape (M, E).
    """
    return record_sales(ledger, ledger.quantity * due, price, fee_rate)
