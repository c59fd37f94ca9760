"""Other futures are valid, other, and leave the past alone."""

from datetime import timedelta

import polars as pl
import pytest

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.proofs.futures import until, with_other_future, with_other_stretch
from tests.proofs.markets import gappy_market


@pytest.fixture(scope="module")
def bars():
    return gappy_market(3)


@pytest.fixture(scope="module")
def cut(bars):
    return bars.start + timedelta(days=100)


def test_the_past_ends_with_the_last_closed_bar(bars, cut):
    assert until(bars, cut).end == cut - timedelta(hours=1)
    assert until(bars, cut + timedelta(minutes=59)).end == cut - timedelta(hours=1)


def test_another_future_leaves_the_past_and_changes_every_bar_after_it(bars, cut):
    other = with_other_future(bars, cut, seed=1)
    assert until(other, cut).digest == until(bars, cut).digest
    both = bars.frame.join(other.frame, on=["timestamp", "symbol"], suffix="_other")
    later = both.filter(pl.col("timestamp") >= cut)
    assert later.height > 1_000
    for name in ("open", "high", "low", "close"):
        assert (later[name] != later[f"{name}_other"]).all()
    assert other.end == bars.end


def test_another_seed_is_another_future(bars, cut):
    digests = {with_other_future(bars, cut, seed=seed).digest for seed in (1, 1, 2)}
    assert len(digests) == 2


def test_a_gap_that_is_open_ends_when_it_did(bars, cut):
    gap = pl.col("timestamp").is_between(cut - timedelta(hours=3), cut + timedelta(hours=2))
    gone = gap & (pl.col("symbol") == "BTC/USD")
    frame = bars.frame.filter(~gone)
    gappy = Bars(frame=frame, interval=bars.interval, symbols=bars.symbols)
    for seed in range(5):
        other = with_other_future(gappy, cut, seed=seed).frame.filter(symbol="BTC/USD")
        assert other.filter(pl.col("timestamp") >= cut)["timestamp"][0] == cut + timedelta(hours=3)


def test_another_stretch_leaves_what_surrounds_it(bars, cut):
    stop = cut + timedelta(days=30)
    other = with_other_stretch(bars, cut, stop, seed=1)
    inside = (pl.col("timestamp") >= cut) & (pl.col("timestamp") < stop)
    assert other.frame.filter(~inside).equals(bars.frame.filter(~inside))
    assert other.frame["timestamp"].equals(bars.frame["timestamp"])
    assert (other.frame.filter(inside)["close"] != bars.frame.filter(inside)["close"]).all()
    idle = bars.frame["volume"] == 0
    assert (other.frame["volume"] == 0).equals(idle)
