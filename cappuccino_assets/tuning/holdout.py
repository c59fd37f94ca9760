"""The time at which the history's final hold-out begins, one for a whole campaign."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from cappuccino_assets.market.intervals import Interval

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = max(Interval, key=lambda interval: interval.seconds)
_STEP: Final = timedelta(seconds=_LONGEST.seconds)


def holdout_start(history_from: datetime, history_to: datetime, *, fraction: float) -> datetime:
    """Find the time from which on no search may see anything.

    Only stretches that are whole at the longest interval count, and the result lies between two of
    them. So it is a bar's edge at every interval, and the same one whichever bars are at hand.

    Args:
        history_from: Open time of the first bar, UTC.
        history_to: Close time of the last bar, UTC.
        fraction: Least share of the history that is held out, in (0, 1).

    Raises:
        ValueError: If the fraction is not in (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError(f"A hold-out is a fraction in (0, 1), but got {fraction=}.")
    first = _at_or_after(history_from, _STEP)
    last = history_to - (history_to - EPOCH) % _STEP
    return first + (last - first) * (1 - fraction) // _STEP * _STEP


def bars_for_rows(
    n_rows: int,
    *,
    history_from: datetime,
    rows_from: datetime,
    interval: Interval,
    fraction: float,
) -> int:
    """Count the bars of the shortest history that leaves enough rows before its hold-out.

    Args:
        n_rows: Rows that are needed.
        history_from: Open time of the first bar, UTC.
        rows_from: Open time of the first row, UTC; what comes before it warms features up.
        interval: Length of a bar.
        fraction: Least share of the history that is held out, in (0, 1).
    """
    bar = timedelta(seconds=interval.seconds)
    first = _at_or_after(history_from, bar)

    def suffices(n_bars: int) -> bool:
        cut = holdout_start(first, first + n_bars * bar, fraction=fraction)
        return cut - rows_from >= n_rows * bar

    n_before = (rows_from - first) // bar
    n_lost = 3 * (_STEP // bar)  # at most, by rounding to the longest interval
    ample = ceil((n_before + n_rows + n_lost) / (1 - fraction))
    return bisect_left(range(ample), True, key=suffices)


def _at_or_after(time: datetime, step: timedelta) -> datetime:
    return time + (EPOCH - time) % step
