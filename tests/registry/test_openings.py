"""Hold-outs that are opened once, on record."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from cappuccino_assets.errors import ContractMismatchError, IntegrityError
from cappuccino_assets.evaluation.holdout import AGENT, RIVALS
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.finalists import final_test, finalist_holdout, load_finalist
from cappuccino_assets.registry.openings import open_holdout, read_holdout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from tests.envs.markets import arrays_of, random_arrays
from tests.registry.trials import content, leave_trials, refuse

N_BARS, HOLDOUT_ROW = 700, 500
HOLDOUT_FROM = datetime.fromtimestamp(HOLDOUT_ROW * 3600, UTC)


@pytest.fixture
def finalist(warehouse):
    leave_trials(warehouse, [0.5])
    (entry,) = archive_trials(warehouse.layout, warehouse, "c", refuse)
    return load_finalist(entry.path)


def bars(n_bars=N_BARS, *, digest="d1", symbols=DEFAULT_SYMBOLS):
    drawn = random_arrays(n_bars, len(symbols), seed=9, volatility=0.01, interval=Interval.H1)
    arrays = arrays_of(
        drawn.close, open_price=drawn.open, interval=Interval.H1, enhanced=True, seed=9
    )
    return replace(arrays, dataset_digest=digest)


def openings(warehouse):
    lines = TrialLedger(warehouse).copied_lines()
    return [line.row.to_json() for line in lines if line.row.kind == "holdout_opening"]


def test_an_opening_is_recorded_once_and_a_second_call_reads_the_result(finalist, warehouse):
    arrays = bars()

    first = open_holdout(finalist, arrays, HOLDOUT_FROM, warehouse)
    kept, ledger = content(warehouse.layout.holdouts), warehouse.layout.ledger.read_bytes()
    second = open_holdout(finalist, arrays, HOLDOUT_FROM, warehouse)

    assert content(warehouse.layout.holdouts) == kept
    assert warehouse.layout.ledger.read_bytes() == ledger
    (row,) = openings(warehouse)
    assert row == {
        "kind": "holdout_opening",
        "campaign": "c",
        "study_name": "c/phase2_ppo",
        "number": 0,
        "key": "1970-01-21T20:00:00+00:00/1970-01-30T04:00:00+00:00 1h d1",
        "outcome": {
            "vin": finalist.vin,
            "model_sha256": finalist.model.sha256,
            "dataset_digest": "d1",
            "interval": "1h",
            "begins_at": "1970-01-21T20:00:00+00:00",
            "ends_at": "1970-01-30T04:00:00+00:00",
        },
    }
    assert first.opening == second.opening
    assert first.performances == second.performances
    assert first.placebo.rank == second.placebo.rank
    assert first.placebo.equity.equals(second.placebo.equity)
    assert first.costs == second.costs
    assert first.ledger == second.ledger
    assert first.returns.equals(second.returns)
    assert first.trades.fills.equals(second.trades.fills)
    assert tuple(second.performances) == (AGENT, *RIVALS)


def test_a_finalist_is_tested_by_its_own_rules_to_the_cent(finalist):
    holdout = finalist_holdout(finalist, bars(), HOLDOUT_FROM)

    test = final_test(finalist.model, holdout)
    again = final_test(finalist.model, holdout)

    agent = test.outcome.performances[AGENT]
    assert agent.n_bars == N_BARS - HOLDOUT_ROW - 1
    assert agent.n_trades > 10
    assert test.ledger.agrees, test.ledger.first_fault
    assert test.ledger.n_fills == test.outcome.trades.fills.height > 10
    assert test.ledger.fees_usd == pytest.approx(agent.fees_usd, abs=0.005)
    (result,) = test.outcome.results[AGENT]
    assert test.ledger.final_equity_usd == pytest.approx(
        1_000.0 * np.prod(1 + result.bot_returns), abs=0.005
    )
    at_its_costs = test.costs.level(1.0).performance
    assert at_its_costs.total_return == pytest.approx(agent.total_return, rel=1e-3)
    assert at_its_costs.fees_usd == pytest.approx(agent.fees_usd, rel=1e-3)
    assert test.costs == again.costs
    assert test.outcome.performances == again.outcome.performances


def test_a_test_that_was_cut_off_is_made_again_and_leaves_the_same_bytes(finalist, warehouse):
    open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)
    whole = content(warehouse.layout.holdouts)
    shutil.rmtree(warehouse.layout.holdouts)  # as if the process had died after the record

    open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)

    assert content(warehouse.layout.holdouts) == whole
    assert len(openings(warehouse)) == 1


def test_another_range_of_bars_is_another_opening(finalist, warehouse):
    for arrays, start in ((bars(), 500), (bars(), 520), (bars(680), 500)):
        begins = datetime.fromtimestamp(start * 3600, UTC)
        open_holdout(finalist, arrays, begins, warehouse)
    assert len({row["key"] for row in openings(warehouse)}) == len(openings(warehouse)) == 3


def test_nothing_is_looked_at_unless_it_is_on_record(finalist, warehouse):
    warehouse.layout.ledger.parent.mkdir(parents=True)
    warehouse.layout.ledger.write_text("no line of a ledger\n")
    with pytest.raises(IntegrityError, match="ledger"):
        open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)
    assert content(warehouse.layout.holdouts) == {}


def test_arrays_that_are_not_the_finalists_are_refused_and_open_nothing(finalist, warehouse):
    with pytest.raises(IntegrityError, match="was searched on the bars d1"):
        open_holdout(finalist, bars(digest="d2"), HOLDOUT_FROM, warehouse)
    fewer = bars(symbols=DEFAULT_SYMBOLS[:3])
    with pytest.raises(ContractMismatchError) as raised:
        open_holdout(finalist, fewer, HOLDOUT_FROM, warehouse)
    assert raised.value.field == "symbols"
    assert openings(warehouse) == []


def test_a_changed_byte_of_a_model_or_a_kept_result_is_found(finalist, warehouse):
    open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)
    record = next(warehouse.layout.holdouts.rglob("holdout.json"))
    value = json.loads(record.read_text())
    value["performances"][0]["measures"]["total_return"] += 1e-9
    record.write_text(json.dumps(value))

    with pytest.raises(IntegrityError, match=r"holdout\.json is not what"):
        open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)
    weights = warehouse.layout.archive / finalist.vin / "actor.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError):
        load_finalist(warehouse.layout.archive / finalist.vin)


def test_a_result_of_another_opening_is_refused(finalist, warehouse):
    record = open_holdout(finalist, bars(), HOLDOUT_FROM, warehouse)
    path = next(warehouse.layout.holdouts.rglob("holdout.json")).parent
    with pytest.raises(IntegrityError, match="keeps the result of"):
        read_holdout(path, replace(record.opening, number=1))
