"""`cappuccino worker`: a hand that is lent."""

import json
from pathlib import Path

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.studies import publish_plan, study_storage
from tests.tuning.test_joining import scores_of, stored_plan


def test_a_study_is_joined_by_name_and_brought_to_its_target(cappuccino, tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path / "warehouse")
    plan = stored_plan(layout)
    with study_storage(layout) as storage:
        publish_plan(plan, storage, layout)

    code, out, err = cappuccino("worker", "--study", plan.study_name, "--workers", "2", "--json")

    assert code == 0
    assert json.loads(out) == {"study": plan.study_name, "n_done": {plan.study_name: 2}}
    assert "phase1_ppo 2/2" in err
    assert len(scores_of(plan, layout)) == 2


def test_a_campaign_is_waited_for_only_when_asked_to(cappuccino, tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path / "warehouse")
    with study_storage(layout) as storage:
        publish_plan(stored_plan(layout, n_trials=0), storage, layout)

    code, out, _ = cappuccino("worker", "--study", "small", "--no-wait")

    assert (code, out) == (0, "small: nothing is left to do.\n")


def test_what_cannot_be_joined_is_named(cappuccino) -> None:
    code, out, err = cappuccino("worker", "--study", "winter")
    assert (code, out) == (1, "")
    assert "No study of winter was begun: there is none at all yet." in err
    assert cappuccino("worker")[0] == 2
    assert cappuccino("worker", "--study", "winter", "--workers", "0")[0] == 2
