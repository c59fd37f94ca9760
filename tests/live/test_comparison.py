"""Incident 25: an ensemble is replaced by a better one only."""

import json
from dataclasses import replace

import pytest

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.evaluation.holdout import cut_holdout, trade_holdout
from cappuccino_assets.live.comparison import Comparison, is_better, read_comparison
from cappuccino_assets.live.ensemble import Ensemble, EnsembleActor
from cappuccino_assets.live.manifest import Manifest, read_manifest
from cappuccino_assets.market.intervals import Timeframe
from cappuccino_assets.registry.finalists import final_test
from tests.live.campaigns import (
    HOLDOUT_ROW,
    N_BARS,
    bars,
    begin,
    find_bars,
    finish_search,
    hours,
    leave_holders,
    openings,
    publish,
    searched,
)
from tests.registry.findings import HOLDOUT
from tests.registry.trials import content, trial_config

BEST, GOOD, BAD, WORST = [0], [1], [2], [3]  # the symbol that an ensemble buys


def excess(publication):
    compared = publication.comparison
    return (
        compared.candidate.performance.excess_sharpe,
        compared.incumbent.performance.excess_sharpe,
    )


@pytest.fixture
def summer(warehouse):
    """A good ensemble of another campaign is in force."""
    searched(warehouse, "summer", [GOOD])
    publish(warehouse, "summer")
    return warehouse


def in_force(warehouse):
    return read_manifest(warehouse.layout.manifest).study_name


def test_incident_25_a_better_ensemble_replaces_the_one_of_another_campaign(summer):
    searched(summer, "autumn", [BEST])
    published = publish(summer, "autumn")
    ours, theirs = excess(published)
    assert ours > theirs
    assert in_force(summer) == "autumn"
    assert published.manifest.compared_with == published.comparison
    assert read_manifest(summer.layout.manifest) == published.manifest
    assert (published.manifest.generation, published.manifest.previous_generation) == (2, 1)
    assert "autumn replaces generation 1 of summer: its Sharpe" in published.remark


def test_incident_25_a_worse_ensemble_does_not_replace_a_good_one(summer):
    before = content(summer.layout.generations), summer.layout.manifest.read_bytes()
    searched(summer, "autumn", [BAD])
    published = publish(summer, "autumn")
    ours, theirs = excess(published)
    assert ours < theirs
    assert (content(summer.layout.generations), summer.layout.manifest.read_bytes()) == before
    assert published.manifest.study_name == "summer"
    assert "autumn does not replace generation 1 of summer: its Sharpe" in published.remark


def test_incident_25_a_loss_is_no_improvement_however_large(warehouse):
    """Both are below zero, and the candidate is further from it."""
    searched(warehouse, "summer", [BAD])
    publish(warehouse, "summer")
    searched(warehouse, "autumn", [WORST])
    ours, theirs = excess(publish(warehouse, "autumn"))
    assert ours < theirs < 0
    assert in_force(warehouse) == "summer"
    searched(warehouse, "winter", [[2, 1]])
    ours, theirs = excess(publish(warehouse, "winter"))
    assert theirs < ours
    assert in_force(warehouse) == "winter"


def test_incident_25_an_equal_ensemble_does_not_replace(summer):
    searched(summer, "autumn", [GOOD])
    ours, theirs = excess(publish(summer, "autumn"))
    assert ours == theirs
    assert in_force(summer) == "summer"


def test_incident_25_an_ensemble_that_never_traded_does_not_replace_a_losing_one():
    losing = replace(HOLDOUT, sharpe_bot=-1.0, sharpe_hodl=0.5)
    idle = replace(losing, sharpe_bot=0.0, n_trades=0)
    assert idle.excess_sharpe > losing.excess_sharpe
    assert not is_better(idle, losing)
    assert is_better(replace(idle, n_trades=1), losing)


def test_incident_25_both_begin_flat_on_all_bars_that_the_campaign_never_saw(summer):
    searched(summer, "autumn", [BEST])
    compared = publish(summer, "autumn").comparison
    for each in (compared.candidate, compared.incumbent):
        assert each.performance.n_bars == N_BARS - HOLDOUT_ROW - 1
    assert (compared.bars.begins_at, compared.bars.ends_at) == (
        hours(HOLDOUT_ROW).isoformat(),
        hours(N_BARS).isoformat(),
    )


def test_incident_25_an_ensemble_trades_the_hold_out_as_its_only_member_does(warehouse):
    config = trial_config(trade_fraction=0.1, min_cash_reserve=0.2, trailing_stop_pct=0.05)
    searched(warehouse, "summer", [[0, 2]], config=config)
    publish(warehouse, "summer")
    ensemble = Ensemble.load(warehouse.layout.manifest)
    holdout = cut_holdout(bars(), hours(HOLDOUT_ROW), lookback=ensemble.lookback)
    alone = final_test(ensemble.models[0], holdout).outcome.performances["agent"]
    actor = EnsembleActor(ensemble, holdout.arrays)
    market = MarketTensors.from_arrays(holdout.arrays)
    together = trade_holdout(holdout, market, actor, ensemble.rules, seed=0).performances["agent"]
    assert together.n_trades == alone.n_trades >= 10
    assert together.total_return == pytest.approx(alone.total_return, rel=1e-5)
    assert together.fees_usd == pytest.approx(alone.fees_usd, rel=1e-5)


def test_an_ensembles_reserve_and_stop_are_those_of_its_median_member(warehouse):
    begin(warehouse, "summer")
    for number, (reserve, stop) in enumerate([(0.3, 0.0), (0.1, 0.15), (0.0, 0.1)]):
        config = trial_config(min_cash_reserve=reserve, trailing_stop_pct=stop)
        leave_holders(warehouse, "summer", [[number]], config=config, first=number)
    publish(warehouse, "summer")
    rules = Ensemble.load(warehouse.layout.manifest).rules
    assert (rules.min_cash_reserve, rules.trailing_stop_pct) == (0.1, 0.1)
    assert (rules.trade_fraction, rules.fees.name) == (1.0, "coinbase_progressive")


def test_incident_25_a_look_at_the_hold_out_is_recorded_once_and_kept(summer):
    searched(summer, "autumn", [BAD])
    first = publish(summer, "autumn").comparison
    kept = content(summer.layout.ensemble / "comparisons")
    (row,) = openings(summer)
    assert (row.campaign, row.study_name, row.number) == ("autumn", "autumn/phase2_ppo", 0)
    assert row.key.startswith(f"{first.bars.begins_at}/{first.bars.ends_at} 1h d1 ensemble ")
    assert row.outcome["candidate"] == first.candidate.member_set
    assert row.outcome["incumbent"] == first.incumbent.member_set

    again = publish(summer, "autumn", find_bars=None).comparison  # no bar is looked at again
    assert again == first
    assert content(summer.layout.ensemble / "comparisons") == kept
    assert len(openings(summer)) == 1


def test_incident_25_nothing_is_looked_at_unless_it_is_on_record(summer):
    searched(summer, "autumn", [BEST])
    ledger = summer.layout.ledger
    ledger.write_bytes(ledger.read_bytes()[:-40] + b"\n")
    with pytest.raises(IntegrityError):
        publish(summer, "autumn")
    assert in_force(summer) == "summer"
    assert not (summer.layout.ensemble / "comparisons").exists()


def test_incident_25_a_kept_verdict_that_was_edited_is_refused(summer):
    searched(summer, "autumn", [BAD])
    compared = publish(summer, "autumn").comparison
    path = summer.layout.comparison(compared.candidate.member_set, compared.incumbent.member_set)
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"replaces": True}))
    with pytest.raises(IntegrityError, match="digest"):
        publish(summer, "autumn")
    assert in_force(summer) == "summer"
    with pytest.raises(ValueError, match="if it is better, and only then"):
        replace(compared, replaces=True)
    with pytest.raises(ValueError, match="or something hindered it"):
        replace(compared, hindrance="no bars")
    path.write_text(json.dumps({"digest": 1}))
    with pytest.raises(IntegrityError):
        read_comparison(path)


def test_incident_25_one_look_is_taken_when_the_search_is_done_and_not_after_each_trial(summer):
    begin(summer, "autumn")
    leave_holders(summer, "autumn", [BEST])
    finish_search(summer, "autumn", n_trials=19)
    waits = publish(summer, "autumn", replace_incomparable=True)
    assert (waits.manifest.study_name, waits.comparison) == ("summer", None)
    assert "autumn is not searched to its end" in waits.remark
    assert openings(summer) == []
    finish_search(summer, "autumn", n_trials=20)
    assert publish(summer, "autumn").manifest.study_name == "autumn"


def test_a_campaign_that_nobody_began_is_refused(summer):
    leave_holders(summer, "autumn", [BEST])
    with pytest.raises(WarehouseError, match="There is no campaign 'autumn'"):
        publish(summer, "autumn")


def no_arrays():
    raise WarehouseError("No arrays are stored.")


def damage(warehouse):
    (member,) = read_manifest(warehouse.layout.manifest).members
    (warehouse.layout.ensemble / member.path / "actor.safetensors").write_bytes(b"")


HINDRANCES = [
    ({"find_bars": no_arrays}, None, {}, "No arrays are stored"),
    ({"find_bars": find_bars(HOLDOUT_ROW - 1)}, None, {}, "was trained on bars up to"),
    ({}, trial_config(timeframe=Timeframe.D10), {}, "timeframe is 10d, but 7d"),
    ({"find_bars": find_bars(N_BARS)}, None, {}, "No 1h bar with features closes after"),
    ({}, None, {"damaged": True}, "is on record"),
    ({"find_bars": find_bars(N_BARS - 1)}, None, {}, "Nothing can be traded"),
]


@pytest.mark.parametrize(("options", "config", "harm", "reason"), HINDRANCES)
def test_incident_25_what_cannot_be_compared_does_not_replace_unless_told(
    summer, options, config, harm, reason
):
    searched(summer, "autumn", [BEST], config=config)
    if harm:
        damage(summer)
    stays = publish(summer, "autumn", **options)
    assert stays.manifest.study_name == in_force(summer) == "summer"
    assert "they cannot be compared" in stays.remark
    assert reason in stays.remark
    told = publish(summer, "autumn", replace_incomparable=True, **options)
    assert told.manifest.study_name == in_force(summer) == "autumn"
    assert told.manifest.compared_with.hindrance == stays.comparison.hindrance


def test_incident_25_being_told_to_replace_helps_nobody_who_was_compared(summer):
    searched(summer, "autumn", [BAD])
    assert publish(summer, "autumn", replace_incomparable=True).manifest.study_name == "summer"


def test_incident_25_what_could_not_be_compared_is_compared_when_it_can_be(summer):
    searched(summer, "autumn", [BEST])
    assert publish(summer, "autumn", find_bars=no_arrays).manifest.study_name == "summer"
    assert openings(summer) == []
    assert publish(summer, "autumn").manifest.study_name == "autumn"


def test_within_a_campaign_members_change_without_a_comparison(summer):
    leave_holders(summer, "summer", [WORST, GOOD])
    published = publish(summer, "summer", find_bars=None)
    assert (published.manifest.generation, published.comparison) == (2, None)
    assert openings(summer) == []


def test_a_comparison_and_its_manifest_read_back(summer):
    searched(summer, "autumn", [BEST])
    manifest = publish(summer, "autumn").manifest
    compared = manifest.compared_with
    assert Comparison.from_json(json.loads(json.dumps(compared.to_json()))) == compared
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest
