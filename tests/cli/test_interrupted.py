"""Ctrl+C: a run ends cleanly, and the same command continues it."""

import os
import signal
import subprocess
import time

import dagster as dg
import psutil
import pytest

from cappuccino_assets.ops.runs import unfinished_runs
from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.reports.workers_at_work import workers_at_work
from tests.cli.test_run import COMMAND, RUN, Home

DEADLINE_S = 600
PATIENCE_S = 60  # to clear up


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def instance(home, monkeypatch):
    monkeypatch.chdir(home.folder)  # the folders in dagster.yaml are relative
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        yield instance


def listening() -> None:
    """Let Ctrl+C be heard, as at a terminal; whoever is started in the background does not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupted(home, *options, when):
    """Press Ctrl+C once something is so; return how the command ended, and who is left of it."""
    command = [COMMAND, *RUN, "--workers", "2", *options]
    with subprocess.Popen(
        command,
        cwd=home.folder,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listening,
    ) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not when():
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # a terminal tells all of its processes
        out, err = process.communicate(timeout=PATIENCE_S)
    _, alive = psutil.wait_procs(family, timeout=5)
    return process.returncode, out, err, alive


def is_at_work(home):
    return bool(workers_at_work(home.layout, grace_s=60))


@pytest.mark.slow
def test_incident_36_an_interrupted_run_leaves_nothing_running_and_is_continued(home, instance):
    code, out, err, alive = interrupted(home, when=lambda: is_at_work(home))
    assert (code, out, alive) == (1, "", [])
    assert "error: Interrupted. The same command continues." in err
    assert "Traceback" not in err
    assert sum(each["n_running"] for each in study_counts(home.layout, "winter")) == 0
    (run,) = instance.get_runs()
    assert run.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    assert unfinished_runs(instance) == []
    answer = home.cappuccino(*RUN, "--workers", "2")
    assert {each["n_complete"] for each in answer["studies"]} == {5}
    assert {each["n_running"] + each["n_failed"] for each in answer["studies"]} == {0}


@pytest.mark.slow
def test_a_run_that_is_interrupted_before_its_first_trial_ends_cleanly_too(home, instance):
    begun = home.layout.root / "bars"
    code, out, _, alive = interrupted(home, "--json", when=begun.exists)
    assert (code, alive) == (1, [])
    assert '"type": "InterruptedRunError"' in out
    assert unfinished_runs(instance) == []
