"""Which campaign a run works on."""

import pytest

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.ops.archive import archive_campaign
from cappuccino_assets.ops.campaigns import begin_campaign, current_campaign
from cappuccino_assets.resources import SearchResource, WarehouseResource

MARKET = {Interval.H1: SimulatedSource(n_days=2).fetch_bars()}


@pytest.fixture
def database(tmp_path):
    return WarehouseResource(root=str(tmp_path)).database


def begin(database, study):
    return begin_campaign(SearchResource(study=study), database, source="test", market=MARKET)


def test_whoever_names_no_campaign_works_on_the_active_one(database):
    begin(database, "winter")
    begin(database, "spring")
    assert current_campaign(SearchResource(), database).name == "spring"


def test_a_step_refuses_to_work_on_another_campaign_than_the_active_one(database):
    begin(database, "winter")
    begin(database, "spring")
    with pytest.raises(WarehouseError, match="active campaign is spring, not winter"):
        current_campaign(SearchResource(study="winter"), database)


def test_incident_23_a_setting_does_not_turn_a_sync_to_another_campaign(database, monkeypatch):
    begin(database, "winter")
    begin(database, "spring")
    monkeypatch.setenv("CAPPUCCINO_STUDY", "winter")
    assert current_campaign(SearchResource(), database).name == "spring"


def test_without_a_campaign_the_first_step_is_named(database):
    with pytest.raises(WarehouseError, match="materialise `raw_bars` first"):
        current_campaign(SearchResource(), database)


def test_nobody_is_judged_before_the_search_is_done(tmp_path):
    warehouse = WarehouseResource(root=str(tmp_path))
    begin(warehouse.database, "winter")
    with pytest.raises(WarehouseError, match="winter is not searched to its end"):
        archive_campaign(SearchResource(), warehouse)
