"""`cappuccino prove-causal`."""

import json

import polars as pl
import pytest
import typer

from cappuccino_assets.cli.prove import conclude
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.proofs.findings import Check, Proof
from cappuccino_assets.proofs.records import difference

SYMBOLS = ("BTC/USD", "ETH/USD")


@pytest.fixture
def bars_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_SYMBOLS", ",".join(SYMBOLS))

    def write(n_days):
        source = SimulatedSource(interval=Interval.H1, n_days=n_days, symbols=SYMBOLS)
        path = tmp_path / "bars.parquet"
        source.fetch_bars().frame.write_parquet(path)
        return path

    return write


def test_a_file_is_proven(cappuccino, bars_file):
    path = bars_file(330)
    arguments = ("--bars", path, "--interval", "4h", "--cuts", 2, "--json")
    code, out, _ = cappuccino("prove-causal", *arguments)
    answer = json.loads(out)
    assert code == 0, answer
    assert answer["holds"]
    assert answer["source"] == str(path)
    assert answer["bars"] == {"n": pl.read_parquet(path).height, "interval": "1h"}
    assert all(check["n_rows"] > 0 for check in answer["checks"])


def test_a_history_that_is_too_short_is_one_message_and_exit_code_1(cappuccino, bars_file):
    code, out, err = cappuccino("prove-causal", "--bars", bars_file(60))
    assert (code, out) == (1, "")
    assert "bars, but at least" in err
    assert "Traceback" not in err


def test_bars_finer_than_the_file_are_one_message_and_exit_code_1(cappuccino, bars_file):
    code, _, err = cappuccino("prove-causal", "--bars", bars_file(2), "--interval", "5m")
    assert code == 1
    assert "Bars of 1h prove nothing about finer ones of 5m" in err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_difference_is_shown_and_fails(capsys, as_json):
    leaking = Check(
        name="past only: grid",
        n_cuts=3,
        n_rows=1234,
        difference=difference("BTC/USD.close", row=7, time=0, expected=1.0, found=2.0),
    )
    proof = Proof(cuts={"any bar": 3}, checks=(leaking,))
    source = {"source": "simulated", "interval": "1h", "seed": 0, "seconds": 1.0}
    answer = source | {"bars": {"n": 10, "interval": "30m"}} | proof.to_json()
    with pytest.raises(typer.Exit) as ended:
        conclude(proof, answer, as_json=as_json)
    assert ended.value.exit_code == 1
    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out)["checks"][0]["difference"]["expected"] == 1.0
    else:
        assert "FAILS past only: grid: BTC/USD close, row 7 (1970-01-01 00:00 UTC)" in out
        assert "1 of 1 checks fail" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--source", "files"],
        ["--source", "simulated", "--bars", __file__],
        ["--bars", "/no/such/file.parquet"],
        ["--interval", "2h"],
        ["--cuts", "0"],
    ],
)
def test_incident_48_wrong_usage_is_exit_code_2(cappuccino, arguments):
    code, _, err = cappuccino("prove-causal", *arguments)
    assert code == 2
    assert "Traceback" not in err
