"""What a study costs when it is long: bytes a trial, and seconds to ask for the next one.

    python -m bench.long_studies [N_TRIALS ...]

PostgreSQL is one of Debian's packages, started for the purpose; without it, it is left out.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import text

from bench.filled_study import fill_study
from bench.report import Table
from bench.study import plan_of, search_arrays
from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.studies import open_study, study_storage
from tests.postgres import running_postgres, why_no_postgres

_N_ASKED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one study.

    Attributes:
        bytes_a_trial: In the database, indices included.
        open_s: To join the study, by the processor's clock: all its trials are read.
        trial_s: To claim, ask and tell one trial, which itself takes no time; by the processor's
            clock, a median.
        counts_s: To count the trials by state, as `cappuccino status` does.
    """

    bytes_a_trial: float
    open_s: float
    trial_s: float
    counts_s: float


def main(counts: list[int]) -> None:
    arrays = search_arrays(60, enhanced=True)
    plan = plan_of(arrays, search_space(phase=2, algorithm="ppo", ranges="full"))
    rows: list[tuple[str | int | float, ...]] = []
    for name, layout in _databases():
        for n_trials in counts:
            costs = _costs(plan, layout, n_trials)
            rows.append(
                (
                    name,
                    n_trials,
                    round(costs.bytes_a_trial),
                    round(costs.open_s, 2),
                    round(costs.trial_s, 3),
                    round(1000 * costs.counts_s, 1),
                )
            )
            sys.stderr.write(f"{rows[-1]}\n")
    table = Table(
        title="Long studies",
        columns=(
            "database",
            "trials in the study",
            "bytes a trial",
            "join, s",
            "claim, ask and tell, s",
            "count by state, ms",
        ),
        rows=tuple(rows),
        note=f"{len(plan.space.parameters)} parameters, one worker, one thread. Seconds are of the "
        "worker's processor; a server's own are not in them.",
    )
    print(table.markdown())


@contextmanager
def _server() -> Iterator[str | None]:
    if why_no_postgres() is not None:
        yield None
        return
    with running_postgres(durable=True) as server:
        yield server.new_database("long_studies")


def _databases() -> Iterator[tuple[str, WarehouseLayout]]:
    """A file, and a server where one can be started."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory()))
        yield "SQLite", WarehouseLayout(root=root / "file")
        url = stack.enter_context(_server())
        if url is not None:
            yield "PostgreSQL", WarehouseLayout(root=root / "server", studies_url=url)


def _costs(plan: StudyPlan, layout: WarehouseLayout, n_trials: int) -> Costs:
    named = replace(plan, study_name=f"bench_{n_trials}/phase2_ppo", n_trials=n_trials + _N_ASKED)
    with study_storage(layout) as storage:
        open_study(named, storage)
    before = _n_bytes(layout)
    with study_storage(layout) as storage:
        fill_study(storage, named.study_name, named.space, n_trials=n_trials)
    grown = _n_bytes(layout) - before
    first, *later = _laps(named, layout)
    started = time.perf_counter()
    study_counts(layout, named.study_name.partition("/")[0])
    return Costs(
        bytes_a_trial=grown / n_trials,
        open_s=first - float(np.median(later)),
        trial_s=float(np.median(later)),
        counts_s=time.perf_counter() - started,
    )


def _laps(plan: StudyPlan, layout: WarehouseLayout) -> list[float]:
    """Seconds of the processor until the first trial is told, and from each to the next."""
    times = [time.process_time()]

    def objective(values: dict[str, Value], number: int, prune: Pruner | None) -> float:
        return random.Random(number).gauss(0, 1)

    with study_storage(layout) as storage:
        top_up(
            plan, layout, storage, objective, on_trial=lambda _: times.append(time.process_time())
        )
    return [float(lap) for lap in np.diff(times)]


def _n_bytes(layout: WarehouseLayout) -> int:
    if layout.studies_url is None:
        _checkpoint(layout)
        return layout.studies.stat().st_size
    with study_storage(layout) as storage, storage.engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())"))
        n_bytes: int = size.scalar_one()
        return n_bytes


def _checkpoint(layout: WarehouseLayout) -> None:
    with study_storage(layout) as storage, storage.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [1_000, 10_000, 50_000])
