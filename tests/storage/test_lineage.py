"""What a search was narrowed around was chosen among earlier trials: they count as tried."""

from pathlib import Path

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import trial_row


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Three generations of 2, 3 and 4 trials, and a campaign of 5 that is no relative."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path))
    parents = {"first": None, "second": "first", "third": "second", "other": None}
    for n_trials, (name, parent) in enumerate(parents.items(), start=2):
        definition = {"name": name, "profile": "mini", "seed": 0, "source": "simulated"}
        route = {"name": "exploit" if parent else "broad", "narrowed_from": parent}
        started = {"started_at": "2026-02-14T00:00:00+00:00"}
        warehouse.activate_campaign(definition | started | {"route": route})
        states = ["PRUNED", "FAIL", *["COMPLETE"] * n_trials][:n_trials]
        rows = [
            trial_row(number, study_name=f"{name}/phase2_ppo", state=state)
            for number, state in enumerate(states)
        ]
        TrialLedger(warehouse).append(rows)
    return warehouse


@pytest.mark.parametrize(
    ("campaign", "n_trials", "n_complete"),
    [("first", 2, 0), ("second", 5, 1), ("third", 9, 3), ("other", 5, 3)],
)
def test_the_trials_of_all_that_a_campaign_was_narrowed_from_count(
    warehouse: Warehouse, campaign: str, n_trials: int, n_complete: int
) -> None:
    ledger = TrialLedger(warehouse)
    assert ledger.n_trials(campaign) == n_trials
    assert ledger.trial_sharpes(campaign).height == n_complete


def test_the_lineage_begins_with_the_campaign_and_goes_back(warehouse: Warehouse) -> None:
    ledger = TrialLedger(warehouse)
    assert ledger.lineage("third") == ["third", "second", "first"]
    assert ledger.lineage("nowhere") == ["nowhere"]
