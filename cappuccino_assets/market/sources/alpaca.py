"""Bars of Alpaca's crypto market."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import polars as pl
from alpaca.data.requests import CryptoBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.sources.alpaca_client import PatientCryptoClient
from cappuccino_assets.market.sources.completeness import require_complete

_COLUMNS: Final = {
    "t": "timestamp",
    "o": "open",
    "h": "high",
    "l": "low",
    "c": "close",
    "v": "volume",
}
_PAGE_SCHEMA: Final = {name: pl.String if name == "t" else pl.Float64 for name in _COLUMNS}

Answer = dict[str, list[dict[str, Any]]]  # raw bars by symbol


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaSource:
    """Closed bars from Alpaca, all pages or nothing. A bar without trades has volume 0.

    Attributes:
        start: Open time of the first bar to ask for.
        end: Bars close at this time or before; now where None.
        symbols: The universe, in its order.
        interval: Length of a bar.
        api_key: Optional; raises the rate limit.
        secret_key: Its secret.
        url_override: Another address, for tests and proxies.
        timeouts_s: To connect, and to wait for an answer.
        n_attempts: Per page, before giving up.
        first_wait_s: Before the second attempt; it doubles from one to the next.
        clock: What gives the time, UTC.
    """

    start: datetime
    end: datetime | None = None
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    interval: Interval = Interval.M5
    api_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    url_override: str | None = None
    timeouts_s: tuple[float, float] = (5.0, 30.0)
    n_attempts: int = 8
    first_wait_s: float = 1.0
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        """Refuse half a pair of keys, and times without a zone.

        Raises:
            ConfigurationError: If there is one key without the other.
            ValueError: If a time has no zone, or the end is not after the start.
        """
        if (self.api_key is None) != (self.secret_key is None):
            raise ConfigurationError("Alpaca needs both keys, or none.")
        end = self.end or datetime.max.replace(tzinfo=UTC)
        if self.start.tzinfo is None or end.tzinfo is None or self.start >= end:
            raise ValueError(
                f"start < end, each with a time zone, but got {self.start=} and {self.end=}."
            )

    @property
    def name(self) -> str:
        """What tells this market from another."""
        return f"alpaca {self.interval}"

    def fetch_bars(self) -> Bars:
        """Fetch every page, check it all and drop the bar that is still forming.

        Raises:
            SourceError: If Alpaca refuses, or cannot be reached after all attempts.
            IncompleteHistoryError: If an answer stays cut short, or a symbol ends early.
            BarError: If a bar breaks a rule.
        """
        now = self.clock()
        until = min(self.end or now, now)
        with closing(self._client()) as client:
            answer = cast("Answer", client.get_crypto_bars(self._request(until)))
        opened_by = until - timedelta(seconds=self.interval.seconds)
        frame = _frame(answer)
        closed = frame.filter(pl.col("timestamp").is_between(self.start, opened_by))
        bars = Bars.from_frame(closed, interval=self.interval, symbols=self.symbols)
        return require_complete(bars, until=until)

    def _client(self) -> PatientCryptoClient:
        return PatientCryptoClient(
            api_key=self.api_key,
            secret_key=self.secret_key,
            url_override=self.url_override,
            timeouts_s=self.timeouts_s,
            n_attempts=self.n_attempts,
            first_wait_s=self.first_wait_s,
        )

    def _request(self, until: datetime) -> CryptoBarsRequest:
        minutes = self.interval.minutes
        amount, unit = (
            (minutes, TimeFrameUnit.Minute) if minutes < 60 else (minutes // 60, TimeFrameUnit.Hour)
        )
        return CryptoBarsRequest(
            symbol_or_symbols=list(self.symbols),
            timeframe=TimeFrame(amount, unit),
            start=self.start,
            end=until,
        )


def _frame(answer: Answer) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={**_PAGE_SCHEMA, "symbol": pl.String})]
    frames += [
        pl.from_dicts(rows, schema=_PAGE_SCHEMA).with_columns(symbol=pl.lit(symbol))
        for symbol, rows in answer.items()
        if rows
    ]
    times = pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC")
    return pl.concat(frames).rename(_COLUMNS).with_columns(times)
