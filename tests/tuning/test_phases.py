from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval, Timeframe
from cappuccino_assets.tuning.campaign import Campaign, new_campaign
from cappuccino_assets.tuning.phases import (
    phase1_winner,
    phase2_comparison,
    plan_phase1,
    plan_phase2,
)
from cappuccino_assets.types import Json

NOW = datetime(2026, 2, 14, tzinfo=UTC)


def campaign_of(profile: str) -> Campaign:
    return new_campaign(
        name="c",
        profile=profile,
        seed=5,
        source="simulated",
        symbols=DEFAULT_SYMBOLS,
        dataset_digests={interval: f"{interval} bars" for interval in Interval},
        history=(NOW - timedelta(days=280), NOW),
        now=NOW,
    )


def trial(study: str, number: int, score: float, **changes: object) -> Json:
    return {
        "study_name": f"c/{study}",
        "number": number,
        "score": score,
        "params": {"gamma": 0.98},
        "sharpe_bot": score + 1.0,
        "sharpe_hodl": 1.0,
        "timeframe": "7d",
        "interval": "1h",
        "algorithm": "ppo",
    } | changes


def test_phase_1_has_one_study_per_combination() -> None:
    arrays = {interval: Path(interval) for interval in Interval}

    mini = plan_phase1(campaign_of("mini"), arrays)
    full = plan_phase1(campaign_of("full"), arrays)

    assert [plan.study_name for plan in mini] == ["c/phase1_5d_1h", "c/phase1_7d_1h"]
    assert [plan.n_trials for plan in mini] == [5, 5]
    assert len(full) == 25
    assert {plan.n_trials for plan in full} == {20}
    assert all(plan.fees == "flat_0.006" for plan in full)
    assert full[0].seed_of(0) != full[1].seed_of(0)


def test_incident_13_every_study_of_phase_1_has_its_own_intervals_bars() -> None:
    arrays = {interval: Path(interval) for interval in Interval}

    plans = plan_phase1(campaign_of("full"), arrays)

    for plan in plans:
        assert plan.dataset_digest == f"{plan.interval} bars"
        assert plan.arrays == Path(plan.interval)
    assert len({plan.dataset_digest for plan in plans}) == 5


def test_every_study_of_a_campaign_has_the_same_hold_out() -> None:
    campaign = campaign_of("full")
    winner = phase1_winner(
        [trial("phase1_10d_4h", 0, 0.1, timeframe="10d", interval="4h")], {"c/phase1_10d_4h": 1}
    )

    plans = plan_phase1(campaign, {interval: Path(interval) for interval in Interval})
    plans += plan_phase2(campaign, winner, Path("rich"))

    # 15 % of 280 days are 42; the last 4h before the 14th of February began on the 3rd of January.
    assert {plan.holdout_from for plan in plans} == {datetime(2026, 1, 3, tzinfo=UTC)}


def test_phase_2_searches_both_algorithms_where_phase_1_won() -> None:
    winner = phase1_winner(
        [trial("phase1_10d_4h", 0, 0.1, timeframe="10d", interval="4h")], {"c/phase1_10d_4h": 1}
    )

    plans = plan_phase2(campaign_of("mini"), winner, Path("rich"))

    assert [plan.study_name for plan in plans] == ["c/phase2_ppo", "c/phase2_ddqn"]
    assert [len(plan.space.names) for plan in plans] == [26, 25]
    for plan in plans:
        assert (plan.timeframe, plan.interval) == (Timeframe.D10, Interval.H4)
        assert (plan.fees, plan.arrays) == ("coinbase_progressive", Path("rich"))


def test_incident_24_the_winner_is_the_highest_score_by_sign() -> None:
    trials = [
        trial("phase1_5d_1h", 0, -3.0, timeframe="5d"),
        trial("phase1_7d_1h", 0, -0.5),
        trial("phase1_7d_1h", 2, -2.0),
        trial("phase1_5d_1h", 1, -0.6, timeframe="5d"),
    ]

    n_done = {"c/phase1_5d_1h": 3, "c/phase1_7d_1h": 4}  # pruned ones included
    assert phase1_winner(trials, n_done) == {
        "study_name": "c/phase1_7d_1h",
        "timeframe": "7d",
        "interval": "1h",
        "best_trial_number": 0,
        "best_value": -0.5,
        "best_params": {"gamma": 0.98},
        "best_sharpe_bot": 0.5,
        "best_sharpe_hodl": 1.0,
        "n_trials": 4,
    }


def test_equal_scores_are_decided_by_identity() -> None:
    trials = [trial("b", 1, 0.5), trial("a", 7, 0.5), trial("a", 3, 0.5)]

    for order in (trials, trials[::-1]):
        winner = phase1_winner(order, {"c/a": 2, "c/b": 1})
        assert (winner["study_name"], winner["best_trial_number"]) == ("c/a", 3)


def test_incident_24_the_comparison_is_strict_and_signed() -> None:
    winner = phase1_winner([trial("phase1_7d_1h", 0, 0.1)], {"c/phase1_7d_1h": 1})
    trials = [
        trial("phase2_ppo", 0, -2.0),
        trial("phase2_ppo", 1, -1.0),
        trial("phase2_ddqn", 0, -0.9, algorithm="ddqn"),
        trial("phase2_ddqn", 1, -5.0, algorithm="ddqn"),
    ]

    n_done = {"c/phase2_ppo": 2, "c/phase2_ddqn": 5}
    comparison = phase2_comparison(trials, n_done, winner, now=NOW)

    assert comparison["winner"] == "ddqn"
    assert comparison["results"]["ppo"]["best_value"] == -1.0
    assert comparison["results"]["ddqn"]["best_trial_number"] == 0
    assert comparison["results"]["ddqn"]["n_trials"] == 5  # three were pruned
    assert (comparison["phase1_timeframe"], comparison["phase1_interval"]) == ("7d", "1h")
    assert comparison["timestamp"] == "2026-02-14T00:00:00+00:00"


def test_without_a_complete_trial_there_is_no_winner() -> None:
    with pytest.raises(TrialFailedError, match="No trial is complete"):
        phase1_winner([], {})
