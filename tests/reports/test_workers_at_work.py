"""Who is at work, told from the database of the studies."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from cappuccino_assets.reports.workers_at_work import Worker, workers_at_work
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.tuning.studies import study_storage

HERE = ProcessIdentity.current()
ELSEWHERE = replace(HERE, host="far/away/1")


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def storage(layout: WarehouseLayout) -> Iterator[RDBStorage]:
    with study_storage(layout) as storage:
        yield storage


def claimed(storage: RDBStorage, process: ProcessIdentity | None, *, beats: bool = True) -> int:
    """Begin a trial of winter/phase2_ppo that a process has, and return its id."""
    study = optuna.create_study(
        storage=storage, study_name="winter/phase2_ppo", load_if_exists=True
    )
    trial_id: int = storage.create_new_trial(study._study_id)
    storage.set_trial_user_attr(trial_id, "worker", process and process.to_json())
    if beats:
        storage.record_heartbeat(trial_id)
    return trial_id


def ended() -> ProcessIdentity:
    code = "from cappuccino_assets.storage.processes import ProcessIdentity\n"
    code += "import json; print(json.dumps(ProcessIdentity.current().to_json()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ProcessIdentity.from_json(json.loads(done.stdout))


def seen(layout: WarehouseLayout, *, grace_s: float = 60) -> Worker:
    (worker,) = workers_at_work(layout, grace_s=grace_s)
    return worker


def test_before_any_study_nobody_is_at_work(layout: WarehouseLayout) -> None:
    assert workers_at_work(layout, grace_s=60) == []


def test_a_database_that_is_only_being_made_holds_nobody(layout: WarehouseLayout) -> None:
    with sqlite3.connect(layout.studies) as connection:
        connection.execute("CREATE TABLE studies (study_id INTEGER, study_name VARCHAR)")
    connection.close()
    assert workers_at_work(layout, grace_s=60) == []


def test_a_worker_that_gives_signs_of_life_is_alive(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    claimed(storage, HERE)
    worker = seen(layout)
    assert (worker.study_name, worker.number) == ("winter/phase2_ppo", 0)
    assert (worker.process, worker.health, worker.campaign) == (HERE, "alive", "winter")
    assert worker.silent_s is not None
    assert 0 <= worker.silent_s < 60
    assert worker.asked_at is not None


def test_incident_35_a_worker_elsewhere_that_never_gave_a_sign_is_not_healthy(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    claimed(storage, ELSEWHERE, beats=False)
    assert (seen(layout).health, seen(layout).silent_s) == ("stale", None)


@pytest.mark.parametrize("process", [HERE, ELSEWHERE])
def test_incident_35_a_worker_that_fell_silent_is_not_healthy(
    layout: WarehouseLayout, storage: RDBStorage, process: ProcessIdentity
) -> None:
    claimed(storage, process)
    assert seen(layout, grace_s=60).health == "alive"
    assert seen(layout, grace_s=-1).health == "stale"


def test_incident_34_a_process_of_this_machine_that_ended_is_gone(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    claimed(storage, ended())
    assert seen(layout).health == "gone"


def test_whoever_has_no_trial_or_has_brought_its_result_is_not_at_work(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    claimed(storage, None)  # it was put back
    brought = claimed(storage, HERE)
    storage.set_trial_user_attr(brought, "early", {"value": 1.0})
    told = claimed(storage, HERE)
    storage.set_trial_state_values(told, optuna.trial.TrialState.COMPLETE, [1.0])
    assert workers_at_work(layout, grace_s=60) == []
