"""One process at a time has a study, wherever it runs, and a dead one has none."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.study_locks import lock_key, study_lock

STUDY = "winter/phase1_7d_1h"
HOLDER = """
import sys
from pathlib import Path
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.study_locks import study_lock
root, url, name = sys.argv[1:]
with study_lock(WarehouseLayout(root=Path(root), studies_url=url or None), name):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holder(layout: WarehouseLayout) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(layout.root), layout.studies_url or "", STUDY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_waits_and_is_told_in_the_end(layout: WarehouseLayout) -> None:
    with (
        another_holder(layout),
        pytest.raises(WarehouseError, match=r"Another process has held .* for more than 0\.2 s"),
        study_lock(layout, STUDY, timeout_s=0.2),
    ):
        pytest.fail("Two had the study.")


def test_another_study_is_free(layout: WarehouseLayout) -> None:
    with another_holder(layout), study_lock(layout, "winter/phase2_ppo", timeout_s=0.2):
        pass


def test_whoever_is_killed_lets_go(layout: WarehouseLayout) -> None:
    with another_holder(layout) as holder:
        os.kill(holder.pid, signal.SIGKILL)
        with study_lock(layout, STUDY, timeout_s=5):
            pass


def test_it_is_free_again_after_the_body(layout: WarehouseLayout) -> None:
    for _ in range(2):
        with study_lock(layout, STUDY, timeout_s=0.2):
            pass


def test_it_is_free_again_after_an_error(layout: WarehouseLayout) -> None:
    with pytest.raises(KeyError), study_lock(layout, STUDY):
        raise KeyError
    with study_lock(layout, STUDY, timeout_s=5):
        pass


def test_threads_take_turns(layout: WarehouseLayout) -> None:
    inside, most = [0], [0]

    def enter() -> None:
        for _ in range(10):
            with study_lock(layout, STUDY):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_lock_whose_connection_is_lost_is_an_error(server: WarehouseLayout) -> None:
    with (
        pytest.raises(OperationalError, match=r"terminating connection|closed the connection"),
        study_lock(server, STUDY),
    ):
        end_other_connections(server)


def test_no_connection_is_left_behind(server: WarehouseLayout) -> None:
    with study_lock(server, STUDY):
        pass
    time.sleep(1)  # a server sees the end of a connection a moment later
    assert end_other_connections(server) == 0


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2")
    nobody = "postgresql+psycopg2://cappuccino@127.0.0.1:1/none"
    layout = WarehouseLayout(root=tmp_path, studies_url=nobody)
    with (
        pytest.raises(OperationalError, match="port 1 failed"),
        study_lock(layout, STUDY),
    ):
        pytest.fail("There is no such server.")


def test_the_key_is_the_same_everywhere() -> None:
    # printf 'cappuccino/study/winter/phase1_7d_1h' | sha256sum
    assert lock_key(STUDY) == int.from_bytes(bytes.fromhex("5af77d0f69943c4b"), signed=True)


def end_other_connections(layout: WarehouseLayout) -> int:
    """Cut everybody off; say how many there were."""
    engine = create_engine(str(layout.studies_url))
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND query LIKE '%advisory%'"
            )
        )
        n_ended: int = ended.scalar_one()
    engine.dispose()
    return n_ended
