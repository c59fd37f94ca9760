"""`cappuccino status`: who is at work, who follows another campaign, and what has no end."""

import io
import json
from dataclasses import replace

import dagster as dg
import optuna
import pytest
from rich.console import Console

from cappuccino_assets.cli.work_screen import print_now
from cappuccino_assets.resources import PROCESS_TAG
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.studies import study_storage
from tests.live.campaigns import begin
from tests.storage.ledgers import trial_row

HERE = ProcessIdentity.current()
ELSEWHERE = replace(HERE, host="far/away/1")
GONE = replace(HERE, started=0.0)


@pytest.fixture
def layout(tmp_path):
    """Winter is active; a file is of summer; three processes have trials."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
    for name in ("summer", "winter"):
        begin(warehouse, name)
    TrialLedger(warehouse).append([trial_row(0, study_name="winter/phase1_7d_1h")])
    write_json(warehouse.layout.phase1_winner, {"study_name": "summer/phase1_7d_1h"})
    with study_storage(warehouse.layout) as storage:
        study = optuna.create_study(storage=storage, study_name="winter/phase1_7d_1h")
        for process in (HERE, ELSEWHERE, GONE):
            trial_id = storage.create_new_trial(study._study_id)
            storage.set_trial_user_attr(trial_id, "worker", process.to_json())
            if process == HERE:
                storage.record_heartbeat(trial_id)
    return warehouse.layout


@pytest.fixture
def runs(tmp_path, cappuccino):
    """A run of a process that is gone, and one of another machine."""
    with dg.DagsterInstance.get() as instance:
        for process in (GONE, ELSEWHERE):
            run = dg.DagsterRun(job_name="two_phase_training", status=dg.DagsterRunStatus.STARTED)
            tag = json.dumps({"run_id": run.run_id} | process.to_json())
            instance.add_run(run.with_tags({PROCESS_TAG: tag}))


def test_incident_35_the_status_says_who_is_at_work_and_who_is_not(cappuccino, layout):
    code, out, _ = cappuccino("status", "--json")
    assert code == 0
    now = json.loads(out)["now"]
    assert [each["health"] for each in now["workers"]] == ["alive", "stale", "gone"]
    assert [each["number"] for each in now["workers"]] == [0, 1, 2]
    assert now["workers"][0]["pid"] == HERE.pid
    assert not now["search_is_under_way"]


def test_incident_23_the_status_names_what_is_of_another_campaign(cappuccino, layout):
    code, out, _ = cappuccino("status")
    assert code == 0
    assert "The active campaign is winter, but phase1_winner.json is of summer." in out
    assert "`cappuccino run --study winter` moves everything to winter." in out


def test_incident_36_the_status_closes_the_runs_of_dead_processes(cappuccino, layout, runs):
    code, out, _ = cappuccino("status")
    assert code == 0
    assert "Closed as failed, for its process is gone: run " in out
    assert f"two_phase_training, started, process {HERE.pid} of far" in out
    _, out, _ = cappuccino("status", "--json")
    now = json.loads(out)["now"]
    assert (now["closed_runs"], len(now["unfinished_runs"])) == ([], 1)
    with dg.DagsterInstance.get() as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert statuses == [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE]


def page(now, width=100):
    file = io.StringIO()
    print_now(now, Console(file=file, width=width, highlight=False, force_terminal=False))
    return file.getvalue()


def worker(health, silent_s):
    return {
        "study_name": "cappuccino_auto_20260214_020000/phase1_365d_15m",
        "number": 123,
        "host": "a-machine-with-a-long-name.example",
        "pid": 4194304,
        "asked_at": "2026-02-14T01:02:03",
        "silent_s": silent_s,
        "health": health,
    }


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_of_workers_folds_and_loses_nothing(width):
    now = {
        "search_is_under_way": True,
        "workers": [worker("alive", 3.2), worker("stale", None), worker("gone", 812.0)],
        "following": {"astray": []},
        "unfinished_runs": [],
        "closed_runs": [],
    }
    text = page(now, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert all(said in text for said in ("4194304", "01:02", "never", "gone"))


def test_a_search_between_two_trials_is_no_silence():
    empty = {"workers": [], "following": {"astray": []}, "unfinished_runs": [], "closed_runs": []}
    assert "no trial is being run" in page(empty | {"search_is_under_way": True})
    assert "Nobody is at work." in page(empty | {"search_is_under_way": False})
