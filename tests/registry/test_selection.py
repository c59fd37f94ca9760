import pytest

from cappuccino_assets.registry.grading import Grade
from cappuccino_assets.registry.selection import ArchiveRule


def trials(*scores, **columns):
    return [
        {"number": i, "score": score, "no_trades": False} | columns
        for i, score in enumerate(scores)
    ]


def scores(rows):
    return [row["score"] for row in rows]


def test_the_top_tenth_of_the_completed_trials_is_kept():
    completed = trials(*[0.9 - 0.01 * i for i in range(25)])
    assert scores(ArchiveRule().select(completed)) == [0.9, 0.89]


def test_of_few_trials_one_is_kept():
    assert scores(ArchiveRule().select(trials(0.5, 0.4, 0.3))) == [0.5]


def test_the_share_counts_all_completed_trials_not_only_the_good_ones():
    completed = trials(0.5, 0.4, *[-1.0] * 18)
    assert scores(ArchiveRule().select(completed)) == [0.5, 0.4]


def test_the_share_counts_trials_that_did_not_trade_too():
    completed = trials(0.5, 0.4, 0.3) + trials(*[0.2] * 17, no_trades=True)
    assert scores(ArchiveRule().select(completed)) == [0.5, 0.4]


@pytest.mark.parametrize("score", [0.0999, 0.15, 0.19])
def test_a_score_or_grade_too_low_is_not_kept(score):
    assert ArchiveRule().select(trials(score)) == []


def test_other_grades_are_kept_on_request_but_never_below_the_minimum():
    rule = ArchiveRule(grades=tuple(Grade), top_percent=100)
    assert scores(rule.select(trials(0.35, 0.12, 0.09))) == [0.35, 0.12]


def test_a_trial_that_did_not_trade_is_never_kept():
    idle = trials(0.9, no_trades=True)
    assert ArchiveRule(keep_best=True).select(idle) == []
    assert scores(ArchiveRule().select(idle + trials(0.5))) == [0.5]


def test_incident_24_the_best_is_kept_on_request_even_when_all_lose():
    completed = trials(-0.1, -0.5, -0.9)
    assert ArchiveRule().select(completed) == []
    assert scores(ArchiveRule(keep_best=True).select(completed)) == [-0.1]


def test_keeping_the_best_adds_nothing_where_the_rule_is_met():
    rule = ArchiveRule(keep_best=True, top_percent=100)
    assert scores(rule.select(trials(0.5, 0.1))) == [0.5]


@pytest.mark.parametrize(
    "setting", [{"top_percent": 0}, {"top_percent": 101}, {"minimum_score": float("nan")}]
)
def test_a_rule_that_cannot_be_meant_is_refused(setting):
    with pytest.raises(ValueError, match="must be"):
        ArchiveRule(**setting)
