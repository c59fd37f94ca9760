"""A configuration with other seeds: no trial, done once, and the one that was asked for."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cappuccino_assets.errors import InfrastructureError, IntegrityError
from cappuccino_assets.features.arrays import save_arrays
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import PruningRule
from cappuccino_assets.tuning.retrains import retrain_tasks, run_here, run_retrains
from cappuccino_assets.tuning.tasks import Outcome, Result, Task
from cappuccino_assets.tuning.workers import run_tasks
from tests.tuning.small import PPO, SMALL, small_arrays, small_plan

TRIAL = {"number": 4, "params": PPO}


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def plan(layout: WarehouseLayout) -> StudyPlan:
    arrays = small_arrays(drift=0.005)
    pruned = replace(SMALL, pruning=PruningRule(fraction=0.5, p_threshold=0.05, n_startup_trials=1))
    folder = save_arrays(layout.features, arrays)
    return replace(small_plan(arrays, profile=pruned), arrays=folder)


def nothing_left(tasks: Sequence[Task], layout: WarehouseLayout) -> Iterable[Result]:
    assert not tasks
    return []


def all_are(outcome: Outcome, tasks: Sequence[Task], layout: WarehouseLayout) -> Iterable[Result]:
    return [Result(outcome=outcome, reason="no room") for _ in tasks]


def test_each_has_seeds_of_its_own_and_is_pruned_by_nobody(plan: StudyPlan) -> None:
    tasks = retrain_tasks(plan, TRIAL, n_seeds=5)

    seeds = {tuple(each.plan.member_seeds(4, 7)) for each in [*tasks, *tasks]}
    assert len(seeds | {tuple(plan.member_seeds(4, 7))}) == 6
    assert len({seed for each in seeds for seed in each}) == 5 * 7
    assert {each.plan.profile.pruning for each in tasks} == {None}
    assert {each.plan.dataset_digest for each in tasks} == {plan.dataset_digest}


def test_workers_come_to_what_one_process_does_and_nothing_is_done_twice(
    plan: StudyPlan, layout: WarehouseLayout, tmp_path: Path
) -> None:
    tasks = retrain_tasks(plan, TRIAL, n_seeds=3)

    here = run_retrains(tasks, layout, run_here)
    elsewhere = WarehouseLayout(root=tmp_path / "elsewhere")
    spread = run_retrains(tasks, elsewhere, partial(run_tasks, n_workers=2))

    results = [(row.key, row.outcome["score"], row.outcome["exposure"]) for row in here]
    assert results == [(row.key, row.outcome["score"], row.outcome["exposure"]) for row in spread]
    assert [row.key for row in here] == ["seed_1", "seed_2", "seed_3"]
    assert {(row.study_name, row.number) for row in here} == {(plan.study_name, 4)}
    assert len({row.outcome["score"] for row in here}) == 3
    assert run_retrains(tasks, layout, nothing_left) == here
    assert not layout.trials.exists()  # they are no trials


def test_a_training_that_fails_is_a_result_and_a_fault_of_the_machine_is_none(
    plan: StudyPlan, layout: WarehouseLayout
) -> None:
    tasks = retrain_tasks(plan, TRIAL, n_seeds=2)

    rows = run_retrains(tasks, layout, partial(all_are, Outcome.FAILED))
    assert [row.outcome["state"] for row in rows] == ["FAIL", "FAIL"]
    with pytest.raises(InfrastructureError, match="seed_1: no room"):
        run_retrains(tasks, layout, partial(all_are, Outcome.FAULT))


@pytest.mark.parametrize(
    ("field", "value"), [("seed", 1), ("dataset_digest", "other"), ("params", {})]
)
def test_what_is_kept_must_be_the_training_that_is_asked_for(
    plan: StudyPlan, layout: WarehouseLayout, field: str, value: object
) -> None:
    (task,) = retrain_tasks(plan, TRIAL, n_seeds=1)
    run_retrains([task], layout, run_here)
    path = next(layout.retrains.rglob("trial.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))

    with pytest.raises(IntegrityError, match=f"{field} is .* and must be"):
        run_retrains([task], layout, nothing_left)
