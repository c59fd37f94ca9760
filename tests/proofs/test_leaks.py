"""Every leak that is put into a stage is caught, and a pipeline without one is never accused."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

from cappuccino_assets.features.contract import Layout
from cappuccino_assets.features.indicators import INDICATOR_NAMES
from cappuccino_assets.features.rolling import ROLLING_NAMES
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.files import FileSource
from cappuccino_assets.proofs.prover import prove_causal
from cappuccino_assets.proofs.settings import Part, ProofSettings
from tests.proofs.leaks import LAGS, leaks
from tests.proofs.markets import gappy_market

REAL_BARS = Path(__file__).parents[3] / "shared" / "data"
DIVISIONS = {Part.SPLITS, Part.HOLDOUT}
# The other columns are made alike; `test_incident_45_every_leak_is_caught` has them all.
SLOW = {*INDICATOR_NAMES, *ROLLING_NAMES} - {"open", "volume", "macd_signal", "rsi", "volume_30d"}
QUICK = [leak for leak in leaks(lags=(1,)) if leak.what not in SLOW or leak.stage != "features"]


def settings_for(part, *, seed=0, n_cuts=4):
    return ProofSettings(
        interval=Interval.H4,
        layouts=(Layout.COMPACT,),
        n_cuts=n_cuts,
        seed=seed,
        parts=frozenset({part}),
    )


@pytest.fixture(scope="module")
def bars():
    return gappy_market(0)


def caught_by(bars, leak):
    """Checks that found a number that differs; one that could compare nothing does not count."""
    proof = prove_causal(bars, pipeline=leak.pipeline, settings=settings_for(leak.part))
    return [check for check in proof.checks if check.difference is not None]


@pytest.mark.parametrize("leak", QUICK, ids=lambda leak: leak.name)
def test_incident_45_a_leak_of_one_bar_is_caught(bars, leak):
    assert caught_by(bars, leak)


@pytest.mark.parametrize("part", Part)
def test_nothing_is_caught_where_nothing_leaks(bars, part):
    proof = prove_causal(bars, settings=settings_for(part))
    assert proof.holds, proof.failures


@pytest.mark.slow
def test_incident_45_every_leak_is_caught(bars, capsys):
    counts = defaultdict(lambda: [0, 0])
    missed = []
    for leak in leaks():
        count = counts[leak.stage]
        count[1] += 1
        if caught_by(bars, leak):
            count[0] += 1
        else:
            missed.append(leak.name)
    table = [f"{stage:<12}{caught:>5} of {all_:>4}" for stage, (caught, all_) in counts.items()]
    with capsys.disabled():
        sys.stdout.write("\n".join([f"\ncaught, of leaks of {LAGS} bars:", *table, ""]))
    assert not missed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_no_clean_pipeline_is_accused(seed):
    settings = ProofSettings(interval=Interval.H4, seed=seed, n_cuts=12)
    proof = prove_causal(gappy_market(seed), settings=settings)
    assert proof.holds, proof.failures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "interval", "parts"),
    [
        ("binance_spot_1h_2020-10_2024-04.parquet", Interval.H4, frozenset(Part)),
        ("binance_spot_5m_2022-08_2023-09.parquet", Interval.H1, frozenset(Part)),
        # Gaps of each coin's own; too short to be divided.
        ("coinbase_usd_5m_2023-11_2024-01.parquet", Interval.M5, frozenset(Part) - DIVISIONS),
    ],
)
def test_no_real_history_is_accused(name, interval, parts):
    path = REAL_BARS / name
    if not path.exists():
        pytest.skip(f"There are no real bars at {path}.")
    settings = ProofSettings(interval=interval, n_cuts=6, parts=parts)
    proof = prove_causal(FileSource(path=path).fetch_bars(), settings=settings)
    assert proof.holds, proof.failures
