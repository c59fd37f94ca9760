"""Close and volume of one symbol relative to their trailing means."""

from typing import Final

from cappuccino_assets.market.intervals import Interval

WINDOW_DAYS: Final = (7, 30)
ROLLING_NAMES: Final = ("close_7d", "close_30d", "volume_7d", "volume_30d")
ROLLING_VERSIONS: Final = ("log_to_mean_7d_30d/1",)


def longest_window_bars(interval: Interval) -> int:
    """Bars in the longest window."""
    return max(WINDOW_DAYS) * interval.bars_per_day
