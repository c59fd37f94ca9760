import math
from datetime import timedelta

import polars as pl
import pytest

from cappuccino_assets.errors import (
    CappuccinoError,
    DuplicateBarError,
    IncompleteHistoryError,
    InvalidPriceError,
    MissingColumnError,
    MissingSymbolError,
    OffGridError,
    UnknownSymbolError,
    UnorderedBarsError,
    UnreadableBarsError,
)
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.files import FileSource
from tests.market.tables import PAIR, REAL_BARS, START, bars_of, table, with_value

FORMATS = ("parquet", "csv")


def stored(folder, frame, kind="parquet"):
    path = folder / f"bars.{kind}"
    (frame.write_parquet if kind == "parquet" else frame.write_csv)(path)
    return FileSource(path=path, symbols=PAIR)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("interval", list(Interval))
def test_a_file_gives_its_bars_and_their_interval(tmp_path, kind, interval):
    frame = table([10.25, 11.5, 1 / 3 + 10], interval=interval)
    bars = stored(tmp_path, frame, kind).fetch_bars()
    assert bars.interval is interval
    assert bars.digest == bars_of(frame, interval).digest


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S%:z", "%Y-%m-%d %H:%M"]
)
def test_a_csv_may_write_its_times_in_several_ways(tmp_path, form):
    path = tmp_path / "bars.csv"
    table().write_csv(path, datetime_format=form)
    assert FileSource(path=path, symbols=PAIR).fetch_bars().digest == bars_of(table()).digest


def test_gaps_do_not_hide_the_interval(tmp_path):
    frame = table(range(10, 30)).filter(~pl.int_range(40).is_in([3, 4, 9, 15]))
    assert stored(tmp_path, frame).fetch_bars().interval is Interval.H1


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("fault", "error", "names"),
    [
        (lambda f: f.drop("close"), MissingColumnError, "'close'"),
        (lambda f: f.filter(pl.col("symbol") != "ETH/USD"), MissingSymbolError, "ETH/USD"),
        (lambda f: f.with_columns(symbol=pl.lit("DOGE/USD")), UnknownSymbolError, "DOGE/USD"),
        (
            lambda f: pl.concat([f[1:2], f[0:1], f[2:]]),
            UnorderedBarsError,
            "BTC/USD at 2024-01-01T00",
        ),
        (lambda f: pl.concat([f[0:1], f]), DuplicateBarError, "BTC/USD at 2024-01-01T00"),
        (lambda f: with_value(f, 2, "low", -9.0), InvalidPriceError, "BTC/USD at 2024-01-01T02"),
        (
            lambda f: with_value(f, 4, "open", math.nan),
            InvalidPriceError,
            "ETH/USD at 2024-01-01T01",
        ),
        (lambda f: with_value(f, 4, "open", None), InvalidPriceError, "ETH/USD at 2024-01-01T01"),
        (
            lambda f: with_value(f, 2, "timestamp", START + timedelta(minutes=90)),
            OffGridError,
            "BTC/USD at 2024-01-01T01:30:00Z",
        ),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_the_fault(
    tmp_path, kind, fault, error, names
):
    source = stored(tmp_path, fault(table()), kind)
    with pytest.raises(error) as caught:
        source.fetch_bars()
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_off_anywhere_is_refused(tmp_path, kind, share):
    source = stored(tmp_path, table(range(10, 200)), kind)
    whole = source.path.read_bytes()
    source.path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CappuccinoError) as caught:
        source.fetch_bars()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("column", "word"), [("timestamp", "yesterday"), ("close", "much")])
def test_a_word_in_the_place_of_a_value_is_refused(tmp_path, column, word):
    words = with_value(table().cast({column: pl.String}), 3, column, word)
    with pytest.raises(UnreadableBarsError, match=f"'{column}'.*{word}") as caught:
        stored(tmp_path, words, "csv").fetch_bars()
    assert "\n" not in str(caught.value)


def test_a_csv_cut_off_between_two_lines_is_refused(tmp_path):
    source = stored(tmp_path, table(range(10, 200)), "csv")
    lines = source.path.read_text().splitlines(keepends=True)
    source.path.write_text("".join(lines[:250]))  # the header, 190 bars of BTC, 59 of ETH
    with pytest.raises(
        IncompleteHistoryError, match=r"ETH/USD: .* 2024-01-03T10:00:00Z, .*cut off"
    ):
        source.fetch_bars()


def test_a_csv_cut_off_within_its_last_number_is_refused(tmp_path):
    source = stored(tmp_path, table(), "csv")
    source.path.write_bytes(source.path.read_bytes()[:-3])
    with pytest.raises(UnreadableBarsError, match="cut off"):
        source.fetch_bars()


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PAR1", b"{}\n"])
@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_no_table_is_refused(tmp_path, kind, content):
    path = tmp_path / f"bars.{kind}"
    path.write_bytes(content)
    with pytest.raises(CappuccinoError):
        FileSource(path=path, symbols=PAIR).fetch_bars()


@pytest.mark.parametrize("name", ["absent.parquet", "absent.csv", "bars.xlsx", "."])
def test_a_path_that_is_no_such_file_is_refused(tmp_path, name):
    with pytest.raises(UnreadableBarsError):
        FileSource(path=tmp_path / name).fetch_bars()


def test_a_file_with_a_strange_step_or_a_single_bar_is_refused(tmp_path):
    daily = table(range(10, 20)).with_columns(
        timestamp=START + pl.duration(days=pl.int_range(20) % 10)
    )
    with pytest.raises(UnreadableBarsError, match="86400 s"):
        stored(tmp_path, daily).fetch_bars()
    with pytest.raises(UnreadableBarsError, match="no symbol has two bars"):
        stored(tmp_path, table([10.0])).fetch_bars()


def test_a_symbol_that_was_listed_later_is_no_fault(tmp_path):
    late = table(range(10, 110)).filter(~pl.int_range(200).is_between(100, 160))
    assert stored(tmp_path, late).fetch_bars().n_bars == 139


@pytest.mark.skipif(not REAL_BARS.is_dir(), reason="needs the real bars of ../shared/data")
def test_real_bars_are_valid():
    bars = FileSource(path=REAL_BARS / "binance_spot_1h_2020-10_2024-04.parquet").fetch_bars()
    assert bars.n_bars == 216_846
    assert bars.interval is Interval.H1
