import math
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.errors import (
    BarError,
    DuplicateBarError,
    InconsistentBarError,
    InvalidPriceError,
    InvalidVolumeError,
    MissingColumnError,
    MissingSymbolError,
    OffGridError,
    UnknownSymbolError,
    UnorderedBarsError,
    UnreadableBarsError,
)
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from tests.market.tables import PAIR, START, bars_of, table, with_value


def test_bars_say_how_many_they_are_and_from_when_to_when():
    bars = bars_of(table())
    assert bars.n_bars == 6
    assert bars.start == START
    assert bars.end == START + timedelta(hours=2)


def test_symbols_take_the_order_of_the_universe_and_times_any_order_between_symbols():
    interleaved = table().sort("timestamp", "symbol", descending=[False, True])
    bars = bars_of(interleaved)
    assert bars.frame["symbol"].to_list() == ["BTC/USD"] * 3 + ["ETH/USD"] * 3
    assert bars.digest == bars_of(table()).digest


def test_other_columns_are_dropped_and_numbers_become_floats():
    frame = table().with_columns(pl.lit(1).alias("n_trades"), pl.col("volume").cast(pl.Int32))
    assert bars_of(frame).digest == bars_of(table()).digest


@pytest.mark.parametrize(
    ("column", "value", "error", "rule"),
    [
        ("open", math.nan, InvalidPriceError, "The open must be finite and positive."),
        ("high", math.inf, InvalidPriceError, "The high must be finite and positive."),
        ("low", 0.0, InvalidPriceError, "The low must be finite and positive."),
        ("close", -1.0, InvalidPriceError, "The close must be finite and positive."),
        ("close", None, InvalidPriceError, "The close must be finite and positive."),
        ("low", 10.5, InconsistentBarError, "The low must not be above the open or the close."),
        ("high", 10.5, InconsistentBarError, "The high must not be below the open or the close."),
        ("volume", -0.1, InvalidVolumeError, "The volume must be finite and not negative."),
        ("volume", math.nan, InvalidVolumeError, "The volume must be finite and not negative."),
        ("symbol", "DOGE/USD", UnknownSymbolError, "The symbol is not one of the universe."),
    ],
)
def test_a_bar_that_breaks_a_rule_is_named(column, value, error, rule):
    with pytest.raises(error) as caught:
        bars_of(with_value(table(), 1, column, value))
    symbol = value if column == "symbol" else "BTC/USD"
    assert str(caught.value) == f"{symbol} at 2024-01-01T01:00:00Z: {rule}"
    assert caught.value.symbol == symbol
    assert caught.value.open_time == "2024-01-01T01:00:00Z"


def test_a_low_above_the_close_only_is_refused():
    falling = table([12.0, 11.0, 10.0])
    with pytest.raises(InconsistentBarError, match="low"):
        bars_of(with_value(falling, 1, "low", 11.5))


@pytest.mark.parametrize(
    ("time", "error"),
    [
        (START, DuplicateBarError),
        (START - timedelta(hours=1), UnorderedBarsError),
        (START + timedelta(minutes=61), OffGridError),
        (None, OffGridError),
    ],
)
def test_a_timestamp_that_breaks_a_rule_is_named(time, error):
    with pytest.raises(error) as caught:
        bars_of(with_value(table(), 1, "timestamp", time))
    assert caught.value.symbol == "BTC/USD"
    assert caught.value.open_time == (time and f"{time:%Y-%m-%dT%H:%M:%SZ}")


def test_the_grid_counts_from_the_epoch_not_from_the_first_bar():
    shifted = table(start=START + timedelta(minutes=30))
    with pytest.raises(OffGridError, match="grid of 1h bars"):
        bars_of(shifted)


def test_a_symbol_without_bars_is_named():
    with pytest.raises(MissingSymbolError, match="ETH/USD: The symbol has no bar at all"):
        bars_of(table(symbols=["BTC/USD"]))


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnError, match="'volume'"):
        bars_of(table().drop("volume"))


def test_a_column_of_another_kind_is_named():
    words = table().with_columns(close=pl.lit("much"))
    with pytest.raises(UnreadableBarsError, match="'close'"):
        bars_of(words)
    with pytest.raises(UnreadableBarsError, match="'timestamp'"):
        bars_of(table().with_columns(timestamp=pl.lit(1.5)))


def test_a_frame_out_of_the_order_of_symbols_is_no_bars():
    frame = table(symbols=tuple(reversed(PAIR)))
    with pytest.raises(ValueError, match="order of the symbols"):
        Bars(frame=frame, interval=Interval.H1, symbols=PAIR)


def test_bars_made_directly_keep_the_same_rules():
    missing = {"frame": table(symbols=["BTC/USD"]), "error": MissingSymbolError}
    unknown = {"frame": table(symbols=[*PAIR, "LTC/USD"]), "error": UnknownSymbolError}
    as_text = {"frame": table().cast({"close": pl.String}), "error": ValueError}
    for case in (missing, unknown, as_text):
        with pytest.raises(case["error"]):
            Bars(frame=case["frame"], interval=Interval.H1, symbols=PAIR)
    with pytest.raises(ValueError, match="distinct"):
        Bars(frame=table(), interval=Interval.H1, symbols=("BTC/USD", "BTC/USD"))


def test_times_of_another_zone_are_the_same_bars():
    elsewhere = table().with_columns(pl.col("timestamp").dt.convert_time_zone("Asia/Tokyo"))
    naive = table().with_columns(pl.col("timestamp").dt.replace_time_zone(None))
    nanoseconds = table().with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    digests = {bars_of(frame).digest for frame in (elsewhere, naive, nanoseconds, table())}
    assert len(digests) == 1


@given(
    row=st.integers(0, 5),
    column=st.sampled_from(["open", "high", "low", "close", "volume"]),
    factor=st.sampled_from([0.999, 1.001]),
)
def test_the_digest_changes_with_every_value(row, column, factor):
    frame = table([10.0, 10.5, 10.2])
    changed = with_value(frame, row, column, frame[column][row] * factor)
    assert bars_of(changed).digest != bars_of(frame).digest


def test_the_digest_changes_with_the_universe_and_a_missing_bar():
    swapped = Bars.from_frame(table(), interval=Interval.H1, symbols=("ETH/USD", "BTC/USD"))
    with_gap = bars_of(table().filter(pl.int_range(6) != 1))
    renamed = table().with_columns(pl.col("symbol").replace({"ETH/USD": "LTC/USD"}))
    other = Bars.from_frame(renamed, interval=Interval.H1, symbols=("BTC/USD", "LTC/USD"))
    assert len({bars.digest for bars in (bars_of(table()), swapped, with_gap, other)}) == 4


def test_the_digest_stays_what_it_is_from_release_to_release():
    assert bars_of(table()).digest == (
        "43df741606fb9273f220b018bccee7749ca8e42763e4e17e75ac6614b3e6ed86"
    )


def test_the_digest_does_not_tell_the_two_zeros_apart():
    assert (
        bars_of(with_value(table(), 0, "volume", 0.0)).digest
        == bars_of(with_value(table(), 0, "volume", -0.0)).digest
    )


def test_incident_13_every_interval_has_a_digest_of_its_own():
    five_minutes = bars_of(table(range(10, 202), interval=Interval.M5), Interval.M5)
    digests = {resample(five_minutes, interval).digest for interval in Interval}
    assert len(digests) == len(Interval)
    same_rows = table([10.0, 11.0], interval=Interval.H4)
    assert bars_of(same_rows, Interval.H4).digest != bars_of(same_rows, Interval.H1).digest


def test_no_bar_is_repaired():
    broken = table().with_columns(high=pl.col("low"))
    with pytest.raises(BarError):
        bars_of(broken)
