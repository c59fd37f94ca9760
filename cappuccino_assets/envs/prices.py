"""The prices of every bar, looked up for many accounts at once."""

import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.execution.prices import BarPrices, bar_prices
from cappuccino_assets.execution.rules import RuleTensors


class PriceTable:
    """What every bar costs whom: one table, so that a bar of all accounts is one look-up.

    Members whose spread and slippage are the same share their prices.

    Args:
        market: Bars, shape (T, N).
        rules: Of the M members.
    """

    def __init__(self, market: MarketTensors, rules: RuleTensors):
        costs = sorted(set(rules.price_costs))
        self._layers = torch.cat([layer for cost in costs for layer in _layers(market, cost)])
        n_fields = len(BarPrices._fields)
        first = [costs.index(cost) * n_fields for cost in rules.price_costs]
        offset = [[[layer + field] for layer in first] for field in range(n_fields)]
        self._offset = torch.tensor(offset, device=market.device) * market.n_bars  # (7, M, 1)

    def __call__(self, bar: Tensor, active: Tensor) -> BarPrices:
        """Look up the bars that are traded through.

        Args:
            bar: Row of each, the one after its decision, int64, shape (M, E).
            active: Accounts that may trade; nothing is observed for the others. Bool, (M, E).

        Returns:
            Tensors of shape (M, E, N).
        """
        found = torch.embedding(self._layers, bar + self._offset)
        found[-2:].mul_(active.unsqueeze(-1))  # the masks
        return BarPrices._make(found.unbind())


def _layers(market: MarketTensors, price_cost: float) -> BarPrices:
    open_price, close = (_known(each) for each in (market.open, market.close))
    next_observed = market.observed.clone()
    next_observed[0] = False  # no decision precedes the first bar
    return bar_prices(
        close=close.roll(1, dims=0),
        next_open=open_price,
        next_close=close,
        observed=market.observed.roll(1, dims=0),
        next_observed=next_observed,
        price_cost=price_cost,
    )


def _known(price: Tensor) -> Tensor:
    """Replace what stands in rows of no segment: multiplied by a mask it must be a number."""
    return price.where(price.isfinite() & (price > 0), 1.0)
