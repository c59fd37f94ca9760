"""The plain sentence at the end of a run."""

import pytest

from cappuccino_assets.reports.standing import verdict


def comparison(no_trades=False):
    return {"winner": "ppo", "results": {"ppo": {"no_trades": no_trades}}}


def entry(score, *, sharpe_bot=1.0, below=False, admitted_as="rule", failed=("exposure",)):
    return {
        "vin": "PPO-S-N64B256-L1E3G98-LB2TD20-20260214-3f9a1c",
        "gated": not failed,
        "failed_points": list(failed),
        "n_points": 9,
        "score": score,
        "sharpe_bot": sharpe_bot,
        "sharpe_hodl": sharpe_bot - score,
        "below_threshold": below,
        "admitted_as": admitted_as,
    }


def test_an_unfinished_search_says_nothing():
    assert "not finished" in verdict(None, [], n_trials=3)


def test_an_empty_archive_is_no_edge():
    assert verdict(comparison(), [], n_trials=20).endswith("no edge was found.")


@pytest.mark.parametrize("score", [-0.2, 0.04])
def test_a_score_below_the_threshold_is_called_no_edge(score):
    sentence = verdict(comparison(), [entry(score, below=True)], n_trials=20)
    assert f"scores {score:+.3f}" in sentence
    assert "That is no edge" in sentence


def test_a_high_score_is_said_to_prove_nothing():
    sentence = verdict(comparison(), [entry(0.9)], n_trials=20)
    assert "proves nothing" in sentence
    assert "no model passed the gate. The best one failed 1 of 9 points: exposure." in sentence
    assert "lost money" not in sentence


def test_a_model_that_passed_every_point_is_named():
    sentence = verdict(comparison(), [entry(0.9), entry(0.5, failed=())], n_trials=20)
    assert "1 of 2 archived models passed every point of the gate: PPO-S-N64" in sentence
    assert "proves nothing" not in sentence


def test_a_model_of_a_grade_that_is_not_archived_was_kept_for_show():
    shown = verdict(comparison(), [entry(0.12, admitted_as="kept_for_show")], n_trials=20)
    assert "something to look at" in shown
    assert "something to look at" not in verdict(comparison(), [entry(0.9)], n_trials=20)


def test_a_model_that_only_lost_less_is_said_to_have_lost():
    assert "lost money" in verdict(comparison(), [entry(0.3, sharpe_bot=-0.5)], n_trials=20)


def test_incident_10_a_best_trial_that_did_not_trade_is_reported():
    assert "did not trade" in verdict(comparison(no_trades=True), [entry(0.3)], n_trials=20)
