"""Simulated markets whose predictability is known."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.processes import (
    candles,
    momentum_drift,
    outages,
    shocks,
    stream,
    traded_value,
    volatility_factor,
)
from cappuccino_assets.market.sources.coins import coin_of
from cappuccino_assets.types import FloatArray

FIRST_OPEN_TIME: Final = datetime(2023, 1, 1, tzinfo=UTC)
_MARKET_VOLATILITY: Final = 0.005  # an hour


class Regime(StrEnum):
    """What can be known of the next bar."""

    NULL = "null"
    PLANTED = "planted"
    REALISTIC = "realistic"


class Strength(StrEnum):
    """How strong a planted signal is."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


class Signal(StrEnum):
    """Where a planted signal lives."""

    MARKET = "market"
    SYMBOL = "symbol"


_REALISTIC_DRIFT: Final = 0.03  # largest drift an hour, in units of the hourly volatility
_PLANTED_DRIFT: Final = {Strength.WEAK: 0.1, Strength.MEDIUM: 0.2, Strength.STRONG: 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSource:
    """A seeded market of correlated coins: one factor, clustered volatility, fat tails and jumps.

    - `null`: prices are martingales; nothing known predicts any return.
    - `planted`: the market factor (or, with `signal="symbol"`, each coin alone) follows its own
      trend, as `momentum_drift` says; the MACD of hourly bars shows it. Sharpe ratios over 365 days
      of 1h bars, means of 32 seeds (`python bench/planted_market.py`), of an oracle that is long
      equal-weight while the drift is positive, else in cash, and of who follows the basket's MACD:

      | strength | HODL | oracle, no fee | 0.1 % a side | 0.6 % a side | MACD, 0.1 % | spell |
      |---|---|---|---|---|---|---|
      | weak | 0.1 | 2.3 | 1.6 | -1.7 | 1.5 | 1.5 days |
      | medium | 0.1 | 5.6 | 5.0 | 2.4 | 4.8 | 1.9 days |
      | strong | 0.1 | 10.2 | 9.9 | 8.1 | 9.7 | 3.0 days |

    - `realistic`: a trend too faint to pay for its trading, and a venue that loses a few hours.

    A coin's bars depend on the seed and its own name, not on the other symbols; a longer history
    begins with the shorter one.

    Attributes:
        regime: What can be known.
        seed: What the market is drawn from.
        interval: Length of a bar; each is a market of its own.
        n_days: Length of the history, from 2023-01-01 UTC on.
        symbols: The universe, in its order.
        strength: Of a planted signal.
        signal: Where a planted signal lives.
        largest_drift: Of a planted signal, an hour, in units of the hourly volatility; its
            strength's where None.
    """

    regime: Regime = Regime.REALISTIC
    seed: int = 0
    interval: Interval = Interval.H1
    n_days: int = 365
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    strength: Strength = Strength.MEDIUM
    signal: Signal = Signal.MARKET
    largest_drift: float | None = None

    def __post_init__(self) -> None:
        """Turn words into values.

        Raises:
            ValueError: If a word is none of its kind, or a number is out of range.
        """
        kinds = {"regime": Regime, "interval": Interval, "strength": Strength, "signal": Signal}
        for field, kind in kinds.items():
            object.__setattr__(self, field, kind(getattr(self, field)))
        if self.seed < 0 or self.n_days < 1:
            raise ValueError(
                f"seed must not be negative and n_days not below 1, "
                f"but got {self.seed=} and {self.n_days=}."
            )
        if self.largest_drift is not None and not 0 <= self.largest_drift <= 1:
            raise ValueError(f"A drift is at most a deviation, but got {self.largest_drift=}.")

    @property
    def name(self) -> str:
        """What tells this market from another."""
        kind = self.regime.value
        if self.regime is Regime.PLANTED:
            strength = self.strength if self.largest_drift is None else self.largest_drift
            kind = f"planted {strength} {self.signal}"
        return f"simulated {kind} {self.interval} seed {self.seed}"

    @property
    def n_bars(self) -> int:
        """Number of bars per symbol before any is lost, T."""
        return self.n_days * self.interval.bars_per_day

    @property
    def bar_hours(self) -> float:
        """Length of a bar in hours."""
        return self.interval.minutes / 60

    def fetch_bars(self) -> Bars:
        """Draw all bars; the same ones every time."""
        returns, _ = self.returns()
        open_time = pl.datetime_range(
            FIRST_OPEN_TIME,
            FIRST_OPEN_TIME + timedelta(days=self.n_days),
            interval=self.interval.value,
            closed="left",
            eager=True,
        )
        frames = [
            pl.DataFrame({"timestamp": open_time, **self._coin_bars(symbol, coin_returns)})
            .with_columns(symbol=pl.lit(symbol))
            .filter(self._kept())
            for symbol, coin_returns in zip(self.symbols, returns.T, strict=True)
        ]
        return Bars.from_frame(pl.concat(frames), interval=self.interval, symbols=self.symbols)

    def returns(self) -> tuple[FloatArray, FloatArray]:
        """Draw the simple returns from close to close, and what was to be expected of them.

        Returns:
            Returns, and their expectations given all bars before, each of shape (T, N).
        """
        market = self._shocks("market", _MARKET_VOLATILITY)
        market_trend = self._trend(Signal.MARKET, market, _MARKET_VOLATILITY)
        returns, expected_returns = np.empty((2, self.n_bars, len(self.symbols)))
        for i, symbol in enumerate(self.symbols):
            coin = coin_of(symbol)
            shock = coin.beta * market + self._shocks(symbol, coin.volatility)
            volatility = float(np.hypot(coin.beta * _MARKET_VOLATILITY, coin.volatility))
            own_trend = self._trend(Signal.SYMBOL, shock, volatility)
            expected_returns[:, i] = coin.beta * market_trend + own_trend
            returns[:, i] = shock + expected_returns[:, i]
        return returns, expected_returns

    def _coin_bars(self, symbol: str, returns: FloatArray) -> dict[str, FloatArray]:
        coin = coin_of(symbol)
        volatility = np.hypot(
            coin.beta * self._volatility("market", _MARKET_VOLATILITY),
            self._volatility(symbol, coin.volatility),
        )
        close = np.asarray(coin.price_usd * np.cumprod(1 + returns), dtype=np.float64)
        prices = candles(
            stream(self.seed, symbol, "candles"),
            close=close,
            start_price=coin.price_usd,
            volatility=volatility,
        )
        value = traded_value(
            stream(self.seed, symbol, "volume"),
            surprise=returns / volatility,
            hourly_usd=coin.volume_usd,
            bar_hours=self.bar_hours,
        )
        return {**prices, "volume": value / close}

    def _volatility(self, name: str, hourly: float) -> FloatArray:
        rng = stream(self.seed, name, "volatility")
        return (
            hourly * math.sqrt(self.bar_hours) * volatility_factor(rng, self.n_bars, self.bar_hours)
        )

    def _shocks(self, name: str, hourly_volatility: float) -> FloatArray:
        volatility = self._volatility(name, hourly_volatility)
        return shocks(stream(self.seed, name, "shocks"), volatility, self.bar_hours)

    def _trend(self, where: Signal, shock: FloatArray, hourly_volatility: float) -> FloatArray:
        largest = self._drift_bound(where)
        if largest == 0:
            return np.zeros_like(shock)
        return momentum_drift(
            shock,
            strength=largest,
            hourly_volatility=hourly_volatility,
            bar_hours=self.bar_hours,
        )

    def _drift_bound(self, where: Signal) -> float:
        if self.regime is Regime.PLANTED and where is self.signal:
            given = self.largest_drift
            return _PLANTED_DRIFT[self.strength] if given is None else given
        if self.regime is Regime.REALISTIC and where is Signal.MARKET:
            return _REALISTIC_DRIFT
        return 0.0

    def _kept(self) -> pl.Series:
        if self.regime is not Regime.REALISTIC:
            return pl.repeat(True, self.n_bars, eager=True)
        rng = stream(self.seed, "venue", "outages")
        return pl.Series(~outages(rng, self.n_bars, self.bar_hours))
