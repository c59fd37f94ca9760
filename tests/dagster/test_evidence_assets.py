"""The assets that say what a campaign's trials show."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cappuccino_assets.assets.evidence import hyperparameter_analysis
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.tuning.campaign import new_campaign
from tests.storage.ledgers import trial_row

NOW = datetime(2026, 2, 14, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path):
    """The active campaign `c`, of 24 trials."""
    resource = WarehouseResource(root=str(tmp_path))
    campaign = new_campaign(
        name="c",
        profile="mini",
        seed=0,
        source="simulated",
        symbols=("BTC/USD",),
        dataset_digests={Interval.H1: "d"},
        history=(datetime(2025, 2, 14, tzinfo=UTC), NOW),
        now=NOW,
    )
    resource.database.activate_campaign(campaign.to_json())
    rows = [trial_row(number, params={"lookback": number}) for number in range(24)]
    TrialLedger(resource.database).append(rows)
    return resource


def test_the_analysis_is_a_file_and_a_table(warehouse):
    resources = {"search": SearchResource(), "warehouse": warehouse}
    result = dg.materialize([hyperparameter_analysis], resources=resources)
    (event,) = result.asset_materializations_for_node("hyperparameter_analysis")
    (row,) = event.metadata["parameters"].value.records
    shown = (row.data["parameter"], row.data["effect"], row.data["impact"])
    assert shown == ("lookback", 1.0, "high")
    kept = read_json(warehouse.layout.hyperparameter_analysis)
    assert kept["studies"][0]["study_name"] == "c/phase2_ppo"
    assert event.metadata["in_words"].value == kept["text"]
