"""The asset `ensemble_manifest` and its check, beside the ensemble of another campaign."""

import dagster as dg
import pytest

from cappuccino_assets.assets.live import ensemble_manifest
from cappuccino_assets.checks.registry import one_campaign_is_followed
from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.live.publish import publish_manifest
from cappuccino_assets.live.rollback import roll_back
from cappuccino_assets.reports.following import AGREED
from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json
from tests.dagster.test_sensor import add_trials
from tests.live.campaigns import begin, finish_search
from tests.registry.trials import ingest


@pytest.fixture
def warehouse(tmp_path):
    """The ensemble of winter is in force, and summer is searched to its end."""
    resource = WarehouseResource(root=str(tmp_path))
    for campaign in ("winter", "summer"):
        begin(resource.database, campaign)
        add_trials(resource, f"{campaign}/phase2_ppo", [0.1])
        record(resource)
        if campaign == "winter":
            publish_manifest(resource.layout, resource.database, campaign, find_bars=None)
    finish_search(resource.database, "summer")
    return resource


def record(warehouse):
    results = [read_json(path) for path in sorted(warehouse.layout.trials.rglob("trial.json"))]
    records = [each | {"state": "COMPLETE", "value": each["score"]} for each in results]
    ingest(warehouse.database, records)


def materialise(warehouse, **search):
    resources = {"search": SearchResource(**search), "warehouse": warehouse}
    done = dg.materialize([ensemble_manifest, one_campaign_is_followed], resources=resources)
    (event,) = done.asset_materializations_for_node("ensemble_manifest")
    (check,) = done.get_asset_check_evaluations()
    return {name: each.value for name, each in event.metadata.items()}, check


def test_incident_25_the_asset_says_why_the_ensemble_of_another_campaign_stays(warehouse):
    shown, check = materialise(warehouse)  # this warehouse has no feature arrays
    assert read_manifest(warehouse.layout.manifest).study_name == "winter"
    assert (shown["generation"], shown["campaign"]) == (1, "winter")
    assert "summer does not replace generation 1 of winter" in shown["remark"]
    assert shown["compared_with"]["hindrance"] in shown["remark"]
    assert check.passed
    assert shown["remark"] in check.description
    standing = campaign_standing(warehouse.database)
    assert (standing["ensemble"], standing["ensemble_remark"]) == (None, shown["remark"])


def test_incident_25_a_setting_lets_what_cannot_be_compared_replace(warehouse, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_REPLACE_INCOMPARABLE", "true")
    shown, check = materialise(warehouse)
    assert (shown["generation"], shown["campaign"]) == (2, "summer")
    assert check.passed
    assert check.description == AGREED


def test_incident_23_the_ensemble_of_another_campaign_for_no_stated_reason_fails(warehouse):
    result = one_campaign_is_followed(warehouse=warehouse)
    assert not result.passed
    assert "The active campaign is summer, but the ensemble in force" in result.description
    assert "`cappuccino sync summer` moves everything to summer" in result.description


def test_incident_25_the_ensemble_of_before_passes_after_a_roll_back(warehouse, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_REPLACE_INCOMPARABLE", "true")
    materialise(warehouse)
    roll_back(warehouse.layout)
    shown, check = materialise(warehouse)
    assert (shown["generation"], shown["campaign"]) == (3, "winter")
    assert "were rolled back from" in shown["remark"]
    assert check.passed
