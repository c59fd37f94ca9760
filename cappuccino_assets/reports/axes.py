"""From numbers to places on a picture, and which numbers are written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, inf, isfinite, log10

import numpy as np

from cappuccino_assets.types import FloatArray

_DAY_S = 86_400
_MONTHS = (1, 2, 3, 6, 12, 24)
_DAYS = (1, 2, 7, 14)
_LOG_STEPS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (1.0, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)),
    (3.0, (1.0, 2.0, 5.0)),
    (inf, (1.0,)),
)
_LOG_FROM = 3.0  # times; a smaller range is read better without logarithms


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A straight or logarithmic scale.

    Attributes:
        low: Number at its beginning.
        high: Number at its end, above `low`.
        begins: Place of `low`, in units of the picture.
        ends: Place of `high`.
        is_log: Whether equal ratios are equally far apart.
    """

    low: float
    high: float
    begins: float
    ends: float
    is_log: bool = False

    def __post_init__(self) -> None:
        """Refuse what has no extent.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise ValueError(f"An axis goes from a number to a higher one, but got {self}.")
        if self.is_log and self.low <= 0:
            raise ValueError(f"A logarithmic axis begins above 0, but got {self.low=}.")

    def at(self, values: FloatArray | Sequence[float] | float) -> FloatArray:
        """Places of numbers; those beyond an end are put at it."""
        clipped = np.clip(np.asarray(values, np.float64), self.low, self.high)
        low, high = self.low, self.high
        if self.is_log:
            clipped, low, high = np.log(clipped), float(np.log(low)), float(np.log(high))
        return self.begins + (clipped - low) / (high - low) * (self.ends - self.begins)

    def ticks(self, n: int = 5) -> list[float]:
        """Round numbers on the axis, about so many."""
        if self.is_log:
            return _log_ticks(self.low, self.high)
        step = round_step((self.high - self.low) / n)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


def equity_axis(low: float, high: float, *, begins: float, ends: float) -> Axis:
    """Fit an axis to multiples of a capital; logarithmic where they differ much."""
    low = max(low, 1e-3)
    if high / low > _LOG_FROM:
        return Axis(low=low / 1.08, high=high * 1.08, begins=begins, ends=ends, is_log=True)
    return padded_axis(low, high, begins=begins, ends=ends)


def padded_axis(low: float, high: float, *, begins: float, ends: float) -> Axis:
    """Fit a straight axis to numbers, with some room on either side."""
    room = 0.06 * (high - low) or 0.5
    return Axis(low=low - room, high=high + room, begins=begins, ends=ends)


def round_step(width: float) -> float:
    """The 1, 2 or 5 times a power of ten that is not below a width."""
    power = 10.0 ** floor(log10(width))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= width * (1 - 1e-9))


def time_ticks(low: float, high: float, *, n: int = 7) -> list[tuple[float, str]]:
    """Beginnings of days or months between two times, and how to write them.

    Args:
        low: Seconds since the UTC epoch.
        high: The same, later.
        n: How many there may be.
    """
    days = (high - low) / _DAY_S
    begin, end = (datetime.fromtimestamp(each, UTC) for each in (low, high))
    if days / _DAYS[-1] <= n:
        step = next(each for each in _DAYS if days / each <= n)
        return [(each.timestamp(), f"{each:%d %b}") for each in _days(begin, end, step)]
    months = days / 30.4
    step = next((each for each in _MONTHS if months / each <= n), 12 * ceil(months / 12 / n))
    form = "%Y" if step >= 12 else "%b %Y"
    return [(each.timestamp(), f"{each:{form}}") for each in _months(begin, end, step)]


def _days(begin: datetime, end: datetime, step: int) -> list[datetime]:
    first = datetime(begin.year, begin.month, begin.day, tzinfo=UTC) + timedelta(days=1)
    return [first + timedelta(days=i) for i in range(0, (end - first).days + 1, step)]


def _months(begin: datetime, end: datetime, step: int) -> list[datetime]:
    first, last = (12 * each.year + each.month - 1 for each in (begin, end))
    chosen = (i for i in range(first, last + 1) if i % step == 0)
    found = [datetime(i // 12, i % 12 + 1, 1, tzinfo=UTC) for i in chosen]
    return [each for each in found if each >= begin]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    n_decades = log10(high / low)
    steps = next(steps for up_to, steps in _LOG_STEPS if n_decades < up_to)
    ticks = [round(step * 10.0**power, 9) for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
