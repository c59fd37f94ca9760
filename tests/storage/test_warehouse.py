import signal
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest
from filelock import FileLock

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse

STARTED = datetime(2026, 2, 14, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(WarehouseLayout(root=tmp_path))


def trial(number, score, *, study_name="c/phase2_ppo", state="COMPLETE", **columns):
    results = {"sharpe_bot": score, "sharpe_hodl": 0, "no_trades": False, "score": score}
    return {
        "study_name": study_name,
        "number": number,
        "state": state,
        "campaign": "c",
        "phase": 2,
        "algorithm": "ppo",
        "timeframe": "7d",
        "interval": "1h",
        "dataset_digest": "d1",
        "started_at": STARTED,
        "flags": ["slow"],
        **(results if state == "COMPLETE" else {}),
        **columns,
    }


def param(number, parameter, value, *, study_name="c/phase2_ppo"):
    return {"study_name": study_name, "number": number, "parameter": parameter, "value": value}


def split(number, index, sharpe_bot):
    return {
        "study_name": "c/phase2_ppo",
        "number": number,
        "split": index,
        "test_groups": [0, index + 1],
        "sharpe_bot": sharpe_bot,
        "sharpe_hodl": 0.5,
        "total_return": -0.1,
        "max_drawdown": 0.2,
        "n_bars": 100,
        "n_trades": 3,
        "fees_usd": 1.25,
        "turnover": 4.0,
        "no_trades": False,
    }


def campaign(name):
    about = {"profile": "mini", "seed": 0, "source": "simulated", "dataset_digests": {"1h": "d1"}}
    return {"name": name, "started_at": STARTED.isoformat()} | about


def rows(warehouse, table):
    return warehouse.query(f"SELECT * FROM {table} ORDER BY ALL").to_dicts()


def numbers(warehouse, query, **params):
    return warehouse.query(query, {"campaign": "c", **params})["number"].to_list()


def test_a_row_reads_back_with_its_types(warehouse):
    warehouse.ingest([trial(3, -0.25)], [param(3, "gamma", "0.985")], [split(3, 0, -1.5)])
    (stored,) = rows(warehouse, "trials")
    assert (stored["number"], stored["score"], stored["flags"]) == (3, -0.25, ["slow"])
    assert (stored["started_at"], stored["model_sha256"]) == (STARTED, None)
    assert warehouse.query("SELECT * FROM trials").schema["started_at"] == pl.Datetime("us", "UTC")
    assert rows(warehouse, "trial_params")[0]["value"] == "0.985"
    assert rows(warehouse, "trial_splits")[0]["test_groups"] == [0, 1]


def test_ingesting_twice_changes_nothing(warehouse):
    tables = [trial(0, 0.1), trial(1, 0.2)], [param(0, "gamma", "0.9")], [split(0, 0, 1.0)]
    warehouse.ingest(*tables)
    before = [rows(warehouse, t) for t in ("trials", "trial_params", "trial_splits")]
    warehouse.ingest(*tables)
    assert [rows(warehouse, t) for t in ("trials", "trial_params", "trial_splits")] == before
    assert [len(table) for table in before] == [2, 1, 1]


def test_a_row_with_a_known_key_is_updated(warehouse):
    warehouse.ingest([trial(0, None, state="FAIL")], [], [])
    warehouse.ingest([trial(0, 0.2)], [], [])
    assert [(row["state"], row["score"]) for row in rows(warehouse, "trials")] == [
        ("COMPLETE", 0.2)
    ]


def test_incident_21_a_new_study_leaves_the_trials_of_an_older_one(warehouse):
    warehouse.ingest([trial(7, 0.3, study_name="old")], [param(7, "g", "1", study_name="old")], [])
    warehouse.ingest([trial(7, 0.1, study_name="new")], [param(7, "g", "2", study_name="new")], [])
    assert [(r["study_name"], r["score"]) for r in rows(warehouse, "trials")] == [
        ("new", 0.1),
        ("old", 0.3),
    ]
    assert len(rows(warehouse, "trial_params")) == 2


def test_incident_24_the_best_of_negative_scores_is_the_highest(warehouse):
    warehouse.ingest([trial(0, -0.9), trial(1, -0.1), trial(2, -0.5)], [], [])
    assert numbers(warehouse, "ensemble_candidates", n=2) == [1, 2]
    assert numbers(warehouse, "archive_candidates") == [1, 2, 0]


def test_candidates_are_complete_trials_of_phase_2_of_the_campaign(warehouse):
    failed = trial(0, None, state="FAIL")
    other = trial(1, 9.0, study_name="other/phase2_ppo", campaign="other")
    pruned = trial(2, None, state="PRUNED")
    earlier = trial(5, 9.0, study_name="c/phase1_7d_1h", phase=1)
    idle = trial(6, 0.1, no_trades=True)
    trials = [failed, other, pruned, earlier, idle, trial(4, 0.5), trial(3, 0.5)]
    warehouse.ingest(trials, [], [])
    assert numbers(warehouse, "ensemble_candidates", n=10) == [3, 4]
    assert numbers(warehouse, "archive_candidates") == [3, 4, 6]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"score": float("nan")}, "isfinite"),
        ({"score": None}, "CHECK"),
        ({"state": "RUNNING"}, "CHECK"),
        ({"dataset_digest": None}, "NOT NULL"),
        ({"sharpe": 1.0}, "no column 'sharpe'"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_and_nothing_is_written(warehouse, columns, fault):
    warehouse.ingest([trial(0, 0.1)], [], [])
    with pytest.raises(WarehouseError, match=fault):
        warehouse.ingest([trial(1, 0.2), trial(2, 0.3) | columns], [], [])
    assert [row["number"] for row in rows(warehouse, "trials")] == [0]


def test_nothing_of_a_transaction_that_raises_is_published(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    with pytest.raises(WarehouseError, match="no_such_table"):
        warehouse.merge({"trials": [trial(1, 0.2)], "no_such_table": [{}]})
    assert len(rows(warehouse, "trials")) == 1
    warehouse.ingest([trial(2, 0.2)], [], [])  # neither the lock nor the file is still held
    assert [row["number"] for row in rows(warehouse, "trials")] == [0, 2]


def test_exactly_one_campaign_is_active(warehouse):
    assert warehouse.active_campaign() is None
    for name in ("first", "second", "first"):
        warehouse.activate_campaign(campaign(name))
        active = warehouse.active_campaign()
        assert (active["campaign"], active["definition"]) == (name, campaign(name))
    assert [row["active"] for row in rows(warehouse, "campaigns")] == [True, False]


def test_a_campaign_stays_complete_when_it_becomes_the_active_one_again(warehouse):
    warehouse.activate_campaign(campaign("first"))
    warehouse.activate_campaign(campaign("second"))
    assert warehouse.campaign("first")["completed_at"] is None
    warehouse.complete_campaign("first", STARTED)
    assert warehouse.active_campaign()["campaign"] == "second"
    warehouse.activate_campaign(campaign("first"))
    assert warehouse.active_campaign()["completed_at"] == STARTED


def test_only_a_known_campaign_can_be_completed(warehouse):
    assert warehouse.campaign("first") is None
    with pytest.raises(WarehouseError, match="NOT NULL"):
        warehouse.complete_campaign("first", STARTED)
    assert warehouse.campaign("first") is None


def test_no_campaign_is_active_in_an_empty_database(warehouse):
    warehouse.merge({})
    assert warehouse.active_campaign() is None


def test_an_absent_database_is_an_error_not_an_empty_table(warehouse):
    with pytest.raises(WarehouseError, match="nothing was published"):
        warehouse.query("SELECT 1")


def test_a_corrupt_database_is_an_error(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    warehouse.layout.database.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"cappuccino\.duckdb"):
        warehouse.query("SELECT 1")


def test_wrong_sql_is_an_error(warehouse):
    warehouse.merge({})
    with pytest.raises(WarehouseError, match="no_such_table"):
        warehouse.query("SELECT * FROM no_such_table")


def test_a_reader_cannot_write(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    with pytest.raises(WarehouseError, match="read-only"):
        warehouse.query("DELETE FROM trials")


def test_an_answer_without_rows_keeps_its_columns(warehouse):
    warehouse.merge({})
    assert warehouse.query("archive_entries").columns[0] == "vin"


def test_a_second_writer_waits_only_so_long(warehouse):
    patient = Warehouse(warehouse.layout, lock_timeout_s=0.05)
    warehouse.merge({})
    with FileLock(warehouse.layout.writer_lock), pytest.raises(WarehouseError, match="more than"):
        patient.merge({})
    patient.merge({})


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
count = "SELECT count(*) FROM trials"
print(connection.execute(count).fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute(count).fetchone()[0], flush=True)
"""


def test_incident_37_a_reader_in_another_process_never_blocks_the_writer(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    command = [sys.executable, "-c", READER, str(warehouse.layout.database)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as reader:
        assert reader.stdout.readline() == "1\n"
        warehouse.ingest([trial(1, 0.2)], [], [])  # while the other process has the file open
        assert len(rows(warehouse, "trials")) == 2
        answer, _ = reader.communicate("\n", timeout=20)
    assert answer == "1\n"  # what it opened is still whole
    assert reader.returncode == 0


def test_incident_37_the_writer_never_blocks_a_reader_in_another_process(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    command = [sys.executable, "-c", READER, str(warehouse.layout.database)]
    with warehouse.writer() as connection:
        connection.execute("DELETE FROM trials")
        done = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=20)
    assert done.stdout == "1\n1\n", done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse

with Warehouse(WarehouseLayout(root=Path(sys.argv[1]))).writer() as connection:
    connection.execute("DELETE FROM trials")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_leaves_the_old_state_and_no_lock(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    command = [sys.executable, "-c", KILLED, str(warehouse.layout.root)]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -9
    assert len(rows(warehouse, "trials")) == 1
    Warehouse(warehouse.layout, lock_timeout_s=1).ingest([trial(1, 0.2)], [], [])
    assert len(rows(warehouse, "trials")) == 2


def test_a_commit_that_was_not_published_comes_with_the_next_one(warehouse):
    warehouse.layout.database.mkdir(parents=True)  # no file can replace a folder
    with pytest.raises(OSError, match="directory"):
        warehouse.ingest([trial(0, 0.1)], [], [])
    warehouse.layout.database.rmdir()
    warehouse.merge({})
    assert len(rows(warehouse, "trials")) == 1


def test_a_warehouse_copied_without_its_writer_file_keeps_its_rows(warehouse):
    warehouse.ingest([trial(0, 0.1)], [], [])
    warehouse.layout.writer_database.unlink()
    warehouse.ingest([trial(1, 0.2)], [], [])
    assert [row["number"] for row in rows(warehouse, "trials")] == [0, 1]


def test_the_published_file_holds_what_was_in_the_log(warehouse):
    warehouse.ingest([trial(number, 0.1) for number in range(2000)], [], [])
    with duckdb.connect(warehouse.layout.database, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (2000,)


def test_a_parameter_that_comes_twice_is_refused(warehouse):
    twice = [param(0, "gamma", "0.98"), param(0, "gamma", "0.99")]
    with pytest.raises(WarehouseError, match="Parameter gamma of trial 0 comes twice"):
        warehouse.ingest([trial(0, 0.1)], twice, [])
    with pytest.raises(WarehouseError, match="nothing was published"):
        rows(warehouse, "trial_params")


def test_the_best_trials_of_a_study_are_by_sign_and_of_that_study(warehouse):
    other = [trial(3, 9.0, study_name="c/phase2_ddqn")]
    warehouse.ingest([trial(0, -0.9), trial(1, -0.1), trial(2, -0.5), *other], [], [])
    best = warehouse.query("top_trials", {"study_name": "c/phase2_ppo", "n": 2})
    assert best["number"].to_list() == [1, 2]


def test_what_ended_last_comes_first_whatever_its_study_and_state(warehouse):
    ends = [STARTED.replace(minute=minute) for minute in (5, 9, 7)]
    trials = [
        trial(0, 0.1, completed_at=ends[0]),
        trial(1, None, state="FAIL", completed_at=ends[1]),
        trial(0, 0.2, study_name="c/phase2_ddqn", completed_at=ends[2]),
    ]
    warehouse.ingest(trials, [], [])
    found = warehouse.query("recent_trials", {"n": 2})
    assert found["completed_at"].to_list() == [ends[1], ends[2]]


def test_quantiles_of_a_parameter_are_of_complete_trials_of_the_study(warehouse):
    def gamma(number, value, **study):
        return param(number, "gamma", str(value), **study) | {"value_number": value}

    other = {"study_name": "c/phase2_ddqn"}
    trials = [*(trial(number, 0.1) for number in range(5)), trial(5, None, state="PRUNED")]
    values = [*(gamma(number, 10.0 * number) for number in range(5)), gamma(5, 1e9)]
    words = [param(number, "lr_schedule", '"linear"') for number in range(5)]
    warehouse.ingest(
        [*trials, trial(0, 0.2, **other)], [*values, *words, gamma(0, -1.0, **other)], []
    )
    (found,) = warehouse.query("param_quantiles", {"study_name": "c/phase2_ppo"}).to_dicts()
    assert found == {
        "parameter": "gamma",
        "n_trials": 5,
        "quantiles": [4.0, 10.0, 20.0, 30.0, 36.0],
    }


def test_what_a_killed_writer_left_of_a_copy_is_removed_by_the_next_one(warehouse):
    left = warehouse.layout.root / ".cappuccino.duckdb.4711.tmp"
    left.write_bytes(b"half")
    warehouse.ingest([trial(0, 0.1)], [], [])
    assert not left.exists()
    assert len(rows(warehouse, "trials")) == 1


KILLED_AT_FIRST_BYTE = """
import resource, signal, sys
from pathlib import Path
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
Warehouse(WarehouseLayout(root=Path(sys.argv[1]))).merge({})
"""


def test_a_writer_that_is_killed_while_it_makes_the_database_leaves_none(warehouse):
    command = [sys.executable, "-c", KILLED_AT_FIRST_BYTE, str(warehouse.layout.root)]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGXFSZ
    warehouse.ingest([trial(0, 0.1)], [], [])
    assert len(rows(warehouse, "trials")) == 1
    left = {path.name for path in warehouse.layout.writer_database.parent.iterdir()}
    assert left == {"cappuccino.duckdb", "lock"}
