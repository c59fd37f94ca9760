from datetime import timedelta

import polars as pl
import pytest

from cappuccino_assets.errors import InconsistentBarError, IntegrityError, WarehouseError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.files import FileSource
from cappuccino_assets.market.store import REVISION_SCHEMA, BarStore
from cappuccino_assets.storage.files import read_json
from tests.market.tables import PAIR, REAL_BARS, START, bars_of, table, with_value

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    return BarStore(folder=tmp_path / "bars")


def values(revisions):
    names = ("timestamp", "symbol", "column", "stored", "fetched", "kind")
    return revisions.select(names).rows()


def test_what_is_written_is_read(store):
    bars = bars_of(table())
    assert store.write(bars, source="venue").is_empty()
    assert store.read(Interval.H1, PAIR).frame.equals(bars.frame)
    assert store.revisions().is_empty()


def test_the_description_says_what_is_stored(store):
    bars = bars_of(table())
    store.write(bars, source="venue")
    description = store.description(Interval.H1)
    assert description == {
        "source": "venue",
        "interval": "1h",
        "symbols": list(PAIR),
        "digest": bars.digest,
        "n_bars": 6,
        "start": "2024-01-01T00:00:00+00:00",
        "end": "2024-01-01T02:00:00+00:00",
    }
    assert read_json(store.folder / "1h.json") == description


def test_a_longer_history_is_no_revision(store):
    store.write(bars_of(table([10.0, 11.0])), source="venue")
    assert store.write(bars_of(table([10.0, 11.0, 12.0])), source="venue").is_empty()
    assert store.read(Interval.H1, PAIR).n_bars == 6


def test_a_history_that_begins_later_is_no_revision(store):
    store.write(bars_of(table()), source="venue")
    later = table().filter(pl.col("timestamp") > START)
    assert store.write(bars_of(later), source="venue").is_empty()


def test_a_bar_that_changed_is_recorded_with_both_values(store):
    first = bars_of(table())
    store.write(first, source="venue")
    changed = bars_of(with_value(with_value(table(), 4, "volume", 3.0), 4, "high", 20.0))
    revisions = store.write(changed, source="venue")
    assert values(revisions) == [
        (START + HOUR, "ETH/USD", "high", 12.0, 20.0, "changed"),
        (START + HOUR, "ETH/USD", "volume", 1.0, 3.0, "changed"),
    ]
    assert set(revisions["digest"]) == {changed.digest}
    assert changed.digest != first.digest
    assert store.read(Interval.H1, PAIR).digest == changed.digest


def test_a_bar_that_arrives_late_is_recorded(store):
    store.write(bars_of(table().filter(pl.int_range(6) != 1)), source="venue")
    revisions = store.write(bars_of(table()), source="venue")
    assert values(revisions) == [
        (START + HOUR, "BTC/USD", "open", None, 10.0, "late"),
        (START + HOUR, "BTC/USD", "high", None, 12.0, "late"),
        (START + HOUR, "BTC/USD", "low", None, 9.0, "late"),
        (START + HOUR, "BTC/USD", "close", None, 11.0, "late"),
        (START + HOUR, "BTC/USD", "volume", None, 1.0, "late"),
    ]


def test_a_bar_that_is_gone_is_recorded(store):
    store.write(bars_of(table()), source="venue")
    revisions = store.write(bars_of(table().filter(pl.int_range(6) != 1)), source="venue")
    assert set(revisions["kind"]) == {"removed"}
    assert revisions["fetched"].null_count() == 5


def test_the_log_keeps_every_revision_once(store):
    closes = ([10.0, 11.0, 12.0], [10.0, 11.5, 12.0], [10.0, 11.0, 12.0])
    for close in (*closes, closes[-1]):
        store.write(bars_of(table(close)), source="venue")
    log = store.revisions()
    assert log.schema == REVISION_SCHEMA
    close = log.filter((pl.col("symbol") == "BTC/USD") & (pl.col("column") == "close"))
    assert close.select("stored", "fetched").rows() == [(11.0, 11.5), (11.5, 11.0)]


def test_a_write_that_died_after_the_log_is_repeated_without_doubling_it(store):
    store.write(bars_of(table()), source="venue")
    before = store.path(Interval.H1).read_bytes()
    revisions = store.write(bars_of(table([10.0, 11.5, 12.0])), source="venue")
    store.path(Interval.H1).write_bytes(before)
    assert store.write(bars_of(table([10.0, 11.5, 12.0])), source="venue").equals(revisions)
    assert store.revisions().equals(revisions)


def test_another_market_replaces_the_bars_without_revisions(store):
    store.write(bars_of(table()), source="venue")
    assert store.write(bars_of(table([50.0, 51.0])), source="simulated").is_empty()
    assert store.read(Interval.H1, PAIR).n_bars == 4


def test_intervals_are_kept_apart(store):
    store.write(bars_of(table()), source="venue")
    store.write(bars_of(table(interval=Interval.M5), Interval.M5), source="venue")
    assert store.read(Interval.H1, PAIR).interval is Interval.H1
    assert store.read(Interval.M5, PAIR).end == START + timedelta(minutes=10)


def test_a_refused_history_leaves_what_was_stored(store):
    bars = bars_of(table())
    store.write(bars, source="venue")
    with pytest.raises(InconsistentBarError):
        store.write(bars_of(with_value(table(), 1, "high", 1.0)), source="venue")
    assert store.read(Interval.H1, PAIR).digest == bars.digest


def test_absent_bars_are_an_error(store):
    with pytest.raises(WarehouseError, match="No bars of 1h are stored"):
        store.read(Interval.H1, PAIR)


def test_bars_of_another_universe_are_refused(store):
    store.write(bars_of(table()), source="venue")
    with pytest.raises(IntegrityError, match="ETH/USD"):
        store.read(Interval.H1, ("ETH/USD", "BTC/USD"))


def test_a_damaged_file_is_neither_read_nor_replaced(store):
    store.write(bars_of(table()), source="venue")
    path = store.path(Interval.H1)
    whole = path.read_bytes()
    for damaged in (whole[:-30], b"", whole.replace(b"PAR1", b"XXXX")):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError):
            store.read(Interval.H1, PAIR)
        with pytest.raises(IntegrityError):
            store.write(bars_of(table()), source="venue")
        assert path.read_bytes() == damaged


def test_bars_that_are_not_what_the_digest_says_are_refused(store):
    store.write(bars_of(table()), source="venue")
    path = store.path(Interval.H1)
    metadata = {"cappuccino": pl.read_parquet_metadata(path)["cappuccino"]}
    bars_of(with_value(table(), 0, "volume", 2.0)).frame.write_parquet(path, metadata=metadata)
    with pytest.raises(IntegrityError, match="digest"):
        store.read(Interval.H1, PAIR)


@pytest.mark.skipif(not REAL_BARS.is_dir(), reason="needs the real bars of ../shared/data")
def test_the_bar_that_its_venue_revised_is_found(store):
    for name in ("mit_binance_1h_2021-01_2021-06", "binance_spot_1h_2020-10_2024-04"):
        bars = FileSource(path=REAL_BARS / f"{name}.parquet").fetch_bars()
        store.write(bars, source="binance")
    revised = store.revisions().filter(pl.col("timestamp").dt.date() == pl.date(2021, 4, 23))
    assert revised["symbol"].n_unique() == 7
    assert [f"{time:%H:%M}" for time in revised["timestamp"].unique()] == ["01:00"]
