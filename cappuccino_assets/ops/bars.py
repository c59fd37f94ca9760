"""Fetch, resample and store the bars of every interval."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import gap_report, grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.types import Json

_ABSENT: Final = ("missing", "zero_volume")


def at_every_interval(bars: Bars) -> dict[Interval, Bars]:
    """Resample bars to every interval that is not finer than theirs."""
    coarser = [each for each in Interval if each.seconds >= bars.interval.seconds]
    return {interval: resample(bars, interval) for interval in coarser}


def store_bars(store: BarStore, market: dict[Interval, Bars], *, source: str) -> list[Json]:
    """Store the bars of each interval, and report them, one row per interval."""
    return [_stored(store, bars, source=source) for bars in market.values()]


def stored_bars(layout: WarehouseLayout, campaign: Campaign) -> dict[Interval, Bars]:
    """Read the bars of a campaign.

    Raises:
        WarehouseError: If those that are stored are not the campaign's.
        IntegrityError: If they are damaged.
    """
    store = BarStore(folder=layout.bars)
    market = {i: store.read(i, campaign.symbols) for i, _ in campaign.dataset_digests}
    for interval, bars in market.items():
        if bars.digest != campaign.digest(interval):
            raise WarehouseError(
                f"The stored bars of {interval} are not those of {campaign.name}: "
                "materialise `raw_bars` first."
            )
    return market


def age_in_bars(layout: WarehouseLayout, campaign: Campaign, *, now: datetime) -> float:
    """Measure how long ago a campaign's newest bar closed, in bars of its shortest interval."""
    bars = next(iter(stored_bars(layout, campaign).values()))
    return (now - bars.end).total_seconds() / bars.interval.seconds - 1


def gap_rows(bars: Bars) -> list[Json]:
    """Count what is missing, one row per symbol, with the share of the bars there should be."""
    grid = grid_from_bars(bars)
    rows = gap_report(grid).to_dicts()
    for row in rows:
        row["missing_share"] = sum(row[f"n_{kind}_bars"] for kind in _ABSENT) / grid.n_bars
    return rows


def summarize(bars: Bars, gaps: Sequence[Json]) -> str:
    """Say in one line how much history there is, and what is missing of it."""
    missing, quiet = (sum(row[f"n_{kind}_bars"] for row in gaps) for kind in _ABSENT)
    longest = max(row["longest_gap_bars"] for row in gaps)
    return (
        f"{bars.n_bars:,} bars of {bars.interval} and {len(bars.symbols)} symbols, "
        f"{bars.start:%Y-%m-%d} to {bars.end:%Y-%m-%d}; {missing:,} missing, "
        f"{quiet:,} without a trade, longest gap {longest} bars"
    )


def _stored(store: BarStore, bars: Bars, *, source: str) -> Json:
    revisions = store.write(bars, source=source)
    return {
        "interval": str(bars.interval),
        "n_bars": bars.n_bars,
        "start": f"{bars.start:%Y-%m-%d %H:%M}",
        "end": f"{bars.end:%Y-%m-%d %H:%M}",
        "n_revisions": revisions.height,
        "digest": bars.digest,
    }
