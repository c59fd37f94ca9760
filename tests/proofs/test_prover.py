"""What a proof says of itself."""

import pytest

from cappuccino_assets.errors import ConfigurationError, HistoryTooShortError
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.proofs.findings import Check
from cappuccino_assets.proofs.prover import prove_causal
from cappuccino_assets.proofs.settings import Part, ProofSettings
from tests.proofs.leaks import leaks
from tests.proofs.markets import SYMBOLS, gappy_market


def proof_of(bars, leak=None, *, parts, n_cuts=12):
    settings = ProofSettings(
        interval=Interval.H4, layouts=(Layout.COMPACT,), n_cuts=n_cuts, parts=frozenset(parts)
    )
    pipeline = None if leak is None else leak.pipeline
    return prove_causal(bars, pipeline=pipeline, settings=settings)


@pytest.fixture(scope="module")
def bars():
    return gappy_market(2)


def test_every_kind_of_cut_is_made_and_everything_is_compared(bars):
    proof = proof_of(bars, parts={Part.BARS, Part.GRID})
    assert set(proof.cuts) == {
        "warm-up",
        "segment border",
        "gap border",
        "inside a bar",
        "any bar",
    }
    assert sum(proof.cuts.values()) == 12
    assert [check.name for check in proof.checks] == [
        "past only: bars 4h",
        "past only: grid",
        "past only: segments",
        "other future: bars 4h",
        "other future: grid",
        "other future: segments",
    ]
    assert all(check.n_cuts == 12 and check.n_rows > 3_000 for check in proof.checks)


def test_a_leak_is_reported_with_its_column(bars):
    (leak,) = [each for each in leaks(lags=(3,)) if each.what == "rsi"]
    proof = proof_of(bars, leak, parts={Part.FEATURES})
    assert not proof.holds
    first = proof.failures[0].difference
    assert (first.symbol, first.column) == ("basket", "rsi")
    assert first.time < first.cut
    assert proof.to_json()["checks"][0]["difference"]["column"] == "rsi"


def test_a_leak_does_not_show_where_it_is_not(bars):
    (leak,) = [
        each for each in leaks(lags=(1,)) if each.what == "too short" and "purge" in each.name
    ]
    failed = {check.name for check in proof_of(bars, leak, parts={Part.SPLITS}).failures}
    assert failed == {"purge and embargo: training rows away from test rows"}


def test_what_compares_nothing_does_not_hold():
    assert not Check(name="nothing", n_cuts=0, n_rows=0).holds


def test_a_history_that_could_not_be_searched_is_refused():
    short = SimulatedSource(interval=Interval.H1, n_days=90, symbols=SYMBOLS).fetch_bars()
    with pytest.raises(HistoryTooShortError):
        proof_of(short, parts=set(Part))


@pytest.mark.parametrize("wrong", [{"n_cuts": 0}, {"lookback": 0}, {"layouts": (Layout.PER_COIN,)}])
def test_a_proof_of_nothing_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        ProofSettings(**wrong)
