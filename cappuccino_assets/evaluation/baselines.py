"""What an agent must beat: cash, holding, bitcoin, and chance at the same turnover."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.evaluation.actors import Actor, CycleHolder, RandomActor, SideBySide
from cappuccino_assets.evaluation.backtest import BlockResult, GroupBlock, backtest
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays

BITCOIN = "BTC/USD"
_RATES: Final = tuple(2.0**-halvings for halvings in range(12, -1, -1))
_N_PROBES: Final = 8


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


def random_backtests(
    arrays: FeatureArrays,
    *,
    market: MarketTensors,
    rules: TradingRules,
    blocks: Sequence[GroupBlock],
    lookback: int,
    turnover_per_bar: float,
    seeds: Sequence[int],
) -> list[list[BlockResult]]:
    """Trade at random about as much as an agent did, many times at once.

    All members of a backtest take about as long as one.

    Args:
        arrays: Market that `market` was made from.
        market: The same on the device.
        rules: Rules of money.
        blocks: (group, block) pairs.
        lookback: Bars that the first observation needs; nothing is observed.
        turnover_per_bar: Gross value to trade, as a multiple of equity per bar.
        seeds: Sources of the trades, one per random agent; the first ones probe the rate, too.

    Returns:
        Of each random agent the results of the blocks, in order.
    """

    def trade(actor: Actor) -> list[list[BlockResult]]:
        n_members = actor.n_members
        return backtest(
            arrays,
            actor,
            market=market,
            rules=[rules] * n_members,
            blocks=[blocks] * n_members,
            lookback=lookback,
        )

    n_symbols = len(arrays.symbols)
    (rate,) = matching_rates(trade, [turnover_per_bar], n_symbols=n_symbols, seeds=seeds)
    return trade(RandomActor(rate=rate, seeds=seeds, n_symbols=n_symbols))


def matching_rates(
    trade: Callable[[Actor], list[list[BlockResult]]],
    turnovers_per_bar: Sequence[float],
    *,
    n_symbols: int,
    seeds: Sequence[int],
) -> list[float]:
    """Find how often who trades at random must trade, to trade as much as others did.

    The more often it trades, the more it trades; how much more is probed at several rates, by the
    first of the seeds, and the rate is read off between them.

    Args:
        trade: Lets all members of an actor trade the same blocks.
        turnovers_per_bar: Gross values to trade, as multiples of equity per bar.
        n_symbols: Number of symbols.
        seeds: Sources of the trades.

    Returns:
        Of each turnover the probability that a symbol is traded in a bar.
    """
    some = seeds[:_N_PROBES]
    probes = [RandomActor(rate=rate, seeds=some, n_symbols=n_symbols) for rate in _RATES]
    probed = [_turnover_per_bar(each) for each in trade(SideBySide(probes))]
    by_rate = np.maximum.accumulate(np.reshape(probed, (len(_RATES), -1)).mean(axis=1))
    found: list[float] = np.interp(turnovers_per_bar, [0.0, *by_rate], [0.0, *_RATES]).tolist()
    return found


def _turnover_per_bar(results: Sequence[BlockResult]) -> float:
    return sum(each.turnover for each in results) / sum(each.n_bars for each in results)
