"""The warehouse's database with 10^6 trials: `python -m bench.warehouse_size --trials 1000000`.

Trials with their parameters go in by the product's own door, in batches; then the queries of a
dashboard are timed, each time with the file opened for it, as `cappuccino studies show` does.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.effort import Effort
from bench.report import Goal, Table, goals_table
from cappuccino_assets.storage.files import copy_file
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

N_PARAMETERS = 26
BATCH = 20_000
SMALL_BATCH = 20
N_REPEATS = 100
N_COLD = 5
GOAL_MS = 50.0
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studies:
    """Which trials there are: studies of one size, filled one after the other."""

    n_trials: int
    per_study: int

    def name(self, place: int) -> str:
        study = place // self.per_study
        return f"campaign_{study // 2:04d}/phase2_{('ppo', 'ddqn')[study % 2]}"

    def trial(self, place: int, draw: random.Random) -> Json:
        started = FIRST + timedelta(minutes=place)
        sharpe = draw.gauss(0, 1)
        return {
            "study_name": self.name(place),
            "number": place % self.per_study,
            "campaign": self.name(place).partition("/")[0],
            "phase": 2,
            "algorithm": self.name(place).rpartition("_")[2],
            "timeframe": "7d",
            "interval": "1h",
            "dataset_digest": "d" * 64,
            "seed": place,
            "started_at": started,
            "completed_at": started + timedelta(seconds=50),
            **{"duration_s": 50.0, "training_s": 45.0, "evaluation_s": 3.0, "n_steps": 8192},
            "code_version": "e" * 64,
        } | (_result(sharpe, draw) if draw.random() < 0.9 else {"state": "PRUNED"})

    def params(self, place: int, draw: random.Random) -> list[Json]:
        identity = {"study_name": self.name(place), "number": place % self.per_study}
        values = [draw.random() for _ in range(N_PARAMETERS)]
        return [
            identity | {"parameter": f"parameter_{i:02d}", "value": repr(v), "value_number": v}
            for i, v in enumerate(values)
        ]

    def rows(self, first: int, n: int) -> tuple[list[Json], list[Json]]:
        draw = random.Random(first)
        trials = [self.trial(place, draw) for place in range(first, first + n)]
        return trials, [p for place in range(first, first + n) for p in self.params(place, draw)]


def _result(sharpe: float, draw: random.Random) -> Json:
    return {
        "state": "COMPLETE",
        "score": sharpe - 0.5,
        "sharpe_bot": sharpe,
        "sharpe_hodl": 0.5,
        "sharpe_hodl_cycled": 0.4,
        "no_trades": False,
        "flags": [],
        "n_bars_evaluated": 8760,
        "model_sha256": f"{draw.getrandbits(256):064x}",
        "contract_hash": "f" * 64,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What it took to put the trials in.

    Attributes:
        ingest_s: Seconds of all batches; making the rows is not counted.
        first_batch_s: Of the first batch alone.
        last_batch_s: Of the last one.
        small_batch_s: Of a few trials more, median of three.
        publish_s: Of copying the file, which is a part of every batch.
        size_mb: Of the file, 10^6 bytes.
    """

    ingest_s: float
    first_batch_s: float
    last_batch_s: float
    small_batch_s: float
    publish_s: float
    size_mb: float


def fill(warehouse: Warehouse, studies: Studies) -> Filled:
    n = studies.n_trials
    batches = [(first, min(BATCH, n - first)) for first in range(0, n, BATCH)]
    each = [_ingested_s(warehouse, studies, *batch) for batch in batches]
    more = [(n + i * SMALL_BATCH, SMALL_BATCH) for i in range(3)]
    small = [_ingested_s(warehouse, studies, *batch) for batch in more]
    copy = warehouse.layout.root / "copy"
    publish_s = _seconds(lambda: copy_file(warehouse.layout.database, copy))
    copy.unlink()
    return Filled(
        ingest_s=sum(each),
        first_batch_s=each[0],
        last_batch_s=each[-1],
        small_batch_s=float(np.median(small)),
        publish_s=publish_s,
        size_mb=warehouse.layout.database.stat().st_size / 1e6,
    )


def _ingested_s(warehouse: Warehouse, studies: Studies, first: int, n: int) -> float:
    trials, params = studies.rows(first, n)
    return _seconds(lambda: warehouse.ingest(trials, params, []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How long a query took, opening included: with the file in memory, and not."""

    warm_ms: tuple[float, ...]
    cold_ms: tuple[float, ...]

    @property
    def row(self) -> tuple[float, float, float, float]:
        warm, cold = self.warm_ms, self.cold_ms
        return _median(warm), float(np.quantile(warm, 0.99)), _median(cold), max(cold)


def query_times(warehouse: Warehouse, studies: Studies) -> dict[str, Answered]:
    """Time each query on studies drawn anew every time."""
    draw = random.Random(0)

    def one() -> Json:
        return {"study_name": studies.name(draw.randrange(studies.n_trials))}

    asked: dict[str, tuple[str, Callable[[], Json]]] = {
        "opening alone": ("SELECT 1 AS one", dict),
        "top 10 of a study": ("top_trials", lambda: one() | {"n": 10}),
        "20 most recent of all": ("recent_trials", lambda: {"n": 20}),
        "quantiles of each parameter of a study": ("param_quantiles", one),
    }
    return {
        name: _answered(warehouse, lambda q=query, p=params: warehouse.query(q, p()))
        for name, (query, params) in asked.items()
    }


def _answered(warehouse: Warehouse, ask: Callable[[], object]) -> Answered:
    cold: list[float] = []
    for _ in range(N_COLD):
        _forget(warehouse.layout.database)
        cold.append(1e3 * _seconds(ask))
    warm = tuple(1e3 * _seconds(ask) for _ in range(N_REPEATS))
    return Answered(warm_ms=warm, cold_ms=tuple(cold))


def _forget(path: Path) -> None:
    """Let the kernel drop what it holds of a file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(studies: Studies) -> Iterator[Table | Goal]:
    """Fill a warehouse and ask it; the tables, and then the goals."""
    title = f"{studies.n_trials:,} trials in studies of {studies.per_study:,}"
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(WarehouseLayout(root=Path(folder)))
        filled = fill(warehouse, studies)
        answered = query_times(warehouse, studies)
    yield _filling_table(title, studies, filled)
    yield Table(
        title=f"A dashboard's queries over {title}",
        columns=("query", "median, ms", "p99, ms", "median from disk, ms", "slowest from disk, ms"),
        rows=tuple((name, *times.row) for name, times in answered.items()),
        note=f"By the wall clock, each with the file opened for it; {N_REPEATS} times with the "
        f"file in the kernel's memory, {N_COLD} times without.",
    )
    for name, times in answered.items():
        yield Goal(
            name=f"{name}, {title}",
            target=GOAL_MS,
            measured=_median(times.warm_ms),
            bound="below",
            unit="ms",
        )


def _filling_table(title: str, studies: Studies, filled: Filled) -> Table:
    rows = (
        ("trials a second, all batches", studies.n_trials / filled.ingest_s),
        (f"first batch of {BATCH:,}, s", filled.first_batch_s),
        (f"last batch of {BATCH:,}, s", filled.last_batch_s),
        (f"{SMALL_BATCH} trials more, s", filled.small_batch_s),
        ("of which copying the file for readers, s", filled.publish_s),
        ("size of the file, MB", filled.size_mb),
    )
    return Table(
        title=f"Filling the warehouse with {title}",
        columns=("what", "measured"),
        rows=rows,
        note=f"Each with its {N_PARAMETERS} parameters, merged, committed and published.",
    )


def warehouse_size(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """The database behind a dashboard."""
    found = list(measured(Studies(n_trials=effort.n_trials_stored, per_study=1_000)))
    tables = [each for each in found if isinstance(each, Table)]
    return tables, [each for each in found if isinstance(each, Goal)]


def _median(values: tuple[float, ...]) -> float:
    return float(np.median(values))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--per-study", type=int, default=1_000)
    arguments = parser.parse_args()
    found = list(measured(Studies(n_trials=arguments.trials, per_study=arguments.per_study)))
    for table in (each for each in found if isinstance(each, Table)):
        print(f"{table.markdown()}\n")
    print(goals_table([each for each in found if isinstance(each, Goal)]).markdown())


if __name__ == "__main__":
    main()
