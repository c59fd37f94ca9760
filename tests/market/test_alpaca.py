import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cappuccino_assets.errors import (
    ConfigurationError,
    IncompleteHistoryError,
    InvalidPriceError,
    MissingSymbolError,
    SourceError,
)
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.alpaca import AlpacaSource
from cappuccino_assets.market.store import BarStore
from tests.market import alpaca_server as server
from tests.market.tables import PAIR, START, bars_of, table, with_value

N = 100
END = START + timedelta(hours=N)


def source(venue, **changes):
    settings = {
        "start": START,
        "symbols": PAIR,
        "interval": Interval.H1,
        "url_override": venue.url,
        "timeouts_s": (1.0, 1.0),
        "n_attempts": 3,
        "first_wait_s": 0.01,
        "clock": lambda: END,
    }
    return AlpacaSource(**(settings | changes))


@pytest.fixture
def frame():
    return table(range(10, 10 + N))


@pytest.mark.parametrize("page_size", [1000, 37, 1])
def test_every_page_is_followed(frame, page_size):
    with server.serve(frame, page_size=page_size) as venue:
        bars = source(venue).fetch_bars()
        assert bars.digest == bars_of(frame).digest
        assert len(venue.requests) == -(-2 * N // page_size)


def test_the_request_asks_for_symbols_interval_and_times_without_keys(frame):
    with server.serve(frame) as venue:
        source(venue).fetch_bars()
    (request,) = venue.requests
    assert request["path"] == "/v1beta3/crypto/us/bars"
    assert request["symbols"] == "BTC/USD,ETH/USD"
    assert request["timeframe"] == "1Hour"
    assert datetime.fromisoformat(request["start"]) == START
    assert datetime.fromisoformat(request["end"]) == END
    assert "APCA-API-KEY-ID" not in request["headers"]


def test_keys_are_sent_and_never_shown(frame):
    with server.serve(frame) as venue:
        keyed = source(venue, api_key="open", secret_key="sesame")
        keyed.fetch_bars()
    assert venue.requests[0]["headers"]["APCA-API-SECRET-KEY"] == "sesame"
    assert "sesame" not in repr(keyed)
    with pytest.raises(ConfigurationError, match="both keys"):
        source(venue, api_key="open")


@pytest.mark.parametrize(
    ("interval", "asked"),
    [("5m", "5Min"), ("15m", "15Min"), ("30m", "30Min"), ("1h", "1Hour"), ("4h", "4Hour")],
)
def test_every_interval_can_be_asked_for(interval, asked):
    frame = table(range(10, 60), interval=Interval(interval))
    with server.serve(frame) as venue:
        end = START + 50 * timedelta(seconds=Interval(interval).seconds)
        bars = source(venue, interval=Interval(interval), clock=lambda: end).fetch_bars()
    assert venue.requests[0]["timeframe"] == asked
    assert bars.n_bars == 100
    assert bars.interval is Interval(interval)


def test_incident_28_the_bar_still_forming_is_dropped(frame):
    half_past = START + timedelta(hours=50, minutes=30)
    with server.serve(frame) as venue:
        bars = source(venue, clock=lambda: half_past).fetch_bars()
    assert bars.end == START + timedelta(hours=49)
    with server.serve(frame) as venue:
        bars = source(venue, end=START + timedelta(hours=20)).fetch_bars()
    assert bars.end == START + timedelta(hours=19)


def test_a_bar_without_trades_has_volume_0(frame):
    silent = with_value(frame, 5, "volume", 0)
    with server.serve(silent) as venue:
        assert source(venue).fetch_bars().frame["volume"][5] == 0.0


@pytest.mark.parametrize(
    "fault",
    [
        server.status(429),
        server.status(500),
        server.status(503),
        server.hang_up,
        server.cut_body,
        server.cut_json,
        server.no_token,
    ],
    ids=["429", "500", "503", "hang_up", "cut_body", "cut_json", "no_token"],
)
def test_a_passing_fault_is_waited_out(frame, fault):
    script = [server.page, fault, fault, server.page]
    with server.serve(frame, page_size=80, script=script) as venue:
        assert source(venue).fetch_bars().digest == bars_of(frame).digest
        assert len(venue.requests) == 5
        assert [request.get("page_token") for request in venue.requests] == [
            None,
            *["80"] * 3,
            "160",
        ]


def test_an_answer_that_does_not_come_is_not_waited_for(frame):
    with server.serve(frame, script=[server.slow(2.0)]) as venue:
        began = time.monotonic()
        with pytest.raises(SourceError, match="timed out"):
            source(venue, timeouts_s=(0.2, 0.2), n_attempts=1).fetch_bars()
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (server.status(429), SourceError, "status 429"),
        (server.status(500), SourceError, "status 500"),
        (server.hang_up, SourceError, "could not be reached"),
        (server.cut_body, IncompleteHistoryError, "cut short"),
        (server.cut_json, IncompleteHistoryError, "cut short"),
        (server.no_token, IncompleteHistoryError, "last page"),
    ],
    ids=["429", "500", "hang_up", "cut_body", "cut_json", "no_token"],
)
def test_a_lasting_fault_ends_the_attempts(frame, fault, error, words):
    with server.serve(frame, page_size=80, script=[server.page, *[fault] * 9]) as venue:
        with pytest.raises(error, match=words):
            source(venue).fetch_bars()
        assert len(venue.requests) == 4


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_is_not_asked_again(frame, code):
    with server.serve(frame, script=[server.status(code)] * 2) as venue:
        with pytest.raises(SourceError, match=f"status {code}"):
            source(venue).fetch_bars()
        assert len(venue.requests) == 1


def test_waits_grow_from_one_attempt_to_the_next(frame):
    with server.serve(frame, script=[server.status(500)] * 9) as venue:
        began = time.monotonic()
        with pytest.raises(SourceError):
            source(venue, n_attempts=4, first_wait_s=0.05).fetch_bars()
    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2
    assert len(venue.requests) == 4


def test_a_page_that_names_itself_as_the_next_one_ends_the_fetch(frame):
    with (
        server.serve(frame, page_size=80, script=[server.page, server.same_token]) as venue,
        pytest.raises(SourceError, match="names itself"),
    ):
        source(venue).fetch_bars()


def test_an_answer_that_ends_too_early_is_refused(frame):
    with (
        server.serve(frame, page_size=150, script=[server.last_page]) as venue,
        pytest.raises(IncompleteHistoryError, match="ETH/USD: the last bar is of 2024-01-03T01"),
    ):
        source(venue).fetch_bars()
    with (
        server.serve(frame, page_size=80, script=[server.last_page]) as venue,
        pytest.raises(MissingSymbolError, match="ETH/USD"),
    ):
        source(venue).fetch_bars()


def test_an_answer_without_any_bar_is_refused(frame):
    with server.serve(frame.clear()) as venue, pytest.raises(MissingSymbolError, match="BTC/USD"):
        source(venue).fetch_bars()


def test_a_bar_that_breaks_a_rule_is_refused(frame):
    with (
        server.serve(with_value(frame, 7, "low", -1.0)) as venue,
        pytest.raises(InvalidPriceError, match="BTC/USD at 2024-01-01T07"),
    ):
        source(venue).fetch_bars()


def test_a_half_downloaded_history_leaves_what_was_stored(frame, tmp_path):
    store = BarStore(folder=tmp_path)
    stored = bars_of(table())
    store.write(stored, source="alpaca 1h")
    script = [server.page, *[server.cut_body] * 3]
    with server.serve(frame, page_size=80, script=script) as venue:
        alpaca = source(venue)
        with pytest.raises(IncompleteHistoryError):
            store.write(alpaca.fetch_bars(), source=alpaca.name)
    assert store.read(Interval.H1, PAIR).digest == stored.digest
    assert store.revisions().is_empty()


def test_times_need_a_zone_and_an_order():
    with pytest.raises(ValueError, match="time zone"):
        AlpacaSource(start=START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="start < end"):
        AlpacaSource(start=START, end=START)


def test_the_clock_is_the_present():
    source = AlpacaSource(start=START)
    assert abs(source.clock() - datetime.now(UTC)) < timedelta(seconds=5)
    assert pl.Series([source.clock()]).dtype == pl.Datetime("us", "UTC")
