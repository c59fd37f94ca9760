"""The rule that tells a whole history from one that was cut off."""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from cappuccino_assets.errors import IncompleteHistoryError
from cappuccino_assets.market.bars import Bars

MAX_SILENCE: Final = timedelta(hours=24)


def require_complete(bars: Bars, *, until: datetime) -> Bars:
    """Refuse a history in which some symbol ends early.

    Args:
        bars: A history; a symbol may begin late, since it may have been listed late.
        until: Time up to which every symbol must have bars, but for a day of silence.

    Returns:
        The same bars.

    Raises:
        IncompleteHistoryError: Names the first symbol that ends early, and when.
    """
    last = dict(bars.frame.group_by("symbol").agg(pl.col("timestamp").max()).iter_rows())
    for symbol in bars.symbols:
        if last[symbol] + MAX_SILENCE < until:
            raise IncompleteHistoryError(
                f"{symbol}: the last bar is of {last[symbol]:%Y-%m-%dT%H:%M:%SZ}, but the history "
                f"goes on to {until:%Y-%m-%dT%H:%M:%SZ}; it was cut off."
            )
    return bars
