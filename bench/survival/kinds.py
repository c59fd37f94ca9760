"""What is done to a search."""

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum

from bench.survival.disk import fill_for
from bench.survival.run import Run, kill, stop_for
from cappuccino_assets.storage.layout import WarehouseLayout


class Kind(StrEnum):
    """What is done, each with how often it is chosen."""

    WORKER = "kill -9 of a worker"
    WORKERS = "kill -9 of all workers at once"
    RUN = "kill -9 of the run"
    ALL = "kill -9 of the run and all workers"
    INTERRUPT = "interrupt (SIGINT)"
    STOP = "worker stopped for a while"
    LOCK = "database of studies locked for a while"
    DISK = "disk full for a while"


WEIGHTS = {
    Kind.WORKER: 8,
    Kind.WORKERS: 3,
    Kind.RUN: 6,
    Kind.ALL: 6,
    Kind.INTERRUPT: 2,
    Kind.STOP: 1,
    Kind.LOCK: 1,
    Kind.DISK: 2,
}
KILLS = (Kind.WORKER, Kind.WORKERS, Kind.RUN, Kind.ALL)
FATAL = (Kind.RUN, Kind.ALL, Kind.INTERRUPT)


def strike(kind: Kind, run: Run, layout: WarehouseLayout, draw: random.Random) -> bool:
    """Do it; False where there was nothing to do it to."""
    if kind in (Kind.RUN, Kind.ALL):
        run.kill(with_workers=kind is Kind.ALL)
        return True
    if kind in (Kind.WORKER, Kind.WORKERS, Kind.STOP):
        return _strike_workers(kind, run, draw)
    others: dict[Kind, Callable[[], None]] = {
        Kind.INTERRUPT: run.interrupt,
        Kind.LOCK: lambda: _hold_write_lock(layout, draw.uniform(0.5, 4.0)),
        Kind.DISK: lambda: fill_for(layout.root, draw.uniform(0.1, 2.0)),
    }
    others[kind]()
    return True


def _strike_workers(kind: Kind, run: Run, draw: random.Random) -> bool:
    workers = run.workers()
    if not workers:
        return False
    chosen = draw.choice(workers)
    if kind is Kind.STOP:
        stop_for(chosen, draw.uniform(0.5, 3.0))
        return True
    for worker in workers if kind is Kind.WORKERS else [chosen]:
        kill(worker)
    return True


def _hold_write_lock(layout: WarehouseLayout, seconds: float) -> None:
    if not layout.studies.is_file():
        return
    with closing(sqlite3.connect(layout.studies, timeout=60, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        holder.execute("ROLLBACK")
