"""Equal-weight buy and hold: what a reward and a backtest compare with."""

import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.execution.rules import RuleTensors


class BuyAndHold:
    """Puts 1 USD into all symbols at the open after an episode's first decision, and keeps them.

    It pays the fee of an empty window, half the spread and the slippage, as the members would.

    Args:
        market: Bars, shape (T, N).
        rules: Of the M members.
    """

    def __init__(self, market: MarketTensors, rules: RuleTensors):
        self._next_open = market.open.roll(-1, dims=0)
        factor = torch.tensor(
            [[[1 + cost]] for cost in rules.price_costs], dtype=torch.float64, device=market.device
        )
        each_usd = 1 / (market.n_symbols * (1 + rules.fee_rates.first.unsqueeze(-1)))
        self._usd = each_usd / factor  # of each symbol, at its open; (M, 1, 1)

    def value(self, start: Tensor, close: Tensor) -> Tensor:
        """Mark what was bought.

        Args:
            start: Row of the first decision, int64, shape (M, E).
            close: Prices in USD, shape (..., M, E, N).

        Returns:
            Shape (..., M, E), float64, in USD.
        """
        quantity = self._usd / torch.embedding(self._next_open, start)
        return (quantity * close).sum(dim=-1)
