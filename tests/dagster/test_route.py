"""By which route a run searches."""

import pytest

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.ops.campaigns import begin_campaign, current_campaign
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.trial_ledger import TrialLedger
from tests.tuning.test_campaign import NOW
from tests.tuning.test_exploit import rows_of

MARKET = {Interval.H1: SimulatedSource(n_days=2).fetch_bars()}


@pytest.fixture
def database(tmp_path):
    return WarehouseResource(root=str(tmp_path)).database


def begin(database, study, **asked):
    search = SearchResource(study=study, **asked)
    return begin_campaign(search, database, source="test", market=MARKET)


def finish(database, campaign):
    rows = [
        row
        for phase, name in ((1, "phase1_7d_1h"), (2, "phase2_ppo"))
        for row in rows_of(campaign, f"{campaign.name}/{name}", 30, phase=phase, algorithm="ppo")
    ]
    TrialLedger(database).append(rows)
    database.complete_campaign(campaign.name, NOW)


def test_a_run_is_broad_unless_it_is_told_otherwise(database):
    assert begin(database, "winter").route.name == "broad"


def test_an_exploit_run_is_narrowed_from_the_last_finished_campaign(database):
    finish(database, begin(database, "winter"))

    begun = begin(database, "spring", route="exploit")

    assert (begun.route.name, begun.route.narrowed_from) == ("exploit", "winter")
    assert current_campaign(SearchResource(), database) == begun  # the narrowing is stored
    assert begun.budget.n_trials == 15
    narrowed = {each.role: each.text for each in begun.route.studies}
    assert narrowed["phase1_7d_1h"].startswith(
        "Narrowed around the best 3 of 30 trials: learning_rate"
    )


def test_a_run_goes_on_by_its_own_narrowing_and_refuses_another_route(database):
    finish(database, begin(database, "winter"))
    begun = begin(database, "spring", route="exploit")
    finish(database, begin(database, "autumn"))  # is the last finished one from now on

    assert begin(database, "spring", route="exploit") == begun
    with pytest.raises(CampaignMismatchError, match="its route differs"):
        begin(database, "spring")
    with pytest.raises(CampaignMismatchError, match="narrowed from differs"):
        begin(database, "spring", route="exploit", narrowed_from="autumn")


def test_an_advisor_that_cannot_be_had_is_refused_before_anything_is_begun(database):
    with pytest.raises(ConfigurationError, match="'oracle'"):
        begin(database, "winter", advisor="oracle")
    assert database.active_campaign() is None
    assert begin(database, "winter", advisor="off").advisor == "off"
