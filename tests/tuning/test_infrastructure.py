import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Timer

import numpy as np
import polars as pl
import pytest
import torch
from optuna.storages import RDBStorage

from cappuccino_assets.errors import InfrastructureError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.infrastructure import machine_failures_named
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.studies import n_done, open_study, study_storage
from tests.tuning.small import SMALL, small_arrays, small_plan

FULL_DISK = Path("/dev/full")
MORE_THAN_THERE_IS = 10**15
RULE = PruningRule(fraction=0.5, p_threshold=0.05, n_startup_trials=1)
Body = Callable[[], object]
MACHINE: dict[str, Body] = {
    "numpy": lambda: np.empty(MORE_THAN_THERE_IS),
    "torch": lambda: torch.empty(MORE_THAN_THERE_IS),
    "a full disk": lambda: FULL_DISK.write_bytes(b"some"),
    "a full disk under polars": lambda: pl.DataFrame({"a": range(9)}).write_parquet(FULL_DISK),
}
PROGRAM: dict[str, Body] = {
    "a folder that exists": lambda: Path("/").mkdir(),
    "a file that is absent": lambda: Path("/no/such/file").read_bytes(),
    "shapes that do not fit": lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    "a file that is no table": lambda: pl.read_parquet(Path(__file__)),
}


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def storage(layout: WarehouseLayout) -> Iterator[RDBStorage]:
    with study_storage(layout) as opened:
        yield opened


def plan_of(n_trials: int) -> StudyPlan:
    profile = replace(SMALL, pruning=RULE)
    return small_plan(small_arrays(10), n_trials=n_trials, profile=profile)


class Objective:
    """Scores like a real one, on a machine that gives way at some of the calls."""

    def __init__(self, body: Body, *, gives_way: Callable[[int], bool]):
        self.body = body
        self.gives_way = gives_way
        self.n_calls = 0

    def __call__(self, params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        self.n_calls += 1
        with machine_failures_named():
            if self.gives_way(self.n_calls):
                self.body()
        return float(params["gamma"])


def states_of(plan: StudyPlan, storage: RDBStorage) -> list[str]:
    return [trial.state.name for trial in open_study(plan, storage).trials]


@pytest.mark.parametrize("kind", MACHINE)
def test_what_the_machine_lacks_is_named(kind: str) -> None:
    with pytest.raises(InfrastructureError) as caught, machine_failures_named():
        MACHINE[kind]()

    assert type(caught.value.__cause__).__name__ in str(caught.value)


@pytest.mark.parametrize("kind", PROGRAM)
def test_a_mistake_of_the_program_is_no_lack_of_the_machine(kind: str) -> None:
    with (
        pytest.raises((OSError, RuntimeError, pl.exceptions.ComputeError)),
        machine_failures_named(),
    ):
        PROGRAM[kind]()


@pytest.mark.parametrize("kind", MACHINE)
def test_incident_39_what_the_machine_fails_is_tried_again_and_burns_no_budget(
    layout: WarehouseLayout, storage: RDBStorage, kind: str
) -> None:
    plan = plan_of(3)
    objective = Objective(MACHINE[kind], gives_way=lambda n_calls: n_calls in (2, 3))

    top_up(plan, layout, storage, objective, pause_s=0)

    assert states_of(plan, storage) == ["COMPLETE"] * 3
    reasons = [t.user_attrs.get("given_up", []) for t in open_study(plan, storage).trials]
    assert sum(map(len, reasons)) == 2
    assert all("Error" in reason for each in reasons for reason in each)


def test_incident_39_a_machine_that_stays_unfit_stops_the_study_and_prunes_nothing(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(8)
    unfit = Objective(MACHINE["numpy"], gives_way=lambda n_calls: n_calls > 2)

    with pytest.raises(InfrastructureError, match=r"gave way 4 times in a row.*MemoryError"):
        top_up(plan, layout, storage, unfit, pause_s=0)

    states = states_of(plan, storage)
    assert states[:3] == ["COMPLETE", "COMPLETE", "FAIL"]  # tried four times
    assert set(states[3:]) == {"WAITING"}
    assert n_done(open_study(plan, storage)) == 2

    fit = Objective(MACHINE["numpy"], gives_way=lambda n_calls: False)
    top_up(plan, layout, storage, fit, pause_s=0)
    assert states_of(plan, storage) == ["COMPLETE"] * 2 + ["FAIL"] + ["COMPLETE"] * 6


def test_incident_39_a_database_that_is_locked_for_a_while_is_waited_for(
    layout: WarehouseLayout,
) -> None:
    plan = plan_of(2)
    with study_storage(layout):
        pass  # makes it
    impatient = RDBStorage(
        f"sqlite:///{layout.studies}", engine_kwargs={"connect_args": {"timeout": 0.05}}
    )
    intruder = sqlite3.connect(layout.studies, isolation_level=None, check_same_thread=False)
    release = Timer(0.3, lambda: intruder.execute("ROLLBACK"))

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        if number == 0:
            intruder.execute("BEGIN IMMEDIATE")
            release.start()
        return float(params["gamma"])

    try:
        top_up(plan, layout, impatient, objective, pause_s=0.3)
        assert states_of(plan, impatient) == ["COMPLETE"] * 2
    finally:
        release.join()
        intruder.close()
        impatient.remove_session()
        impatient.engine.dispose()
