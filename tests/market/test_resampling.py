from datetime import timedelta

import polars as pl
import pytest

from cappuccino_assets.errors import MissingSymbolError
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.market.sources.files import FileSource
from tests.market.tables import PAIR, REAL_BARS, START, bars_of, table, with_value


def quarter_hours(values, start=START):
    """One tuple (open, high, low, close, volume) per bar of 15m, the same for both symbols."""
    names = ("open", "high", "low", "close", "volume")
    rows = [
        {"timestamp": start + i * timedelta(minutes=15), "symbol": symbol}
        | dict(zip(names, map(float, value), strict=True))
        for symbol in PAIR
        for i, value in enumerate(values)
    ]
    frame = pl.DataFrame(rows, schema_overrides={"timestamp": pl.Datetime("us", "UTC")})
    return bars_of(frame, Interval.M15)


def first_row(bars):
    return bars.frame.row(0)[2:]


def test_an_hour_is_joined_of_its_quarters():
    bars = quarter_hours(
        [(10, 12, 9, 11, 1), (11, 15, 10, 14, 2), (14, 14, 8, 9, 3), (9, 9, 9, 9, 4)]
    )
    hour = resample(bars, Interval.H1)
    assert hour.interval is Interval.H1
    assert hour.n_bars == 2
    assert first_row(hour) == (10.0, 15.0, 8.0, 9.0, 10.0)


def test_incident_49_bars_without_volume_move_no_price():
    bars = quarter_hours(
        [(50, 60, 40, 50, 0), (10, 12, 9, 11, 1), (11, 12, 10, 12, 2), (12, 90, 1, 80, 0)]
    )
    assert first_row(resample(bars, Interval.H1)) == (10.0, 12.0, 9.0, 12.0, 3.0)


def test_an_hour_without_volume_stays_flat_at_its_last_close():
    bars = quarter_hours([(10, 12, 9, 11, 0)] * 3 + [(11, 14, 10, 13, 0)])
    assert first_row(resample(bars, Interval.H1)) == (13.0, 13.0, 13.0, 13.0, 0.0)


def test_an_hour_that_is_not_over_is_no_bar():
    five = quarter_hours([(10, 12, 9, 11, 1)] * 7)
    assert resample(five, Interval.H1).frame["timestamp"].unique().to_list() == [START]
    with pytest.raises(MissingSymbolError):
        resample(quarter_hours([(10, 12, 9, 11, 1)] * 3), Interval.H1)


def test_an_hour_whose_beginning_is_not_held_is_no_bar():
    late = quarter_hours([(10, 12, 9, 11, 1)] * 7, start=START + timedelta(minutes=15))
    times = resample(late, Interval.H1).frame["timestamp"].unique().to_list()
    assert times == [START + timedelta(hours=1)]


def test_an_hour_is_over_when_another_symbol_traded_to_its_end():
    bars = quarter_hours([(10, 12, 9, 11, 1)] * 4)
    silent = bars.frame.filter(pl.int_range(8) != 3)
    hour = resample(bars_of(silent, Interval.M15), Interval.H1)
    assert hour.frame["volume"].to_list() == [3.0, 4.0]


def test_the_same_interval_is_the_same_object_and_a_finer_one_is_refused():
    bars = bars_of(table())
    assert resample(bars, Interval.H1) is bars
    with pytest.raises(ValueError, match="finer 5m"):
        resample(bars, Interval.M5)


def test_resampling_twice_is_resampling_once():
    closes = [100 + (i * 7) % 13 for i in range(288)]
    fine = bars_of(table(closes, interval=Interval.M5), Interval.M5)
    fine = bars_of(with_value(fine.frame, 40, "volume", 0.0), Interval.M5)
    direct = resample(fine, Interval.H4)
    assert resample(resample(fine, Interval.M30), Interval.H4).digest == direct.digest


@pytest.mark.parametrize("n_bars", [8, 9, 11, 12])
def test_incident_45_bars_of_a_prefix_are_the_beginning_of_the_bars(n_bars):
    values = [(10 + i, 12 + i, 9 + i, 11 + i, i % 3) for i in range(16)]
    whole = resample(quarter_hours(values), Interval.H1).frame
    prefix = resample(quarter_hours(values[:n_bars]), Interval.H1).frame
    known = whole.filter(pl.col("timestamp") < START + timedelta(hours=n_bars // 4))
    assert prefix.equals(known)


@pytest.mark.skipif(not REAL_BARS.is_dir(), reason="needs the real bars of ../shared/data")
def test_real_5m_bars_join_to_the_native_1h_bars():
    fine = FileSource(path=REAL_BARS / "binance_spot_5m_2022-08_2023-09.parquet").fetch_bars()
    native = FileSource(path=REAL_BARS / "binance_spot_1h_2020-10_2024-04.parquet").fetch_bars()
    joined = resample(fine, Interval.H1)
    expected = Bars(
        frame=native.frame.filter(pl.col("timestamp").is_between(joined.start, joined.end)),
        interval=Interval.H1,
        symbols=native.symbols,
    )
    prices = ["timestamp", "symbol", "open", "high", "low", "close"]
    assert joined.n_bars == 71_015
    assert joined.frame.select(prices).equals(expected.frame.select(prices))
    assert (joined.frame["volume"] / expected.frame["volume"] - 1).abs().max() < 1e-12
