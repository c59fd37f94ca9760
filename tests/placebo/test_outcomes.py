from dataclasses import replace

import pytest

from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.placebo.outcomes import StudyOutcome, Variance, read_outcomes
from cappuccino_assets.storage.layout import WarehouseLayout
from tests.placebo.made import finalist, keep, study


def test_an_outcome_reads_back(tmp_path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    outcomes = [study(0, finalist()), StudyOutcome(arm=Arm.NULL, number=7, failure="why")]
    for outcome in reversed(outcomes):
        keep(layout, outcome)
    assert read_outcomes(layout, Arm.NULL) == outcomes
    assert read_outcomes(layout, Arm.RANDOM) == []


@pytest.mark.parametrize(
    ("ledger", "luck", "promoted"),
    [
        (0.96, 0.94, {Variance.LEDGER}),
        (0.94, 0.96, {Variance.LUCK}),
        (0.95, 0.95, set(Variance)),
        (0.1, 0.2, set()),
    ],
)
def test_each_variance_has_its_own_say(ledger, luck, promoted) -> None:
    outcome = study(0, finalist(ledger=ledger, luck=luck))
    assert {each for each in Variance if outcome.promotes(each)} == promoted
    assert outcome.promotes() == (Variance.LUCK in promoted)


def test_no_variance_helps_who_fails_elsewhere() -> None:
    outcome = study(0, finalist(others=False))
    assert not any(outcome.promotes(each) for each in (None, *Variance))


def test_one_of_several_finalists_suffices() -> None:
    assert study(0, finalist(others=False), finalist()).promotes()
    assert not study(0).promotes()


def test_returns_without_a_deflated_sharpe_ratio_pass_by_no_variance() -> None:
    held = replace(finalist(luck=0.0), deflated=None)
    assert not any(study(0, held).promotes(each) for each in Variance)
