"""What an agent must beat: cash, holding, bitcoin, and chance at the same turnover."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.evaluation.actors import Actor, CycleHolder, RandomActor
from cappuccino_assets.evaluation.backtest import BlockResult, GroupBlock, backtest
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays

BITCOIN = "BTC/USD"
_PROBE_RATE = 0.05


def holding_rules(rules: TradingRules) -> TradingRules:
    """Change rules so that one order can spend all cash, and nothing sells but the deadline."""
    return replace(rules, trade_fraction=1.0, min_cash_reserve=0.0, trailing_stop_pct=0.0)


def cash(n_symbols: int) -> Actor:
    """Never trade."""
    return CycleHolder(torch.zeros(n_symbols))


def cycled_hodl(n_symbols: int, device: torch.device | str = "cpu") -> Actor:
    """Hold all symbols at equal weight, sold at every deadline like the agent is.

    It needs `holding_rules`.
    """
    return CycleHolder(torch.ones(n_symbols, device=device))


def bitcoin_only(symbols: Sequence[str]) -> Actor:
    """Hold bitcoin alone, sold at every deadline; it needs `holding_rules`.

    Raises:
        ConfigurationError: If bitcoin is not traded.
    """
    if BITCOIN not in symbols:
        raise ConfigurationError(f"{BITCOIN} is not among {symbols}.")
    return CycleHolder(torch.tensor([float(symbol == BITCOIN) for symbol in symbols]))


def random_backtest(
    arrays: FeatureArrays,
    *,
    market: MarketTensors,
    rules: TradingRules,
    blocks: Sequence[GroupBlock],
    lookback: int,
    turnover_per_bar: float,
    seed: int,
) -> list[BlockResult]:
    """Trade at random about as much as an agent did.

    Turnover is nearly proportional to how often it trades, so one probe finds the rate.

    Args:
        arrays: Market that `market` was made from.
        market: The same on the device.
        rules: Rules of money.
        blocks: (group, block) pairs.
        lookback: Bars that the first observation needs; nothing is observed.
        turnover_per_bar: Gross value to trade, as a multiple of equity per bar.
        seed: Source of the trades.

    Returns:
        Results of the blocks, in order.
    """

    def trade_at(rate: float) -> list[BlockResult]:
        actor = RandomActor(rate=rate, seeds=[seed], n_symbols=len(arrays.symbols))
        results = backtest(
            arrays, actor, market=market, rules=[rules], blocks=[blocks], lookback=lookback
        )
        return results[0]

    probe = trade_at(_PROBE_RATE)
    probed = sum(each.turnover for each in probe) / sum(each.n_bars for each in probe)
    return trade_at(min(1.0, _PROBE_RATE * turnover_per_bar / probed))
