"""`cappuccino studies`: looking at searches that run."""

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.test_warehouse import param, trial

ROOT = Path(__file__).parents[2]
DASHBOARD = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent))
N_TRIALS = 5


@pytest.fixture
def layout(tmp_path):
    return WarehouseLayout(root=tmp_path / "warehouse")


@contextmanager
def searching(folder):
    """A small search in a process of its own."""
    command = [sys.executable, "-m", "bench.small_search", folder, "--trials", str(N_TRIALS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as search:
        yield search
    assert search.returncode == 0


def told(database):
    """State and value of every trial of a database."""
    sql = (
        "SELECT study_name, number, state, value FROM studies JOIN trials USING (study_id) "
        "LEFT JOIN trial_values USING (trial_id) ORDER BY study_name, number"
    )
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def wait_for_trials(layout, n):
    while not layout.studies.exists() or n > sum(
        state in ("COMPLETE", "PRUNED") for _, _, state, _ in told_or_nothing(layout.studies)
    ):
        time.sleep(0.05)


def told_or_nothing(database):
    try:
        return told(database)
    except sqlite3.OperationalError:  # its tables are being made
        return []


@contextmanager
def dashboard(copy):
    """Optuna's dashboard on a file; yields its address once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [DASHBOARD, f"sqlite:///{copy}", "--port", str(port), "--server", "wsgiref"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while not answers(address):
                assert server.poll() is None, "the dashboard did not start"
                time.sleep(0.1)
            yield address
        finally:
            server.kill()


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=30) as page:
            return page.status == 200
    except urllib.error.URLError:
        return False


@pytest.mark.slow
def test_a_dashboard_on_a_copy_shows_the_study_that_runs_and_leaves_it_alone(
    cappuccino, layout, tmp_path
):
    alone = WarehouseLayout(root=tmp_path / "alone")
    with searching(alone.root):
        pass
    copy = tmp_path / "copies" / "studies.db"
    with searching(layout.root) as search:
        wait_for_trials(layout, 2)
        code, out, err = cappuccino("studies", "copy", copy, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["dashboard"] == f"optuna-dashboard sqlite:///{copy}"
        n_copied = sum(state == "COMPLETE" for _, _, state, _ in told(copy))
        assert 2 <= n_copied < 2 * N_TRIALS
        assert search.poll() is None, "the study ended before it was copied"
        if DASHBOARD:
            with (
                dashboard(copy) as address,
                urllib.request.urlopen(f"{address}api/studies", timeout=30) as answer,
            ):
                names = {study["study_name"] for study in json.load(answer)["study_summaries"]}
            assert names == {"small/phase1_ppo", "small/phase2_ppo"}
    assert told(layout.studies) == told(alone.studies)
    if not DASHBOARD:
        pytest.skip("optuna-dashboard is not installed (extra `dashboard`); the copy was tested")


@pytest.fixture
def study(layout):
    """A database with one told trial, held open by a writer with a log beside it."""
    layout.root.mkdir()
    with closing(sqlite3.connect(layout.studies)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    storage = optuna.storages.RDBStorage(f"sqlite:///{layout.studies}")
    study = optuna.create_study(storage=storage, study_name="c/phase2_ppo")
    study.tell(study.ask(), 0.25)
    yield study
    storage.remove_session()
    storage.engine.dispose()


def test_a_copy_is_one_whole_file_while_somebody_writes(cappuccino, layout, study, tmp_path):
    with closing(sqlite3.connect(layout.studies, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE trials SET number = 99")  # and is not committed
        assert cappuccino("studies", "copy", tmp_path / "copy.db")[0] == 0
        writer.execute("ROLLBACK")
    without_log = b"\x01\x01"  # of the file's header: who reads it writes nothing beside it
    assert (tmp_path / "copy.db").read_bytes()[18:20] == without_log
    assert told(tmp_path / "copy.db") == [("c/phase2_ppo", 0, "COMPLETE", 0.25)]
    assert [path.name for path in tmp_path.glob("*copy.db*")] == ["copy.db"]
    assert not list(tmp_path.glob(".copy.db*"))


def test_a_file_that_is_there_is_replaced_only_by_force(cappuccino, study, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    code, _, err = cappuccino("studies", "copy", copy)
    assert (code, copy.read_text()) == (1, "mine")
    assert "--force" in err
    assert cappuccino("studies", "copy", copy, "--force")[0] == 0
    assert len(told(copy)) == 1


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_copy_in_use_is_not_replaced(cappuccino, study, tmp_path, suffix):
    (tmp_path / f"copy.db{suffix}").touch()
    code, _, err = cappuccino("studies", "copy", tmp_path / "copy.db", "--force")
    assert code == 1
    assert "is in use" in err


def test_the_studies_are_never_their_own_copy(cappuccino, layout, study):
    before = layout.studies.read_bytes()
    code, _, err = cappuccino("studies", "copy", layout.studies, "--force")
    assert code == 1
    assert "itself" in err
    assert layout.studies.read_bytes() == before


def test_a_damaged_database_leaves_no_copy(cappuccino, layout, tmp_path):
    layout.root.mkdir()
    layout.studies.write_bytes(b"no database at all" * 100)
    code, _, err = cappuccino("studies", "copy", tmp_path / "copy.db")
    assert code == 1
    assert "could not be copied" in err
    assert not list(tmp_path.glob("*copy.db*"))


def test_without_studies_there_is_nothing_to_copy(cappuccino, tmp_path):
    code, _, err = cappuccino("studies", "copy", tmp_path / "copy.db")
    assert code == 1
    assert "no study was begun" in err


def test_studies_on_a_server_need_no_copy_and_no_password_is_shown(
    cappuccino, tmp_path, monkeypatch
):
    url = "postgresql+psycopg2://cappuccino:hush@db.example:5433/studies"
    monkeypatch.setenv("CAPPUCCINO_STUDIES_URL", url)
    code, _, err = cappuccino("studies", "copy", tmp_path / "copy.db")
    assert code == 1
    assert "optuna-dashboard postgresql+psycopg2://READER@db.example:5433/studies" in err
    assert "hush" not in err
    assert not (tmp_path / "copy.db").exists()


def test_a_study_is_shown_by_its_best_trials_its_parameters_and_what_ended_last(cappuccino, layout):
    trials = [trial(0, -0.5), trial(1, 0.25)]
    gammas = [param(number, "gamma", "0.5") | {"value_number": 0.5} for number in (0, 1)]
    Warehouse(layout).ingest(trials, gammas, [])
    code, out, _ = cappuccino("studies", "show", "c/phase2_ppo", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [row["number"] for row in answer["top"]] == [1, 0]
    assert answer["quantiles"] == [{"parameter": "gamma", "n_trials": 2, "quantiles": [0.5] * 5}]
    assert len(answer["recent"]) == 2
    code, out, _ = cappuccino("studies", "show", "c/phase2_ppo")
    assert code == 0
    assert "Best trials of c/phase2_ppo" in out


def test_a_study_that_nobody_collected_is_named(cappuccino, layout):
    Warehouse(layout).ingest([trial(0, 0.1)], [], [])
    code, _, err = cappuccino("studies", "show", "c/phase2_dqn")
    assert code == 1
    assert "'c/phase2_dqn'" in err
