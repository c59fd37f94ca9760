"""A search that Dagster's daemon runs, and what is left of it when somebody kills it."""

import subprocess
import time
from contextlib import contextmanager

import dagster as dg
import psutil
import pytest

from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.ops.runs import unfinished_runs
from tests.cli.test_run import COMMAND, RUN, Home

MODULE = ("-m", "cappuccino_assets.definitions")
SETTINGS = {"CAPPUCCINO_STUDY": "winter", "CAPPUCCINO_SEED": "3", "CAPPUCCINO_WORKERS": "2"}
DEADLINE_S = 900

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("undisturbed"))
    home.cappuccino(*RUN, "--workers", "2")
    return home.scores()


@contextmanager
def daemon_of(home):
    """Dagster's daemon with a search that it has begun; ended with all that came of it."""
    options = {"cwd": home.folder, "env": home.environment | SETTINGS}
    open_instance = COMMAND.with_name("dagster"), "run", "list"
    subprocess.run(open_instance, check=True, capture_output=True, **options)
    known = set()
    with (home.folder / "daemon.log").open("w") as log:
        command = [COMMAND.with_name("dagster-daemon"), "run", *MODULE]
        daemon = psutil.Popen(command, stdout=log, stderr=log, **options)
    try:
        launch = ("job", "launch", "-j", "two_phase_training", *MODULE)
        command = [COMMAND.with_name("dagster"), *launch]
        subprocess.run(command, check=True, capture_output=True, **options)
        first = home.layout.trial("winter/phase1_5d_1h", 0)
        until(first.exists)
        known.update(daemon.children(recursive=True))
        yield daemon, known
    finally:
        if daemon.is_running():
            known.update(daemon.children(recursive=True))
            daemon.kill()
            daemon.wait()
        kill(known)


def until(is_so):
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"{is_so} is still not so"
        time.sleep(0.1)


def kill(processes):
    for process in processes:
        if process.is_running():
            process.kill()
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive


@contextmanager
def instance_of(home):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home.folder)  # the folders in dagster.yaml are relative
        with dg.DagsterInstance.from_config(str(home.folder)) as instance:
            yield instance


def require_whole(home, answer, undisturbed):
    """Every trial once, with the score that it has when nobody is killed."""
    assert {each["n_complete"] for each in answer["studies"]} == {5}
    assert {each["n_running"] + each["n_failed"] for each in answer["studies"]} == {0}
    assert home.scores() == undisturbed
    assert read_manifest(home.layout.manifest).generation == 1
    assert home.cappuccino("ledger", "verify")["whole"]
    with instance_of(home) as instance:
        assert not unfinished_runs(instance)


def test_incident_36_a_search_whose_daemon_is_killed_with_all_its_processes_is_continued(
    tmp_path, undisturbed
):
    home = Home(tmp_path)
    with daemon_of(home) as (daemon, known):
        daemon.kill()
        kill(known)
    require_whole(home, home.cappuccino(*RUN, "--workers", "2"), undisturbed)


def test_incident_36_a_run_that_is_killed_under_the_daemon_is_started_again_by_it(
    tmp_path, undisturbed
):
    home = Home(tmp_path)
    with instance_of(home) as instance, daemon_of(home):
        (run,) = unfinished_runs(instance)
        killed = psutil.Process(run.process.pid)
        workers = killed.children(recursive=True)
        assert workers, "it is killed while it searches"
        killed.kill()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive, "a worker outlived the run"
        done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        until(lambda: instance.get_runs(filters=done))
        (again,) = instance.get_runs(filters=done)
        assert again.parent_run_id == run.run.run_id
    require_whole(home, home.cappuccino(*RUN, "--workers", "2"), undisturbed)
