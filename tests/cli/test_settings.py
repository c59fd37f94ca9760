"""Settings that cannot be used, and what a command says of them."""

import polars as pl
import pytest

from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.resources import SearchResource
from cappuccino_assets.settings import read_settings
from cappuccino_assets.training.compute import Compute

PAIR = ("ETH/USD", "BTC/USD")


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("CAPPUCCINO_WORKERS", "many", "'many'"),
        ("CAPPUCCINO_SCHEDULE_TIMEZONE", "Mars/Phobos", "'Mars/Phobos'"),
        ("CAPPUCCINO_SYMBOLS", "BTC/USD,bitcoin", "'bitcoin'"),
        ("CAPPUCCINO_SYMBOLS", "BTC/USD,BTC/USD", "distinct"),
        ("CAPPUCCINO_SYMBOLS", "[", "'['"),
        ("CAPPUCCINO_DEVICE", "gpu", "'gpu'"),
        ("CAPPUCCINO_WARHOUSE", "here", "Is it CAPPUCCINO_WAREHOUSE?"),
    ],
)
def test_incident_48_a_wrong_setting_is_one_line(cappuccino, monkeypatch, variable, value, named):
    monkeypatch.setenv(variable, value)
    code, out, err = cappuccino("status")
    assert code == 1
    assert out == ""
    (line,) = err.splitlines()
    assert variable in line
    assert named in line
    assert "pydantic" not in line


def test_a_password_in_a_wrong_setting_is_not_shown(cappuccino, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_STUDIES_URL", "postgresql://me:hunter2@db/studies")
    code, out, err = cappuccino("status")
    assert code == 1
    assert "CAPPUCCINO_STUDIES_URL: The database of the studies begins with postgresql+psy" in err
    assert "hunter2" not in out + err


def test_every_wrong_setting_has_its_line(cappuccino, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_WORKERS", "0")
    monkeypatch.setenv("CAPPUCCINO_SEED", "-1")
    _, _, err = cappuccino("status")
    assert [line.split("CAPPUCCINO_")[1].split(":")[0] for line in err.splitlines()] == [
        "SEED",
        "WORKERS",
    ]


@pytest.mark.parametrize(
    "text", ["ETH/USD,BTC/USD", " ETH/USD , BTC/USD ", '["ETH/USD","BTC/USD"]']
)
def test_symbols_are_a_list_in_its_order(monkeypatch, text):
    monkeypatch.setenv("CAPPUCCINO_SYMBOLS", text)
    assert read_settings().symbols == PAIR


@pytest.mark.parametrize("source", ["simulated", "files", "alpaca"])
def test_every_source_gets_the_symbols(monkeypatch, tmp_path, source):
    search = SearchResource(source=source, bars=str(tmp_path / "bars.csv"))
    assert search.bar_source().symbols == DEFAULT_SYMBOLS
    monkeypatch.setenv("CAPPUCCINO_SYMBOLS", ",".join(PAIR))
    assert search.bar_source().symbols == PAIR


def test_a_run_stores_the_symbols_of_the_settings(cappuccino, monkeypatch, tmp_path):
    monkeypatch.setenv("CAPPUCCINO_SYMBOLS", ",".join(PAIR))
    bars = SimulatedSource(regime="null", n_days=40, symbols=PAIR).fetch_bars()
    bars.frame.write_parquet(tmp_path / "bars.parquet")
    cappuccino("run", "--bars", tmp_path / "bars.parquet")  # stored, and then refused as too short
    stored = BarStore(folder=tmp_path / "warehouse" / "bars").read(Interval.H1, PAIR)
    assert stored.frame["symbol"].unique(maintain_order=True).to_list() == list(PAIR)
    assert stored.frame.select(pl.len()).item() == 2 * 40 * 24


def test_a_run_overrides_the_device_of_the_settings(monkeypatch):
    assert SearchResource().compute == Compute(device="auto", may_move_to_cpu=False)
    monkeypatch.setenv("CAPPUCCINO_DEVICE", "cuda")
    monkeypatch.setenv("CAPPUCCINO_CPU_WHEN_GPU_IS_FULL", "true")
    assert SearchResource().compute == Compute(device="cuda", may_move_to_cpu=True)
    assert SearchResource(device="cpu").compute.device == "cpu"
