"""By which route a run searches."""

import optuna
import pytest

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError, WarehouseError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.ops.campaigns import begin_campaign, current_campaign, history_end
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.tuning.routes import Route
from cappuccino_assets.tuning.studies import study_storage
from tests.tuning.test_campaign import NOW, campaign
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


def test_an_advisor_that_cannot_be_had_is_refused_before_anything_is_begun(database, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_ADVISOR", "oracle")
    with pytest.raises(ConfigurationError, match="'oracle'"):
        begin(database, "winter")
    assert database.active_campaign() is None
    monkeypatch.setenv("CAPPUCCINO_ADVISOR", "off")
    assert begin(database, "winter").advisor == "off"


def test_no_run_says_what_code_to_import():
    """Whoever may start a run in the UI may not run code by it; the settings name an advisor."""
    assert SearchResource(advisor="os:getcwd").settings.advisor == "analysis"
    assert "advisor" not in SearchResource.model_fields


def test_bars_end_where_those_of_the_campaign_that_goes_on_do(database):
    begun = begin(database, "winter", seed=3)

    def end(**asked):
        return history_end(SearchResource(**asked), database)

    assert end(seed=3) == end(study="winter") == begun.started_at
    assert end(study="spring") is None
    assert end(seed=4) is None  # another campaign is begun then
    assert end(seed=3, route="exploit") is None
    database.complete_campaign("winter", NOW)
    assert end(seed=3) is None


def test_bars_of_an_exploit_campaign_that_goes_on_end_where_they_did(database):
    finish(database, begin(database, "winter"))
    begun = begin(database, "spring", route="exploit")
    for narrowed_from, until in (
        (None, begun.started_at),
        ("winter", begun.started_at),
        ("x", None),
    ):
        search = SearchResource(route="exploit", narrowed_from=narrowed_from)
        assert history_end(search, database) == until
    assert history_end(SearchResource(), database) is None


def test_a_campaign_to_narrow_from_is_named_by_itself_or_a_study(database):
    finish(database, begin(database, "winter"))
    with study_storage(database.layout) as storage:
        optuna.create_study(study_name="winter/phase2_ppo", storage=storage).enqueue_trial({})
    begun = begin(database, "spring", route="exploit", narrowed_from="winter/phase2_ppo")
    assert begun.route.narrowed_from == "winter"
    with pytest.raises(WarehouseError, match=r"no study 'winter/a'. winter has winter/phase2_ppo"):
        begin(database, "summer", route="exploit", narrowed_from="winter/a")
    with pytest.raises(WarehouseError, match=r"no campaign 'autumn'. There are .*winter"):
        begin(database, "summer", route="exploit", narrowed_from="autumn")


def test_a_lineage_that_bites_its_tail_ends(database):
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a")):
        route = Route(name="exploit", narrowed_from=parent)
        database.activate_campaign(campaign(name, route=route).to_json())
    assert TrialLedger(database).lineage("a") == ["a", "b", "c"]
