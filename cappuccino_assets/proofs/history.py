"""Everything that one set of bars leads to, computed when it is asked for."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import BarGrid
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.proofs.pipeline import Pipeline
from cappuccino_assets.proofs.records import NEVER, Record, joined_values
from cappuccino_assets.proofs.settings import ProofSettings
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import IntArray

_PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """Arrays of one layout, and from when on each of their rows is settled.

    Attributes:
        arrays: What agents see and are marked by, T rows.
        settled_at: From when on a row is known to be usable, UTC epoch seconds, shape (T,).
        pipeline: The stages.
        settings: Of the proof.
        plan: The study.
    """

    arrays: FeatureArrays
    settled_at: IntArray
    pipeline: Pipeline
    settings: ProofSettings
    plan: StudyPlan

    @property
    def known_at(self) -> IntArray:
        """When each row's bar closes, shape (T,)."""
        return self.arrays.open_time + self.arrays.interval.seconds

    def for_search(self) -> "Seen":
        """Leave what search sees."""
        search = self.pipeline.search(self.plan, self.arrays)
        return replace(self, arrays=search, settled_at=self.settled_at[: search.n_bars])


class History:
    """What a pipeline makes of bars.

    Args:
        bars: The finest bars held.
        pipeline: The stages.
        settings: Of the proof.
        plan: The study, planned on the whole history.
    """

    def __init__(self, bars: Bars, *, pipeline: Pipeline, settings: ProofSettings, plan: StudyPlan):
        self.bars = bars
        self._pipeline = pipeline
        self._settings = settings
        self._plan = plan
        self._seen: dict[Layout, Seen] = {}
        self._resampled: dict[Interval, Bars] = {}

    @property
    def known_until(self) -> int:
        """When the last bar closed, UTC epoch seconds."""
        return int(self.bars.end.timestamp()) + self.bars.interval.seconds

    def resampled(self, interval: Interval) -> Bars:
        """Bars of an interval."""
        if interval not in self._resampled:
            self._resampled[interval] = self._pipeline.resample(self.bars, interval)
        return self._resampled[interval]

    @cached_property
    def grid(self) -> BarGrid:
        """The bars that features are made of, on their grid."""
        return self._pipeline.grid(self.resampled(self._settings.interval))

    @cached_property
    def settled_at(self) -> IntArray:
        """From when on each row of the grid is known to lie in a long gap or not, shape (T,).

        A gap counts by its whole length, so its rows are settled with the bar that ends it.
        """
        grid = self.grid
        ends_at = np.append(grid.open_time + grid.interval.seconds, NEVER)
        rows = np.arange(grid.n_bars)[:, None]
        next_row = np.where(grid.observed, rows, grid.n_bars)
        next_observed = np.minimum.accumulate(next_row[::-1])[::-1]  # (T, N)
        settled_at: IntArray = ends_at[next_observed.max(axis=1)]
        return settled_at

    def seen(self, layout: Layout) -> Seen:
        """Feature arrays of a layout.

        Raises:
            HistoryTooShortError: If no row outlasts the warm-up.
            ConstantColumnError: If a feature never changes.
        """
        if layout not in self._seen:
            arrays = self._pipeline.features(self.grid, layout)
            first = int(np.searchsorted(self.grid.open_time, arrays.open_time[0]))
            self._seen[layout] = Seen(
                arrays=arrays,
                settled_at=self.settled_at[first : first + arrays.n_bars],
                pipeline=self._pipeline,
                settings=self._settings,
                plan=self._plan,
            )
        return self._seen[layout]


def bars_record(history: History, interval: Interval) -> Record:
    """Lay bars out by time; NaN where a symbol has none."""
    bars = history.resampled(interval)
    frame = bars.frame.with_columns(time=bars.frame["timestamp"].dt.epoch("s"))
    time = np.sort(frame["time"].unique().to_numpy())
    columns, values = [], np.full((len(time), len(bars.symbols) * len(_PRICES)), np.nan)
    for n, symbol in enumerate(bars.symbols):
        part = frame.filter(frame["symbol"] == symbol)
        rows = np.searchsorted(time, part["time"].to_numpy())
        values[rows, n * len(_PRICES) : (n + 1) * len(_PRICES)] = part.select(_PRICES).to_numpy()
        columns += [f"{symbol}.{name}" for name in _PRICES]
    known_at = time + interval.seconds
    return Record(
        time=time, known_at=known_at, settled_at=known_at, columns=tuple(columns), values=values
    )


def grid_record(history: History) -> Record:
    """Prices, volumes and masks of the grid."""
    grid, names = history.grid, (*_PRICES, "present", "observed")
    known_at = grid.open_time + grid.interval.seconds
    return Record(
        time=grid.open_time,
        known_at=known_at,
        settled_at=known_at,
        columns=tuple(f"{symbol}.{name}" for name in names for symbol in grid.symbols),
        values=joined_values([getattr(grid, name) for name in names]),
    )


def segments_record(history: History) -> Record:
    """Number of the segment of each row that lies in one."""
    grid = history.grid
    record = Record(
        time=grid.open_time,
        known_at=grid.open_time + grid.interval.seconds,
        settled_at=history.settled_at,
        columns=("segment",),
        values=joined_values([grid.segment[:, None]]),
    )
    return record.rows(grid.segment >= 0)
