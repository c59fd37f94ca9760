"""A study that is advised, run by its flow: the same whoever runs it, and however often it dies."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.advice import advised
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.studies import n_done, open_study
from cappuccino_assets.tuning.tasks import perform
from tests.tuning.small import SMALL
from tests.tuning.test_flow import DEAD, Trials, finished, flow_of, in_folder, plan_of, slope

EVERY, N_TRIALS = 21, 30


def advised_plan() -> StudyPlan:
    return plan_of(N_TRIALS, profile=replace(SMALL, advise_every=EVERY))


def finished_with_advice(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
    plan = advised_plan()
    trials = finished(plan, layout, storage)
    study = open_study(plan, storage)
    assert n_done(study) == len(study.trials) == N_TRIALS
    assert [(each["round"], each["place"]) for each in advised(study)] == [(1, 1), (1, 2), (1, 3)]
    return trials


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    """Its trials where one worker runs them from the beginning to the end."""
    return in_folder(tmp_path_factory.mktemp("through"), finished_with_advice)


def test_the_number_of_workers_changes_no_advice(tmp_path: Path, through: Trials) -> None:
    def by_four(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
        flow = flow_of(advised_plan(), layout, storage)
        while held := [task for _ in range(4) if (task := flow.take())]:
            for task in reversed(held):
                flow.finish(task.number, perform(task, slope))
        return finished_with_advice(layout, storage)

    assert in_folder(tmp_path, by_four) == through


@pytest.mark.parametrize("stop", [EVERY, EVERY + 2])
def test_a_process_that_dies_around_the_advice_changes_nothing(
    tmp_path: Path, through: Trials, stop: int
) -> None:
    def died(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
        flow = flow_of(advised_plan(), layout, storage, DEAD)
        while n_done(flow.study) < stop and (task := flow.take()) is not None:
            flow.finish(task.number, perform(task, slope))
        flow.take()  # and never finishes it
        return finished_with_advice(layout, storage)

    assert in_folder(tmp_path, died) == through
