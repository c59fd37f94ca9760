from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.market.grid import gap_report, grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.files import FileSource
from tests.market.tables import REAL_BARS, START, bars_of, table, with_value

N = 12  # bars a symbol; the first rows are BTC's, then ETH's


def hours(*, without=(), silent=()):
    """12 hourly closes 10, 11, ... of both symbols, without some rows, some of volume 0."""
    frame = table(range(10, 10 + N))
    for row in silent:
        frame = with_value(frame, row, "volume", 0.0)
    return bars_of(frame.filter(~pl.int_range(2 * N).is_in(list(without))))


def test_a_whole_history_fills_its_grid():
    bars = hours()
    grid = grid_from_bars(bars)
    assert grid.n_bars == N
    assert grid.n_segments == 1
    assert grid.dataset_digest == bars.digest
    assert grid.open_time[0] == START.timestamp()
    assert set(np.diff(grid.open_time)) == {3600}
    assert grid.observed.all()
    assert grid.close[:, 1].tolist() == list(range(10, 22))
    assert grid.open[3].tolist() == [12.0, 12.0]
    assert grid.high[3].tolist() == [14.0, 14.0]
    assert grid.low[3].tolist() == [11.0, 11.0]


def test_incident_49_a_missing_bar_is_marked_and_filled_with_the_last_close():
    grid = grid_from_bars(hours(without=[N + 5, N + 6]))
    assert grid.observed[:, 0].all()
    assert np.flatnonzero(~grid.observed[:, 1]).tolist() == [5, 6]
    assert np.flatnonzero(~grid.present[:, 1]).tolist() == [5, 6]
    for prices in (grid.open, grid.high, grid.low, grid.close):
        assert prices[5:7, 1].tolist() == [14.0, 14.0]
    assert grid.volume[5:7].tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert grid.close[7, 1] == 17.0


def test_incident_49_a_bar_without_volume_moves_no_price():
    grid = grid_from_bars(hours(silent=[5]))
    assert grid.present.all()
    assert not grid.observed[5, 0]
    assert [x[5, 0] for x in (grid.open, grid.high, grid.low, grid.close)] == [14.0] * 4


def test_a_gap_of_the_limit_is_bridged_and_a_longer_one_splits():
    bridged = grid_from_bars(hours(without=[4, 5]), max_gap_hours=2)
    split = grid_from_bars(hours(without=[4, 5, 6]), max_gap_hours=2)
    assert bridged.segment.tolist() == [0] * N
    assert split.segment.tolist() == [0] * 4 + [-1] * 3 + [1] * 5
    assert split.n_segments == 2


def test_missing_and_silent_bars_make_one_gap():
    grid = grid_from_bars(hours(without=[4], silent=[5]), max_gap_hours=1)
    assert grid.segment.tolist() == [0] * 4 + [-1] * 2 + [1] * 6


def test_gaps_of_different_symbols_do_not_add_up():
    grid = grid_from_bars(hours(without=[4, 5, N + 6, N + 7]), max_gap_hours=2)
    assert grid.n_segments == 1


def test_hours_without_any_symbol_are_rows_too():
    grid = grid_from_bars(hours(without=[*range(2, 9), *range(N + 2, N + 9)]))
    assert grid.n_bars == N
    assert grid.segment.tolist() == [0, 0] + [-1] * 7 + [1] * 3


def test_a_single_bar_is_bridged_at_any_limit():
    assert grid_from_bars(hours(without=[4]), max_gap_hours=0).n_segments == 1
    with pytest.raises(ValueError, match="max_gap_hours=-1"):
        grid_from_bars(hours(), max_gap_hours=-1)


def test_the_limit_counts_hours_at_every_interval():
    frame = table(range(10, 110), interval=Interval.M5)
    for n_missing, n_segments in ((12, 1), (13, 2)):
        bars = bars_of(
            frame.filter(~pl.int_range(200).is_in(range(20, 20 + n_missing))), Interval.M5
        )
        assert grid_from_bars(bars, max_gap_hours=1).n_segments == n_segments


def test_a_symbol_listed_later_has_no_price_and_no_segment_before():
    grid = grid_from_bars(hours(without=[N, N + 1], silent=[N + 2]))
    assert np.isnan(grid.close[:3, 1]).all()
    assert np.isnan(grid.open[:3, 1]).all()
    assert grid.segment.tolist() == [-1] * 3 + [0] * 9


def test_a_symbol_that_ends_early_ends_the_segment():
    grid = grid_from_bars(hours(without=range(N + 8, 2 * N)), max_gap_hours=2)
    assert grid.segment.tolist() == [0] * 8 + [-1] * 4


def test_incident_45_the_grid_of_a_prefix_is_the_beginning_of_the_grid():
    bars = hours(without=[4, N + 7], silent=[2])
    prefix = bars_of(bars.frame.filter(pl.col("timestamp") < START + timedelta(hours=10)))
    whole, part = grid_from_bars(bars), grid_from_bars(prefix)
    for name in ("open_time", "open", "high", "low", "close", "volume", "observed", "segment"):
        np.testing.assert_array_equal(getattr(whole, name)[:10], getattr(part, name))


def test_the_report_counts_missing_and_silent_bars_apart():
    report = gap_report(grid_from_bars(hours(without=[4, 5, N + 1], silent=[6])))
    assert report.rows() == [("BTC/USD", 2, 1, 3), ("ETH/USD", 1, 0, 1)]


@pytest.mark.skipif(not REAL_BARS.is_dir(), reason="needs the real bars of ../shared/data")
@pytest.mark.parametrize(
    ("file", "n_rows", "missing", "silent"),
    [
        ("binance_spot_1h_2020-10_2024-04", 30_998, [20] * 7, [2] * 7),
        ("binance_spot_5m_2022-08_2023-09", 121_752, [16] * 7, [303, 14, 14, 14, 14, 14, 34]),
        ("coinbase_usd_5m_2023-11_2024-01", 10_746, [22, 0, 0, 0, 0, 0, 69], [0] * 7),
    ],
)
def test_the_gaps_of_real_bars_are_counted(file, n_rows, missing, silent):
    grid = grid_from_bars(FileSource(path=REAL_BARS / f"{file}.parquet").fetch_bars())
    report = gap_report(grid)
    assert grid.n_bars == n_rows
    assert grid.n_segments == 1
    assert report["n_missing_bars"].to_list() == missing
    assert report["n_zero_volume_bars"].to_list() == silent
