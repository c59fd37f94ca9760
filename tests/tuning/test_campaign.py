from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval, Timeframe
from cappuccino_assets.tuning.campaign import Campaign, continued_or_new, new_campaign
from cappuccino_assets.tuning.profiles import profile_named

NOW = datetime(2026, 2, 14, 2, 0, 5, tzinfo=UTC)


def campaign(name: str | None = "winter", **changes: object) -> Campaign:
    begun = new_campaign(
        name=name,
        profile="mini",
        seed=3,
        source="simulated realistic",
        symbols=DEFAULT_SYMBOLS,
        dataset_digests={Interval.H1: "a" * 64},
        history=(NOW - timedelta(days=280), NOW),
        now=NOW,
    )
    return replace(begun, **changes)


def test_a_campaign_without_a_name_is_named_after_the_time() -> None:
    assert campaign(name=None).name == "cappuccino_auto_20260214_020005"


def test_studies_are_named_after_their_campaign() -> None:
    winter = campaign()

    assert winter.phase1_study(Timeframe.D7, Interval.H1) == "winter/phase1_7d_1h"
    assert winter.phase2_studies == ("winter/phase2_ppo", "winter/phase2_ddqn")


def test_a_campaign_reads_back() -> None:
    assert Campaign.from_json(campaign().to_json()) == campaign()


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_that_cannot_stand_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        campaign(name=name)


def test_a_campaign_needs_bars_of_every_interval_of_its_profile() -> None:
    with pytest.raises(ConfigurationError, match="needs bars of 5m"):
        campaign(profile="full")


def test_a_campaign_begins_in_utc_and_with_a_seed() -> None:
    with pytest.raises(ConfigurationError, match="UTC"):
        campaign(started_at=NOW.replace(tzinfo=None))
    with pytest.raises(ConfigurationError, match="UTC, but got holdout_from"):
        campaign(holdout_from=NOW.replace(tzinfo=None))
    with pytest.raises(ConfigurationError, match="seed"):
        campaign(seed=-1)


def test_an_unfinished_campaign_is_continued_when_it_is_the_same() -> None:
    active = campaign(name=None)
    later = replace(campaign(), name="later", started_at=NOW + timedelta(days=1))

    assert continued_or_new(later, named=False, known=None, finished=False) is later
    assert continued_or_new(later, named=False, known=active, finished=False) is active
    assert continued_or_new(later, named=False, known=active, finished=True) is later
    other = replace(later, seed=4)
    assert continued_or_new(other, named=False, known=active, finished=False) is other


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 4),
        ("source", "files"),
        ("dataset_digests", ((Interval.H1, "b" * 64),)),
        ("holdout_from", NOW),
    ],
)
def test_a_named_campaign_is_continued_as_it_was_or_not_at_all(field: str, value: object) -> None:
    stored, again = campaign(), campaign(started_at=NOW + timedelta(days=1))

    assert continued_or_new(again, named=True, known=stored, finished=True) is stored
    with pytest.raises(CampaignMismatchError, match=f"its {field} differs") as mismatch:
        continued_or_new(replace(again, **{field: value}), named=True, known=stored, finished=False)
    assert mismatch.value.field == field


def test_more_trials_can_run_at_a_time_in_a_campaign_of_its_own() -> None:
    usual = campaign()
    wide = replace(usual, trials_ahead=32)

    assert usual.budget.n_asked_ahead == profile_named(usual.profile).n_asked_ahead
    assert wide.budget == replace(usual.budget, n_asked_ahead=32)
    assert Campaign.from_json(wide.to_json()) == wide
    with pytest.raises(CampaignMismatchError, match="trials_ahead"):
        usual.require_same(wide)
