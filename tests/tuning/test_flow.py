import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from optuna.storages import RDBStorage

from cappuccino_assets.errors import InfrastructureError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.flow import StudyFlow
from cappuccino_assets.tuning.heartbeat import beating
from cappuccino_assets.tuning.joining import flowing, top_up
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import mark_claim, n_done, open_study, study_storage
from cappuccino_assets.tuning.tasks import Objective, Outcome, Result, Task, perform
from tests.tuning.small import SMALL, small_arrays, small_plan

N_TRIALS = 16  # beyond ten the sampler learns from what is stored
RULED = replace(SMALL, pruning=PruningRule(fraction=0.5, p_threshold=0.05, n_startup_trials=1))
SAY = """
import json, sys
from cappuccino_assets.storage.processes import ProcessIdentity
print(json.dumps(ProcessIdentity.current().to_json()), flush=True)
sys.stdin.read()
"""
Params = dict[str, Value]
Trials = list[tuple[Params, float | None]]


def slope(params: Params, number: int, prune: Pruner | None) -> float:
    if prune is not None:
        prune([float(number % 5)] * 6)
    return float(params["gamma"]) - float(params["lookback"])


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def storage(layout: WarehouseLayout) -> Iterator[RDBStorage]:
    with study_storage(layout) as opened:
        yield opened


def plan_of(n_trials: int = N_TRIALS, **changes: object) -> StudyPlan:
    return small_plan(small_arrays(10), n_trials=n_trials, **changes)


def flow_of(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    worker: ProcessIdentity | None = None,
) -> StudyFlow:
    study, me = open_study(plan, storage), ProcessIdentity.current()
    return StudyFlow(plan, study, layout, worker=worker or me, pause_s=0)


def crew_of(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    n: int,
    **settings: object,
) -> list[StudyFlow]:
    """Workers of as many machines."""
    workers = [ProcessIdentity(host=f"host {each}", pid=each + 1, started=0.0) for each in range(n)]
    study = open_study(plan, storage)
    settings = {"pause_s": 0, **settings}
    return [StudyFlow(plan, study, layout, worker=each, **settings) for each in workers]


DEAD = replace(ProcessIdentity.current(), started=0.0)  # another process has its number now


def finished(
    plan: StudyPlan, layout: WarehouseLayout, storage: RDBStorage, objective: Objective = slope
) -> Trials:
    top_up(plan, layout, storage, objective, pause_s=0)
    return [(record["params"], record["value"]) for record in trial_records([plan], storage)]


def in_folder(folder: Path, act: Callable[[WarehouseLayout, RDBStorage], Trials]) -> Trials:
    layout = WarehouseLayout(root=folder)
    with study_storage(layout) as storage:
        return act(layout, storage)


@pytest.mark.parametrize("profile", [SMALL, RULED])
@pytest.mark.parametrize("orderly", [True, False])
def test_a_study_that_is_interrupted_goes_on_as_if_it_had_not_been(
    tmp_path: Path, profile: object, orderly: bool
) -> None:
    plan = plan_of(profile=profile)
    seen: dict[int, list[Task]] = {}

    def interrupted(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
        for stop in (1, 6, 12, 14):
            flow = flow_of(plan, layout, storage)
            while n_done(flow.study) < stop and (task := flow.take()) is not None:
                seen.setdefault(task.number, []).append(task)
                flow.finish(task.number, perform(task, slope))
            if orderly:
                flow.release()
        return finished(plan, layout, storage)

    def through(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
        flow = flow_of(plan, layout, storage)
        while (task := flow.take()) is not None:
            assert all(each == task for each in seen.get(task.number, []))  # its rivals, too
            flow.finish(task.number, perform(task, slope))
        return finished(plan, layout, storage)

    assert in_folder(tmp_path / "a", interrupted) == in_folder(tmp_path / "b", through)


def test_neither_the_number_of_workers_nor_their_speed_changes_a_trial(tmp_path: Path) -> None:
    def trials_of(n_at_once: int) -> Trials:
        def act(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
            """Hold several trials at once, and finish the last one first."""
            crew, most = crew_of(plan_of(), layout, storage, n_at_once), 0
            while held := [(flow, task) for flow in crew if (task := flow.take())]:
                most = max(most, len(held))
                for flow, task in reversed(held):
                    flow.finish(task.number, perform(task, slope))
                crew = [*crew[1:], crew[0]]  # another one asks
            assert most == min(n_at_once, plan_of().profile.n_asked_ahead)
            return finished(plan_of(), layout, storage)

        return in_folder(tmp_path / str(n_at_once), act)

    assert trials_of(1) == trials_of(3) == trials_of(9)


def test_a_trial_is_asked_when_all_but_the_last_few_are_known(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(9)
    n_ahead = plan.profile.n_asked_ahead
    crew = crew_of(plan, layout, storage, 9)
    tasks = [task for flow in crew if (task := flow.take())]
    assert [task.number for task in tasks] == list(range(n_ahead))
    assert crew[1].finish(1, perform(tasks[1], slope)) == 0  # trial 0 is told before it
    assert crew[8].take() is None
    assert crew[0].finish(0, perform(tasks[0], slope)) == 2
    more = [task for flow in crew[n_ahead:] if (task := flow.take())]
    assert [task.number for task in more] == [n_ahead, n_ahead + 1]


def test_a_fault_of_the_machine_changes_no_other_trial(tmp_path: Path) -> None:
    def with_fault_at(call: int | None) -> Trials:
        def act(layout: WarehouseLayout, storage: RDBStorage) -> Trials:
            flow, n_calls = flow_of(plan_of(), layout, storage), 0
            while (task := flow.take()) is not None:
                n_calls += 1
                fault = Result(outcome=Outcome.FAULT, reason="No memory.")
                flow.finish(task.number, fault if n_calls == call else perform(task, slope))
            return finished(plan_of(), layout, storage)

        return in_folder(tmp_path / str(call), act)

    assert with_fault_at(None) == with_fault_at(3) == with_fault_at(13)


def test_faults_stop_a_study_only_when_they_follow_each_other(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    flow, faulty = flow_of(plan_of(6), layout, storage), set()
    while (task := flow.take()) is not None:
        first = task.number not in faulty
        faulty.add(task.number)
        fault = Result(outcome=Outcome.FAULT, reason="No memory.")
        flow.finish(task.number, fault if first else perform(task, slope))
    assert n_done(flow.study) == 6


def test_incident_39_what_fails_all_workers_at_once_is_one_fault(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan, fault = plan_of(6), Result(outcome=Outcome.FAULT, reason="No space.")
    now = [1000.0]
    crew = crew_of(plan, layout, storage, 6, pause_s=10.0, clock=lambda: now[0])

    def failed_together() -> None:
        held = [(flow, task) for flow in crew if (task := flow.take())]
        assert len(held) == plan.profile.n_asked_ahead
        for flow, task in held:
            flow.finish(task.number, fault)
        assert not any(flow.take() for flow in crew)  # all of them rest

    for _ in range(3):
        failed_together()
        now[0] += 11.0
    with pytest.raises(InfrastructureError, match="gave way 4 times in a row"):
        failed_together()

    states = [record["state"] for record in trial_records([plan], storage)]
    assert "FAIL" not in states[1:]  # at most the one that was the first of each time
    for flow in crew:
        flow.release()
    finished(plan, layout, storage)
    assert n_done(open_study(plan, storage)) == 6


def test_a_result_that_waits_for_earlier_ones_outlives_an_interruption(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(4)
    crew = crew_of(plan, layout, storage, 4)
    tasks = [task for flow in crew if (task := flow.take())]
    folder = layout.trial(plan.study_name, 2)
    folder.mkdir(parents=True)
    crew[2].finish(2, Result(outcome=Outcome.COMPLETE, value=7.5))
    for flow in crew:
        flow.release()
    assert {trial.state.name for trial in crew[0].study.trials} == {"WAITING"}

    again = crew_of(plan, layout, storage, 4)
    left = [task for flow in again if (task := flow.take())]
    assert [task.number for task in left] == [0, 1, 3]
    assert folder.exists()
    for flow, task in zip(again, left, strict=False):
        flow.finish(task.number, perform(task, slope))
    assert again[0].study.trials[2].value == 7.5
    assert [task.params for task in tasks if task.number != 2] == [task.params for task in left]


def test_an_interruption_counts_against_no_trial(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(4)
    for _ in range(6):
        with flowing(plan, layout, storage) as flow:
            assert flow.take() is not None
    finished(plan, layout, storage)
    records = trial_records([plan], storage)
    assert [record["state"] for record in records] == ["COMPLETE"] * 4


def test_a_trial_whose_process_died_is_run_again_under_its_number(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(4)
    died = flow_of(plan, layout, storage, DEAD)
    task = died.take()
    assert task is not None

    finished(plan, layout, storage)

    trials = open_study(plan, storage).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    given_up = [trial.user_attrs.get("given_up", []) for trial in trials]
    assert given_up == [["Its process died."], [], [], []]  # the others had not begun
    assert trial_records([plan], storage)[0]["params"] == task.params


def test_a_trial_that_kills_its_process_again_and_again_fails(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(1)
    checkpoints = layout.checkpoints(plan.study_name, 0)
    checkpoints.mkdir(parents=True)
    for each in range(4):
        task = flow_of(plan, layout, storage, replace(DEAD, started=float(each))).take()
        assert task is not None
        assert task.number == 0
    finished(plan, layout, storage)
    states = [record["state"] for record in trial_records([plan], storage)]
    assert states == ["FAIL", "COMPLETE"]
    assert not checkpoints.exists()


def test_a_worker_of_another_machine_is_taken_for_dead_when_it_gives_no_sign_of_life(
    layout: WarehouseLayout,
) -> None:
    plan = plan_of(2)
    with study_storage(layout, heartbeat_s=1, grace_s=1) as storage:
        (lost,), me = crew_of(plan, layout, storage, 1), flow_of(plan, layout, storage)
        task = lost.take()
        assert task is not None
        second = me.take()
        assert second is not None
        assert second.number == 1  # the first one is being run, for all that is known
        with beating(lost.study, task.number, every_s=0.2):
            sleep(2.5)
            assert me.finish(1, perform(second, slope)) == 0
            assert me.take() is None
        sleep(2.5)
        again = me.take()
        assert again == task

        late = Result(outcome=Outcome.COMPLETE, value=99.0)
        assert lost.finish(task.number, late) == 0  # it is no longer its trial
        assert me.finish(task.number, perform(task, slope)) == 2
        assert me.study.trials[0].value == slope(task.params, 0, None)
        assert me.study.trials[0].user_attrs["given_up"] == ["Its worker gave no sign of life."]


def test_a_worker_that_never_gave_a_sign_of_life_is_not_waited_for(
    layout: WarehouseLayout,
) -> None:
    plan = plan_of(1)
    with study_storage(layout, heartbeat_s=1, grace_s=1) as storage:
        (lost,), me = crew_of(plan, layout, storage, 1), flow_of(plan, layout, storage)
        task = lost.take()
        assert me.take() is None
        sleep(2.5)
        assert me.take() == task


def test_incident_34_a_worker_that_lives_is_not_taken_for_dead(layout: WarehouseLayout) -> None:
    plan = plan_of(1)
    command = [sys.executable, "-c", SAY]
    with (
        study_storage(layout, heartbeat_s=1, grace_s=1) as storage,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        worker = ProcessIdentity.from_json(json.loads(process.stdout.readline()))
        task, me = flow_of(plan, layout, storage, worker).take(), flow_of(plan, layout, storage)
        assert task is not None
        assert me.take() is None
        sleep(2.5)  # it gives no sign of life, as one that was suspended
        assert me.take() is None
        process.kill()
        while not worker.is_gone():  # it is a zombie from now on
            sleep(0.01)
        assert me.take() == task


def test_what_fails_because_another_worker_has_the_trial_by_now_is_no_fault(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan, calls = plan_of(2), list[int]()
    study = open_study(plan, storage)

    def objective(params: Params, number: int, prune: Pruner | None) -> float:
        calls.append(number)
        if len(calls) == 1:
            mark_claim(study, study.trials[number], DEAD)
            raise FileExistsError("trial.json is there already")
        return slope(params, number, prune)

    finished(plan, layout, storage, objective)

    assert calls == [0, 0, 1]
    assert study.trials[0].user_attrs["given_up"] == ["Its process died."]

    def broken(params: Params, number: int, prune: Pruner | None) -> float:
        raise FileExistsError("trial.json is there already")

    with pytest.raises(FileExistsError):  # it has the trial: this is a mistake of the program
        finished(plan_of(3), layout, storage, broken)
