"""Lengths of a bar (interval) and of a trading cycle (timeframe)."""

from enum import StrEnum
from typing import Final

DEFAULT_SYMBOLS: Final = (
    "AAVE/USD",
    "AVAX/USD",
    "BTC/USD",
    "ETH/USD",
    "LINK/USD",
    "LTC/USD",
    "UNI/USD",
)
MINUTES_PER_DAY: Final = 24 * 60
DAYS_PER_YEAR: Final = 365  # crypto never closes


class Interval(StrEnum):
    """Length of a bar."""

    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"

    @property
    def minutes(self) -> int:
        """Length in minutes."""
        return _MINUTES[self]

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return 60 * self.minutes

    @property
    def bars_per_day(self) -> int:
        """Bars in 24 hours."""
        return MINUTES_PER_DAY // self.minutes

    @property
    def bars_per_year(self) -> int:
        """Bars in 365 days."""
        return DAYS_PER_YEAR * self.bars_per_day


_MINUTES: Final = {
    Interval.M5: 5,
    Interval.M15: 15,
    Interval.M30: 30,
    Interval.H1: 60,
    Interval.H4: 240,
}


class Timeframe(StrEnum):
    """Length of a trading cycle; its last bar is the deadline."""

    D3 = "3d"
    D5 = "5d"
    D7 = "7d"
    D10 = "10d"
    D14 = "14d"

    @property
    def days(self) -> int:
        """Length in days."""
        return int(self.value[:-1])

    def bars(self, interval: Interval) -> int:
        """Bars in one cycle.

        Args:
            interval: Length of a bar.

        Returns:
            Number of bars, for example 168 for `7d` at `1h`.
        """
        return self.days * interval.bars_per_day
