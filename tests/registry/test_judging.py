"""The archive stage on real trials: retrains, hold-out, statistics, decision, entry."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.evaluation.return_matrix import bar_returns
from cappuccino_assets.evaluation.sharpe_statistics import (
    SharpeEstimate,
    deflated_sharpe_ratio,
)
from cappuccino_assets.registry.entries import verify_entry
from cappuccino_assets.registry.evidence import CampaignEvidence, TrialEvidence, campaign_evidence
from cappuccino_assets.registry.gate import GateDecision
from cappuccino_assets.registry.on_record import require_on_record
from cappuccino_assets.storage.files import read_object, sha256_of_file, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json
from tests.registry.campaigns import SmallCampaign, collect, record_of, small_campaign
from tests.registry.trials import content


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> SmallCampaign:
    root = tmp_path_factory.mktemp("campaign")
    return small_campaign(Warehouse(WarehouseLayout(root=root)))


@pytest.fixture(scope="module")
def entry(campaign: SmallCampaign) -> Json:
    (entry,) = campaign.archive()
    return entry.metadata


def forge(entry: Path, folder: Path, changes: Json) -> Path:
    """Copy an entry, change its metadata, and make its checksums agree."""
    copy = folder / entry.name
    shutil.copytree(entry, copy)
    write_json(copy / "metadata.json", read_object(copy / "metadata.json") | changes)
    names = read_object(copy / "checksums.json")
    write_json(copy / "checksums.json", {name: sha256_of_file(copy / name) for name in names})
    return copy


def rows_of(warehouse: Warehouse, kind: LedgerKind) -> list[LedgerRow]:
    return [line.row for line in TrialLedger(warehouse).copied_lines() if line.row.kind == kind]


def test_an_entry_holds_every_reason_with_its_number(campaign, entry) -> None:
    decision = GateDecision.from_json(entry["gate"])

    assert len(decision.reasons) == 9
    assert entry["gated"] is decision.gated is False
    assert entry["gate_reason"] == decision.text
    row = campaign.warehouse.query("archive_entries").to_dicts()[0]
    assert (row["gated"], row["gate_reason"]) == (False, decision.text)


def test_the_deflation_counts_and_spreads_over_the_ledger(campaign, entry) -> None:
    layout, plan = campaign.warehouse.layout, campaign.plan
    excesses = []
    for number in range(3):
        bars = bar_returns(
            pl.read_parquet(layout.trial(plan.study_name, number) / "returns.parquet")
        )
        excesses.append((bars["bot_return"] - bars["hodl_return"]).to_numpy())
    yearly = plan.interval.bars_per_year
    variance = np.var([sharpe_ratio(each, bars_per_year=yearly) for each in excesses], ddof=1)
    estimate = SharpeEstimate.from_returns(excesses[entry["number"]], bars_per_year=yearly)

    evidence = CampaignEvidence.from_json(entry["evidence"]["campaign"])
    trial = TrialEvidence.from_json(entry["evidence"]["trial"])
    assert evidence.n_trials == 3
    assert evidence.sharpe_variance == pytest.approx(variance)
    luck = yearly / (len(excesses[0]) - 1)
    expected = [
        deflated_sharpe_ratio(estimate, n_trials=3, variance=float(each))
        for each in (luck, variance)
    ]
    assert [trial.deflated, trial.deflated_by_spread] == pytest.approx(expected)


def test_the_hold_out_is_opened_once_and_the_decision_is_recorded(campaign, entry) -> None:
    before = content(campaign.warehouse.layout.root / "archive")
    ledger = campaign.warehouse.layout.ledger.read_bytes()

    campaign.archive()

    assert content(campaign.warehouse.layout.root / "archive") == before
    assert campaign.warehouse.layout.ledger.read_bytes() == ledger
    (opening,) = rows_of(campaign.warehouse, LedgerKind.HOLDOUT_OPENING)
    (decision,) = rows_of(campaign.warehouse, LedgerKind.GATE_DECISION)
    assert opening.outcome["vin"] == entry["vin"]
    assert decision.outcome == entry["gate"]


def test_retrains_have_seeds_of_their_own_and_are_no_trials(campaign, entry) -> None:
    retrains = rows_of(campaign.warehouse, LedgerKind.RETRAIN)

    assert [row.key for row in retrains] == ["seed_1", "seed_2"]
    assert [row.outcome["seed"] for row in retrains] == [each["seed"] for each in entry["retrains"]]
    scores = [row.outcome["score"] for row in retrains]
    assert len({*scores, entry["score"]}) == 3
    assert len({row.outcome["model_sha256"] for row in retrains} | {entry["model_sha256"]}) == 3
    assert TrialLedger(campaign.warehouse).n_trials("small") == 3


def test_the_costs_agree_with_a_ledger_by_hand(entry) -> None:
    costs = entry["costs"]
    assert costs["ledger"]["first_fault"] is None
    charged = [each for each in costs["levels"] if each["side"] == costs["charged"]]
    assert [each["multiple"] for each in charged][:3] == [0.0, 1.0, 2.0]
    at_once = next(each for each in charged if each["multiple"] == 1.0)
    agent = entry["holdout"]["performances"]["agent"]
    assert at_once["total_return"] == pytest.approx(agent["total_return"], rel=1e-5)
    twice = next(r for r in entry["gate"]["reasons"] if r["name"] == "excess_at_higher_costs")
    assert twice["value"] == next(e for e in charged if e["multiple"] == 2.0)["excess_sharpe"]


@pytest.mark.parametrize("forged", ["gated", "gate_reason", "gate"])
def test_an_entry_that_only_says_that_it_passed_is_refused(
    campaign, entry, tmp_path: Path, forged: str
) -> None:
    values = {"gated": True, "gate_reason": "all 9 points passed"}
    gate = entry["gate"] | {"gated": True}
    copy = forge(
        campaign.warehouse.layout.archive / entry["vin"],
        tmp_path,
        {forged: values.get(forged, gate)},
    )
    with pytest.raises(IntegrityError, match="gate"):
        verify_entry(copy)


def test_a_decision_that_is_not_on_record_is_found(campaign, entry, tmp_path: Path) -> None:
    path = campaign.warehouse.layout.archive / entry["vin"]
    assert require_on_record([verify_entry(path)], campaign.warehouse) == 1

    point = entry["gate"]["reasons"][0] | {"value": 0.5}
    gate = entry["gate"] | {"reasons": [point, *entry["gate"]["reasons"][1:]]}
    other = verify_entry(forge(path, tmp_path, {"gate": gate}))  # consistent in itself
    with pytest.raises(IntegrityError, match="another gate decision"):
        require_on_record([other], campaign.warehouse)


def test_a_decision_of_fewer_trials_than_there_are_is_found(campaign, entry, tmp_path) -> None:
    path = campaign.warehouse.layout.archive / entry["vin"]
    evidence = entry["evidence"]
    fewer = {"evidence": evidence | {"campaign": evidence["campaign"] | {"n_trials": 2}}}
    with pytest.raises(IntegrityError, match="as the best of 2 trials, but small has 3"):
        require_on_record([verify_entry(forge(path, tmp_path, fewer))], campaign.warehouse)


@pytest.mark.parametrize(
    "change", [{"evidence": {"campaign": {"n_trials": 3}}}, {"retrains": [{"seed": 1}]}]
)
def test_evidence_of_another_version_is_named(campaign, entry, tmp_path, change) -> None:
    path = campaign.warehouse.layout.archive / entry["vin"]
    with pytest.raises(IntegrityError, match="another version"):
        verify_entry(forge(path, tmp_path, change))


def test_a_failed_trial_counts(tmp_path: Path, campaign) -> None:
    before = campaign_evidence(campaign.warehouse, "small")
    plan = replace(campaign.plan, study_name="small/phase1_ppo")
    collect(campaign.warehouse, [record_of(plan, campaign.warehouse, 0, state="FAIL")])

    after = campaign_evidence(campaign.warehouse, "small")

    assert after.n_trials == before.n_trials + 1
    assert after.expected_best > before.expected_best
    assert after.sharpe_variance == before.sharpe_variance


def test_returns_that_were_changed_after_the_fact_are_named(campaign, tmp_path: Path) -> None:
    other = small_campaign(Warehouse(WarehouseLayout(root=tmp_path)), n_retrains=0)
    layout = other.warehouse.layout
    for number in range(3):
        path = layout.trial(other.plan.study_name, number) / "trial.json"
        trial = json.loads(path.read_text())
        path.write_text(json.dumps(trial | {"duration_s": 0.0}))

    (entry,) = other.archive()

    assert "trial.json is not what the ledger says" in entry.metadata["gate_reason"]
