"""The rules of money that an account trades by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.fees import FeeRates, FeeSchedule

MINIMUM_QUANTITY: Final = {
    "AAVE/USD": 0.005,
    "AVAX/USD": 0.03,
    "BTC/USD": 0.00001,
    "ETH/USD": 0.0003,
    "LINK/USD": 0.1,
    "LTC/USD": 0.01,
    "UNI/USD": 0.15,
}
_BASIS_POINT: Final = 1e-4
_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """What an account may do, and what it costs.

    Attributes:
        symbols: Traded pairs, in order.
        fees: What the venue charges.
        bars_per_day: Bars in 24 hours, for the 30-day window of the fees.
        cycle_bars: Bars in a trading cycle, at whose end everything is sold; None for no deadline.
        initial_cash_usd: Capital at the start.
        hold_threshold: Actions below it in size hold.
        trade_fraction: An action of 1 trades this fraction of the equity.
        min_cash_reserve: Fraction of the equity that buys may not touch.
        trailing_stop_pct: A close this fraction below the high since entry sells; 0 is off.
        half_spread_bps: Half of the bid-ask spread, in basis points.
        slippage_bps: Moved further against the trader, in basis points.
        minimum_quantity: Smallest order by symbol, in the base coin.
        minimum_notional_usd: Smallest order to buy.
    """

    symbols: tuple[str, ...]
    fees: FeeSchedule
    bars_per_day: int
    cycle_bars: int | None = None
    initial_cash_usd: float = 1_000.0
    hold_threshold: float = 0.1
    trade_fraction: float = 0.25
    min_cash_reserve: float = 0.0
    trailing_stop_pct: float = 0.0
    half_spread_bps: float = 2.0
    slippage_bps: float = 3.0
    minimum_quantity: Mapping[str, float] = field(default_factory=MINIMUM_QUANTITY.copy)
    minimum_notional_usd: float = 10.0

    def __post_init__(self) -> None:
        """Refuse rules that no account could follow.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise ConfigurationError(f"Rules need distinct symbols, but got {self.symbols}.")
        if self.bars_per_day < 1 or (self.cycle_bars is not None and self.cycle_bars < 1):
            raise ConfigurationError(
                f"Counts of bars are positive, but got {self.bars_per_day=}, {self.cycle_bars=}."
            )
        if not 0 < self.initial_cash_usd < math.inf:
            raise ConfigurationError(f"Capital is positive, but got {self.initial_cash_usd=}.")
        for name in ("hold_threshold", "trade_fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is in (0, 1], but got {getattr(self, name)}.")
        for name in ("min_cash_reserve", "trailing_stop_pct"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is in [0, 1), but got {getattr(self, name)}.")
        self._check_costs()

    def _check_costs(self) -> None:
        for name in ("half_spread_bps", "slippage_bps", "minimum_notional_usd"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(f"{name} is not negative, but got {getattr(self, name)}.")
        if self.price_cost >= 1:
            raise ConfigurationError(f"Costs must leave a price, but take {self.price_cost:.0%}.")
        for symbol in self.symbols:
            minimum = self.minimum_quantity.get(symbol)
            if minimum is None or not 0 <= minimum < math.inf:
                raise ConfigurationError(
                    f"{symbol} needs a minimum quantity >= 0, but got {minimum}."
                )

    @property
    def price_cost(self) -> float:
        """Fraction by which a fill's price is moved against the trader."""
        return (self.half_spread_bps + self.slippage_bps) * _BASIS_POINT


class RuleTensors:
    """The rules of M members side by side, float64 on one device.

    Shapes are (M, 1) for what concerns an account, (M, 1, 1) or (M, 1, N) for what concerns its
    symbols, so that they broadcast over E environments.

    Args:
        rules: One per member; symbols and interval are the same for all.
        device: Where the accounts live.

    Raises:
        ConfigurationError: If the members disagree on symbols, interval, or having a deadline.
    """

    def __init__(self, rules: Sequence[TradingRules], device: torch.device | str):
        first = rules[0]
        for name in ("symbols", "bars_per_day"):
            if any(getattr(each, name) != getattr(first, name) for each in rules):
                raise ConfigurationError(f"Members of one population must share their {name}.")
        self.symbols = first.symbols
        self.bars_per_day = first.bars_per_day
        self.has_deadline = first.cycle_bars is not None
        if any((each.cycle_bars is not None) != self.has_deadline for each in rules):
            raise ConfigurationError("Either all members of a population have a deadline, or none.")
        self._device = device
        self.fee_rates = FeeRates([each.fees for each in rules], device)
        self.cycles = tuple(each.cycle_bars or _NEVER for each in rules)
        self.cycle_bars = torch.tensor(self.cycles, dtype=torch.int64, device=device)[:, None]
        self.initial_cash_usd = self._column([each.initial_cash_usd for each in rules])
        self.trade_fraction = self._column([each.trade_fraction for each in rules])
        self.min_cash_reserve = self._column([each.min_cash_reserve for each in rules])
        self.hold_threshold = self._column([each.hold_threshold for each in rules])[..., None]
        self.has_cash_reserve = any(each.min_cash_reserve for each in rules)
        stops = [each.trailing_stop_pct for each in rules]
        self.has_trailing_stop = any(stops)
        self.stop_factor = self._column([1 - pct if pct > 0 else 0.0 for pct in stops])[..., None]
        self.price_costs = tuple(each.price_cost for each in rules)
        self.minimum_notional_usd = self._column([each.minimum_notional_usd for each in rules])[
            ..., None
        ]
        minimum = [[each.minimum_quantity[symbol] for symbol in first.symbols] for each in rules]
        self.minimum_quantity = torch.tensor(minimum, dtype=torch.float64, device=device)[:, None]

    @property
    def n_members(self) -> int:
        """Number of members, M."""
        return self.cycle_bars.shape[0]

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self._device)[:, None]
