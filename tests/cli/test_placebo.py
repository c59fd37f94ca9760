"""`cappuccino placebo`: what was run is counted, and nothing else is claimed."""

import json

import pytest

from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.placebo.outcomes import StudyOutcome
from cappuccino_assets.storage.layout import WarehouseLayout
from tests.placebo.made import finalist, keep, study


@pytest.fixture
def layout(tmp_path):
    return WarehouseLayout(root=tmp_path / "warehouse")


def test_what_is_kept_is_counted_and_nothing_is_run(cappuccino, layout):
    keep(layout, study(0, finalist()))
    keep(layout, study(0, finalist(luck=0.1), arm=Arm.RANDOM))
    code, out, _ = cappuccino("placebo", "--studies", 1, "--json")
    answer = json.loads(out)
    assert code == 0
    assert [row["promoting"]["n_hits"] for row in answer["arms"]] == [1, 0, 1]
    assert not answer["goal"]["shown"]
    assert json.loads(layout.placebo_report.read_text()) == answer


def test_the_table_shows_promotions_points_and_failures(cappuccino, layout):
    keep(layout, study(0, finalist()))
    keep(layout, StudyOutcome(arm=Arm.NULL, number=1, failure="TrialFailedError: all still"))
    code, out, _ = cappuccino("placebo", "--studies", 0)
    assert code == 0
    assert "1 of 1 (<= 100.0%)" in out
    assert "probability_of_overfitting" in out
    assert "FAILED null: TrialFailedError: all still" in out
    assert "It is not shown with 95% confidence that at most 5%" in out


def test_random_agents_without_learners_to_match_are_one_message(cappuccino):
    code, out, err = cappuccino("placebo", "--arm", "random", "--studies", 1)
    assert (code, out) == (1, "")
    assert "run that arm first" in err


def test_an_unknown_arm_is_a_usage_error(cappuccino):
    code, _, err = cappuccino("placebo", "--arm", "none")
    assert code == 2
    assert "random" in err
