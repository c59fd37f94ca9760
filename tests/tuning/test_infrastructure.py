import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import polars as pl
import pytest
import torch
from optuna.storages import RDBStorage

from cappuccino_assets.errors import InfrastructureError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.infrastructure import machine_failures_named
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.studies import n_done, open_study, study_storage, top_up
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
    with study_storage(layout.studies) as opened:
        yield opened


def plan_of(n_trials: int) -> StudyPlan:
    profile = replace(SMALL, pruning=RULE)
    return small_plan(small_arrays(10), n_trials=n_trials, profile=profile)


class Objective:
    """Scores like a real one, on a machine that gives way in some of the trials."""

    def __init__(self, body: Body, *, gives_way: Callable[[int], bool]):
        self.body = body
        self.gives_way = gives_way

    def __call__(self, params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        with machine_failures_named():
            if self.gives_way(number):
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
    objective = Objective(MACHINE[kind], gives_way=lambda number: number in (1, 2))

    top_up(plan, layout, storage, objective, on_trial=lambda study: None, pause_s=0)

    assert states_of(plan, storage) == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    first, second, third = open_study(plan, storage).trials[1:4]
    assert first.params == second.params == third.params
    assert "Error" in first.user_attrs["failure"]
    assert "failure" not in third.user_attrs


def test_incident_39_a_machine_that_stays_unfit_stops_the_study_and_prunes_nothing(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(8)
    unfit = Objective(MACHINE["numpy"], gives_way=lambda number: number >= 2)

    with pytest.raises(InfrastructureError, match=r"gave way 4 times in a row.*MemoryError"):
        top_up(plan, layout, storage, unfit, on_trial=lambda study: None, pause_s=0)

    assert states_of(plan, storage) == ["COMPLETE"] * 2 + ["FAIL"] * 4
    assert n_done(open_study(plan, storage)) == 2

    fit = Objective(MACHINE["numpy"], gives_way=lambda number: False)
    top_up(plan, layout, storage, fit, on_trial=lambda study: None, pause_s=0)
    assert states_of(plan, storage) == ["COMPLETE"] * 2 + ["FAIL"] * 4 + ["COMPLETE"] * 6


def test_incident_39_a_locked_database_fails_a_trial_that_is_then_tried_again(
    layout: WarehouseLayout,
) -> None:
    plan = plan_of(2)
    with study_storage(layout.studies):
        pass  # makes it
    impatient = RDBStorage(
        f"sqlite:///{layout.studies}", engine_kwargs={"connect_args": {"timeout": 0.05}}
    )

    with closing(sqlite3.connect(layout.studies, isolation_level=None)) as intruder:

        def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
            if number == 0:
                intruder.execute("BEGIN IMMEDIATE")
            return float(params["gamma"])

        def let_go(study: optuna.Study) -> None:
            if intruder.in_transaction:
                intruder.execute("ROLLBACK")

        top_up(plan, layout, impatient, objective, on_trial=let_go, pause_s=0)

    try:
        assert states_of(plan, impatient) == ["FAIL", "COMPLETE", "COMPLETE"]
        stopped, again, _ = open_study(plan, impatient).trials
        assert stopped.params == again.params
    finally:
        impatient.remove_session()
        impatient.engine.dispose()
