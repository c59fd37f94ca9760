"""Bars that cannot be used end a run with one message that names the fault."""

from datetime import timedelta

import polars as pl
import pytest

from cappuccino_assets.market.sources.simulated import SimulatedSource


@pytest.fixture(scope="module")
def frame():
    return SimulatedSource(regime="null", n_days=40).fetch_bars().frame


def with_price(frame, price):
    first = pl.int_range(pl.len()) == 100
    return frame.with_columns(close=pl.when(first).then(price).otherwise(pl.col("close")))


def swapped(frame, row):
    return pl.concat([frame[: row - 1], frame[row], frame[row - 1], frame[row + 1 :]])


FAULTS = {
    "a missing column": (lambda frame: frame.drop("volume"), "volume"),
    "a missing symbol": (lambda frame: frame.filter(pl.col("symbol") != "LTC/USD"), "LTC/USD"),
    "rows out of order": (lambda frame: swapped(frame, 100), "AAVE/USD at 2023-01-05T03:00"),
    "a duplicate": (lambda frame: pl.concat([frame[:1], frame]), "AAVE/USD"),
    "a negative price": (lambda frame: with_price(frame, -1.0), "AAVE/USD at 2023-01-05T04:00"),
    "a price that is NaN": (
        lambda frame: with_price(frame, float("nan")),
        "AAVE/USD at 2023-01-05",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_bars_is_one_message(cappuccino, tmp_path, frame, fault):
    break_it, named = FAULTS[fault]
    break_it(frame).write_parquet(tmp_path / "bars.parquet")
    code, out, err = cappuccino("run", "--bars", tmp_path / "bars.parquet")
    assert code == 1
    assert out == ""
    (message,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert named in message
    assert "Traceback" not in err
    assert not (tmp_path / "warehouse" / "bars").exists()


def test_a_file_that_is_cut_off_is_one_message(cappuccino, tmp_path, frame):
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, _, err = cappuccino("run", "--bars", path)
    assert code == 1
    assert "cut off" in err
    assert "Traceback" not in err


def test_a_history_too_short_says_how_many_bars_it_would_need(cappuccino, tmp_path):
    path = tmp_path / "bars.parquet"
    bars = SimulatedSource(regime="null", n_days=100).fetch_bars()
    bars.frame.write_parquet(path)
    code, _, err = cappuccino("run", "--bars", path)
    assert code == 1
    (message,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert "2400 bars" in message
    assert "at least" in message
    assert "Traceback" not in err


def test_what_was_stored_before_stays(cappuccino, tmp_path, frame):
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    frame.write_parquet(good)
    with_price(frame, -1.0).write_parquet(bad)
    cappuccino("run", "--bars", good)  # stored, and then refused as too short
    stored = tmp_path / "warehouse" / "bars" / "1h.parquet"
    before = stored.read_bytes()
    code, _, _ = cappuccino("run", "--bars", bad)
    assert code == 1
    assert stored.read_bytes() == before


def test_a_repaired_file_is_accepted_after_a_refusal(cappuccino, tmp_path, frame):
    path = tmp_path / "bars.parquet"
    late = frame.with_columns(pl.col("timestamp") + timedelta(minutes=1))
    late.write_parquet(path)
    _, _, err = cappuccino("run", "--bars", path)
    assert "2023-01-01T00:01" in err
    frame.write_parquet(path)
    _, _, err = cappuccino("run", "--bars", path)
    assert "done raw_bars: 6,720 bars of 1h and 7 symbols" in err
