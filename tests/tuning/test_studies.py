import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from cappuccino_assets.errors import (
    CampaignMismatchError,
    TrialFailedError,
)
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.tuning.distributions import Integers, Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import (
    best_score,
    open_study,
    study_storage,
)
from cappuccino_assets.tuning.tasks import Objective
from tests.tuning.small import small_arrays, small_plan

Params = dict[str, Value]


def slope(params: Params, number: int, prune: Pruner | None) -> float:
    return float(params["gamma"]) - float(params["lookback"])


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def storage(layout: WarehouseLayout) -> Iterator[RDBStorage]:
    with study_storage(layout) as opened:
        yield opened


def plan_of(n_trials: int = 3, **changes: object) -> StudyPlan:
    return small_plan(small_arrays(10), n_trials=n_trials, **changes)


def run(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    objective: Objective = slope,
) -> list[tuple[Params, float | None]]:
    top_up(plan, layout, storage, objective, pause_s=0)
    return [(record["params"], record["value"]) for record in trial_records([plan], storage)]


def test_a_study_is_topped_up_and_then_left_alone(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    first = run(plan_of(2), layout, storage)
    more = run(plan_of(5), layout, storage)
    again = run(plan_of(5), layout, storage)

    assert (len(first), len(more)) == (2, 5)
    assert more[:2] == first
    assert again == more


def test_every_trial_draws_values_of_its_own(layout: WarehouseLayout, storage: RDBStorage) -> None:
    drawn = [params for params, _ in run(plan_of(12), layout, storage)]

    assert len({params["learning_rate"] for params in drawn}) == 12
    assert len({params["trade_fraction"] for params in drawn}) == 12


def test_the_seed_and_the_name_choose_the_trials(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    one = run(plan_of(), layout, storage)
    named = run(plan_of(study_name="small/other"), layout, storage)
    seeded = run(plan_of(study_name="small/seeded", seed=9), layout, storage)

    assert one != named
    assert named != seeded


def test_a_failed_trial_is_recorded_with_its_reason_and_made_up_for(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    def fails_once(params: Params, number: int, prune: Pruner | None) -> float:
        if number == 1:
            raise TrialFailedError("Split 3 has no value.")
        return slope(params, number, prune)

    plan = plan_of(3)
    run(plan, layout, storage, fails_once)

    states = [record["state"] for record in trial_records([plan], storage)]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    failed = open_study(plan, storage).trials[1]
    assert failed.user_attrs["failure"] == "Split 3 has no value."


def test_a_study_in_which_nothing_works_stops(layout: WarehouseLayout, storage: RDBStorage) -> None:
    def fails(params: Params, number: int, prune: Pruner | None) -> float:
        raise TrialFailedError(f"Trial {number} diverged.")

    with pytest.raises(TrialFailedError, match=r"last 5 trials .* failed.*Trial 4 diverged"):
        run(plan_of(), layout, storage, fails)
    states = [trial.state for trial in open_study(plan_of(), storage).trials]
    assert states.count(TrialState.FAIL) == 5
    assert TrialState.RUNNING not in states


def test_an_error_of_the_program_is_no_failed_trial(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    def broken(params: Params, number: int, prune: Pruner | None) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(plan_of(), layout, storage, broken)


def test_incident_16_a_value_that_is_none_completes_no_trial(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    def undefined_once(params: Params, number: int, prune: Pruner | None) -> float:
        return float("nan") if number == 0 else slope(params, number, prune)

    plan = plan_of(1)
    run(plan, layout, storage, undefined_once)

    assert [t.state for t in open_study(plan, storage).trials] == [
        TrialState.FAIL,
        TrialState.COMPLETE,
    ]


def test_incident_24_the_best_score_is_the_highest_by_sign(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    plan = plan_of(3)
    assert best_score(open_study(plan, storage)) is None

    run(plan, layout, storage, lambda params, number, prune: [-3.0, -1.0, -2.0][number])

    assert best_score(open_study(plan, storage)) == -1.0


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("dataset_digest", {"dataset_digest": "f" * 64}),
        ("fees", {"fees": "flat_0.001"}),
        ("seed", {"seed": 8}),
        ("holdout_from", {"holdout_from": datetime(1970, 1, 2, tzinfo=UTC)}),
    ],
)
def test_incident_13_a_study_is_continued_on_the_same_bars_and_rules_only(
    layout: WarehouseLayout, storage: RDBStorage, field: str, changes: dict[str, object]
) -> None:
    open_study(plan_of(), storage)

    with pytest.raises(CampaignMismatchError, match=f"its {field} differs"):
        open_study(plan_of(**changes), storage)


def test_a_study_whose_space_changed_is_refused_with_the_range_that_differs(
    storage: RDBStorage,
) -> None:
    plan = plan_of()
    open_study(plan, storage)
    parameters = [
        replace(each, distribution=Integers(1, 9)) if each.name == "lookback" else each
        for each in plan.space.parameters
    ]

    with pytest.raises(CampaignMismatchError, match="its range of lookback differs"):
        open_study(replace(plan, space=replace(plan.space, parameters=tuple(parameters))), storage)


def test_the_record_fits_the_warehouse(layout: WarehouseLayout, storage: RDBStorage) -> None:
    def fails_first(params: Params, number: int, prune: Pruner | None) -> float:
        raise TrialFailedError("no")

    plan = plan_of(1)
    with pytest.raises(TrialFailedError):
        run(plan, layout, storage, fails_first)

    (record, *_) = trial_records([plan], storage)
    rows = trial_rows([record], layout)

    assert rows.trials[0]["state"] == "FAIL"
    assert record["started_at"].utcoffset().total_seconds() == 0
    assert (record["campaign"], record["phase"], record["interval"]) == ("small", 1, "4h")
    assert {row["parameter"] for row in rows.params} == set(plan.space.names)


def test_a_worker_waits_while_another_one_holds_the_study(
    layout: WarehouseLayout, storage: RDBStorage
) -> None:
    held = ExitStack()
    held.enter_context(exclusive(layout.study_lock("small/phase1_ppo")))
    states: list[TrialState] = []

    def let_go() -> None:
        states.extend(trial.state for trial in open_study(plan_of(), storage).trials)
        held.close()

    timer = Timer(0.5, let_go)
    timer.start()
    assert len(run(plan_of(), layout, storage)) == 3
    assert states == []


def test_readers_do_not_block_the_writer(layout: WarehouseLayout, storage: RDBStorage) -> None:
    with closing(sqlite3.connect(layout.studies)) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trials").fetchone()

        assert len(run(plan_of(1), layout, storage)) == 1


def test_a_study_shows_what_it_is_about(storage: RDBStorage) -> None:
    study = open_study(plan_of(), storage)

    shown = optuna.load_study(study_name=study.study_name, storage=storage).user_attrs
    assert shown["timeframe"] == "3d"
    assert shown["interval"] == "4h"
    assert shown["algorithm"] == "ppo"
    assert shown["space"]["gamma"]["kind"] == "OneMinusLogUniform"
