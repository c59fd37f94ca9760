"""Runs that a killed process left behind, and those that live."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from cappuccino_assets.assets.market import raw_bars
from cappuccino_assets.ops.runs import close_dead_runs, unfinished_runs
from cappuccino_assets.resources import (
    PROCESS_TAG,
    SearchResource,
    WarehouseResource,
    process_tags,
)
from cappuccino_assets.storage.processes import ProcessIdentity

ROOT = Path(__file__).parents[2]
BUSY = """
import sys, time
import dagster as dg
from cappuccino_assets.resources import WarehouseResource

@dg.asset
def busy(warehouse: WarehouseResource) -> None:
    print("busy", flush=True)
    open(sys.argv[2], "w").close()
    time.sleep(600)

with dg.DagsterInstance.get() as instance:
    dg.materialize(
        [busy], resources={"warehouse": WarehouseResource(root=sys.argv[1])}, instance=instance
    )
"""


@pytest.fixture
def instance(tmp_path, monkeypatch):
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        instance.get_runs_count()
        yield instance


@pytest.fixture
def busy(instance, tmp_path):
    """A process in the middle of a run."""
    command = [sys.executable, "-c", BUSY, tmp_path / "warehouse", tmp_path / "begun"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None, "it ended before it was killed"
        yield process
        process.kill()


def left(instance, process, *, status=dg.DagsterRunStatus.STARTED):
    """Record a run as another process would have left it."""
    run = dg.DagsterRun(job_name="two_phase_training", status=status)
    tags = {PROCESS_TAG: json.dumps({"run_id": run.run_id} | process.to_json())}
    return instance.add_run(run.with_tags(tags))


@pytest.fixture
def gone():
    """A process of this machine that has ended, and whose number may be another's."""
    return replace(ProcessIdentity.current(), started=0.0)


def status(instance, run):
    return instance.get_run_by_id(run.run_id).status


def test_incident_36_a_run_whose_process_was_killed_is_closed_at_the_next_start(
    instance, busy, tmp_path
):
    (run,) = instance.get_runs()
    assert close_dead_runs(instance) == []
    os.kill(busy.pid, signal.SIGKILL)
    busy.wait()
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
    resources = {
        "search": SearchResource(source="files", bars=str(tmp_path / "none.parquet")),
        "warehouse": WarehouseResource(root=str(tmp_path / "warehouse")),
    }
    dg.materialize([raw_bars], resources=resources, instance=instance, raise_on_error=False)
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    said = [event.message for event in instance.all_logs(run.run_id)]
    assert any(f"Process {busy.pid}" in each and "is gone" in each for each in said)
    assert instance.get_run_by_id(run.run_id).tags["dagster/will_retry"] == "false"


def test_incident_34_a_zombie_does_not_keep_its_run_open(instance, busy):
    (run,) = instance.get_runs()
    os.kill(busy.pid, signal.SIGKILL)
    stat = Path(f"/proc/{busy.pid}/stat")
    while ") Z " not in stat.read_text():
        assert busy.returncode is None
    assert [each.run.run_id for each in close_dead_runs(instance)] == [run.run_id]


def test_every_unfinished_run_of_a_dead_process_is_closed_whatever_it_was_about_to_do(
    instance, gone
):
    begun = ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")
    runs = [left(instance, gone, status=dg.DagsterRunStatus(name)) for name in begun]
    assert len(close_dead_runs(instance)) == len(begun)
    assert {status(instance, run) for run in runs} == {dg.DagsterRunStatus.FAILURE}
    assert close_dead_runs(instance) == []


def test_a_run_of_another_machine_is_listed_and_left_alone(instance, gone):
    run = left(instance, replace(gone, host="far/away/1"))
    assert close_dead_runs(instance) == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
    (unfinished,) = unfinished_runs(instance)
    assert unfinished.to_json()["host"] == "far"


def test_a_run_whose_process_is_not_known_is_listed_and_left_alone(instance):
    run = instance.add_run(dg.DagsterRun(job_name="a", status=dg.DagsterRunStatus.STARTED))
    assert close_dead_runs(instance) == []
    assert [each.process for each in unfinished_runs(instance)] == [None]
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize("run_id", ["the-first-try", None])
def test_a_second_try_is_not_taken_for_the_process_of_the_first(instance, gone, run_id):
    """Dagster gives the tags of a run to those that try it again."""
    first = left(instance, gone, status=dg.DagsterRunStatus.FAILURE)
    tags = {PROCESS_TAG: json.dumps({"run_id": run_id} | gone.to_json())}
    second = dg.DagsterRun(job_name="a", parent_run_id=first.run_id, root_run_id=first.run_id)
    instance.add_run(second.with_status(dg.DagsterRunStatus.STARTED).with_tags(tags))
    assert close_dead_runs(instance) == []


def test_a_command_says_which_process_its_run_is_before_the_run_has_a_number(instance):
    job = dg.DagsterRun(job_name="a", status=dg.DagsterRunStatus.NOT_STARTED)
    instance.add_run(job.with_tags(process_tags()))
    (unfinished,) = unfinished_runs(instance)
    assert unfinished.process == ProcessIdentity.current()
