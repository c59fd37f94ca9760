from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import optuna
import polars as pl
import pytest
from optuna.storages import RDBStorage

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError, TrialPrunedError
from cappuccino_assets.features.arrays import FeatureArrays, save_arrays
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import FULL, MINI
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import (
    best_score,
    n_done,
    open_study,
    study_storage,
)
from cappuccino_assets.tuning.tasks import Outcome, Rival, Task, perform
from cappuccino_assets.tuning.worker import objective_of
from cappuccino_assets.types import Json
from tests.tuning.small import DDQN_PHASE2, PPO, PPO_PHASE2, SMALL, small_arrays, small_plan

RULE = PruningRule(fraction=0.5, p_threshold=0.05, n_startup_trials=2)
ONE_BY_ONE = replace(SMALL, n_asked_ahead=1)  # each trial knows all before it
RULED = replace(ONE_BY_ONE, pruning=RULE)
TIMES = {"started_at", "completed_at", "duration_s", "training_s", "evaluation_s"}


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture
def storage(layout: WarehouseLayout) -> Iterator[RDBStorage]:
    with study_storage(layout) as opened:
        yield opened


@pytest.fixture(scope="module")
def search() -> FeatureArrays:
    arrays = small_arrays(drift=0.005)
    return small_plan(arrays).search_arrays(arrays)


@pytest.fixture(scope="module")
def enhanced() -> FeatureArrays:
    arrays = small_arrays(enhanced=True, drift=0.005)
    return small_plan(arrays).search_arrays(arrays)


def plan_of(search: FeatureArrays, **changes: object) -> StudyPlan:
    """A study under the rule, whose hold-out begins behind these arrays."""
    whole = small_plan(small_arrays(enhanced=search.contract.enhanced, drift=0.005))
    held_out = {"holdout_from": whole.holdout_from, "profile": RULED}
    return small_plan(search, **held_out | changes)


# Which rules there are


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fraction": 0.0}, "fraction lies between 0 and 1"),
        ({"fraction": 1.0}, "fraction lies between 0 and 1"),
        ({"p_threshold": 0.0}, "p_threshold lies between 0 and 1"),
        ({"p_threshold": 1.0}, "p_threshold lies between 0 and 1"),
        ({"n_startup_trials": 0}, "n_startup_trials=0"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(changes: dict[str, float], fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        replace(RULE, **changes)


def test_a_threshold_that_six_splits_cannot_reach_is_refused() -> None:
    replace(MINI, pruning=replace(RULE, p_threshold=0.0157))
    with pytest.raises(ConfigurationError, match=r"6 splits no p-value is below 0\.01562"):
        replace(MINI, pruning=replace(RULE, p_threshold=1 / 64))


def test_mini_lets_every_trial_end_and_full_does_not() -> None:
    assert MINI.pruning is None
    assert FULL.pruning is not None


def test_the_look_is_at_the_same_share_of_every_training() -> None:
    assert [RULE.step_of(n) for n in (512, 513, 100_000)] == [256, 257, 50_000]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (RULED, ONE_BY_ONE),
        (ONE_BY_ONE, RULED),
        (RULED, replace(ONE_BY_ONE, pruning=replace(RULE, fraction=0.25))),
        (RULED, replace(ONE_BY_ONE, pruning=replace(RULE, p_threshold=0.1))),
        (RULED, replace(ONE_BY_ONE, pruning=replace(RULE, n_startup_trials=3))),
    ],
)
def test_a_study_is_continued_under_the_same_rule_only(
    storage: RDBStorage, search: FeatureArrays, stored: object, asked: object
) -> None:
    open_study(plan_of(search, profile=stored), storage)

    with pytest.raises(CampaignMismatchError, match="its pruning differs"):
        open_study(plan_of(search, profile=asked), storage)


def test_a_study_from_before_there_were_rules_goes_on_without_one_only(
    storage: RDBStorage, search: FeatureArrays
) -> None:
    plan = plan_of(search, profile=SMALL)
    study = optuna.create_study(storage=storage, study_name=plan.study_name, direction="maximize")
    for name in plan.identity.keys() - {"pruning"}:
        study.set_user_attr(name, plan.identity[name])
    study.add_trial(optuna.create_trial(value=0.0))

    with pytest.raises(CampaignMismatchError, match="its pruning differs: None is stored"):
        open_study(plan_of(search), storage)
    assert n_done(open_study(plan, storage)) == 1


# Who is stopped

BEST = [3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
WORSE = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5]


def study_of(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    trials: Sequence[tuple[float, Sequence[float]]],
) -> list[str]:
    """Run a study whose trials have these scores, and these values of their splits before."""

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        score, values = trials[number]
        reason = None if prune is None else prune(values)
        if reason is not None:
            raise TrialPrunedError(reason)
        return score

    plan = replace(plan, n_trials=len(trials))
    top_up(plan, layout, storage, objective)
    return [record["state"] for record in trial_records([plan], storage)]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (WORSE, "PRUNED"),  # p = 1/64: worse in every split
        ([3.1, *WORSE[1:]], "PRUNED"),  # p = 2/64: better in one, by the smallest margin
        ([3.0, *WORSE[1:]], "PRUNED"),
        ([4.2, *WORSE[1:]], "COMPLETE"),  # rank sum 3 of those that are better: p = 5/64
        (BEST, "COMPLETE"),
        ([4.0] * 6, "COMPLETE"),
    ],
)
def test_a_trial_is_stopped_when_its_splits_are_surely_worse(
    layout: WarehouseLayout,
    storage: RDBStorage,
    search: FeatureArrays,
    values: list[float],
    state: str,
) -> None:
    before = [(0.1, [0.0] * 6), (0.5, BEST)]

    states = study_of(plan_of(search), layout, storage, [*before, (0.2, values)])

    assert states == ["COMPLETE", "COMPLETE", state]


def test_it_is_compared_with_the_trial_that_ended_best_not_that_began_best(
    layout: WarehouseLayout, storage: RDBStorage, search: FeatureArrays
) -> None:
    before = [(0.5, [1.0] * 6), (0.1, [9.0] * 6)]

    states = study_of(plan_of(search), layout, storage, [*before, (0.2, WORSE)])

    assert states == ["COMPLETE"] * 3


def test_nothing_is_stopped_before_enough_trials_are_complete(
    layout: WarehouseLayout, storage: RDBStorage, search: FeatureArrays
) -> None:
    rule = replace(RULE, n_startup_trials=3)
    trials = [(0.5, BEST), (0.1, WORSE), (0.1, WORSE), (0.1, WORSE), (0.1, WORSE)]

    plan = plan_of(search, profile=replace(ONE_BY_ONE, pruning=rule))

    assert study_of(plan, layout, storage, trials) == ["COMPLETE"] * 3 + ["PRUNED"] * 2


def test_without_a_rule_nothing_is_asked(
    layout: WarehouseLayout, storage: RDBStorage, search: FeatureArrays
) -> None:
    plan = plan_of(search, profile=SMALL)

    states = study_of(plan, layout, storage, [(0.5, BEST), (0.1, WORSE), (0.1, WORSE)])

    assert states == ["COMPLETE"] * 3


def test_a_pruned_trial_counts_and_has_its_values_and_reason_but_no_score(
    layout: WarehouseLayout, storage: RDBStorage, search: FeatureArrays
) -> None:
    plan = plan_of(search, n_trials=3)
    high = [2.9, 2.9, 2.9, 2.9, 2.9, 2.95]  # above every score; Optuna calls the last its value

    study_of(plan, layout, storage, [(0.1, [0.0] * 6), (0.5, BEST), (0.2, high)])

    study = open_study(plan, storage)
    assert n_done(study) == 3
    assert best_score(study) == 0.5
    pruned = study.trials[2]
    assert pruned.intermediate_values == dict(enumerate(high))
    assert "worse than those of the best trial" in pruned.user_attrs["pruned"]
    assert trial_records([plan], storage)[2]["value"] is None


def test_a_study_with_pruned_trials_interrupted_goes_on_as_if_it_had_not_been(
    tmp_path: Path, search: FeatureArrays
) -> None:
    def trials_of(name: str, *targets: int) -> list[tuple[object, ...]]:
        layout = WarehouseLayout(root=tmp_path / name)
        plan = plan_of(search)
        with study_storage(layout) as storage:
            for n_trials in targets:
                drawn = [(0.1, WORSE), (0.5, BEST)] + [(0.2, WORSE), (0.3, BEST)] * 6
                study_of(plan, layout, storage, drawn[:n_trials])
            records = trial_records([plan], storage)
        return [(each["params"], each["state"], each["value"]) for each in records]

    through = trials_of("through", 14)
    assert through == trials_of("interrupted", 1, 4, 12, 14)
    assert [state for _, state, _ in through].count("PRUNED") == 6


# What becomes of them


def never(asked: list[Sequence[float]]) -> Pruner:
    def prune(values: Sequence[float]) -> str | None:
        asked.append(values)
        return None

    return prune


@pytest.mark.parametrize(
    ("phase", "algorithm", "params"),
    [(1, "ppo", PPO), (2, "ppo", PPO_PHASE2), (2, "ddqn", DDQN_PHASE2)],
)
def test_who_is_looked_at_and_goes_on_ends_with_the_same_bits(
    tmp_path: Path,
    search: FeatureArrays,
    enhanced: FeatureArrays,
    phase: int,
    algorithm: str,
    params: Json,
) -> None:
    arrays = search if phase == 1 else enhanced
    plan = plan_of(arrays, phase=phase, algorithm=algorithm)
    asked: list[Sequence[float]] = []

    def tried(name: str, prune: Pruner | None) -> tuple[Json, pl.DataFrame]:
        layout = WarehouseLayout(root=tmp_path / name)
        record = run_trial(plan, params, 0, arrays, layout, prune=prune)
        returns = pl.read_parquet(layout.trial(plan.study_name, 0) / "returns.parquet")
        return {key: record[key] for key in record.keys() - TIMES}, returns

    looked_at, its_returns = tried("looked at", never(asked))
    left_alone, returns = tried("left alone", None)

    assert looked_at == left_alone  # the hash of the weights included
    assert its_returns.equals(returns)
    assert [len(values) for values in asked] == [6]  # once; the final fit is not asked


def test_a_stopped_trial_leaves_what_it_had_and_nothing_that_looks_complete(
    layout: WarehouseLayout, search: FeatureArrays
) -> None:
    plan = plan_of(search)
    asked: list[Sequence[float]] = []

    def prune(values: Sequence[float]) -> str:
        asked.append(values)
        return "it is hopeless"

    with pytest.raises(TrialPrunedError, match="After 256 of 512 steps: it is hopeless"):
        run_trial(plan, PPO, 4, search, layout, prune=prune)

    folder = layout.trial(plan.study_name, 4)
    assert {path.name for path in folder.iterdir()} == {"pruned.json", "hyperparams.json"}
    left = read_json(folder / "pruned.json")
    assert (left["n_steps"], left["n_steps_planned"]) == (256, 512)
    assert (left["reason"], left["params"], left["number"]) == ("it is hopeless", PPO, 4)
    (values,) = asked
    splits = left["unfinished_splits"]
    assert [s["sharpe_bot"] - s["sharpe_hodl"] for s in splits] == values
    assert "score" not in left


def test_a_training_of_a_single_rollout_is_not_looked_at(
    layout: WarehouseLayout, search: FeatureArrays
) -> None:
    plan = plan_of(search)
    constants = [replace(c, value=512) for c in plan.space.constants]  # as long as the rollout
    plan = replace(plan, space=replace(plan.space, constants=tuple(constants)))
    asked: list[Sequence[float]] = []

    run_trial(plan, PPO, 0, search, layout, prune=never(asked))

    assert asked == []


def whole_study(
    layout: WarehouseLayout, rule: PruningRule | None, n_trials: int
) -> tuple[StudyPlan, list[Json]]:
    """Run a real study in this process, as a worker does."""
    arrays = small_arrays(drift=0.005)
    profile = replace(ONE_BY_ONE, pruning=rule)
    plan = small_plan(arrays, n_trials=n_trials, profile=profile)
    plan = replace(plan, arrays=save_arrays(layout.features, arrays))
    with study_storage(layout) as storage:
        top_up(plan, layout, storage, objective_of(plan, layout))
        return plan, trial_records([plan], storage)


def test_a_real_study_with_pruned_trials_fills_the_warehouse(tmp_path: Path) -> None:
    layout = WarehouseLayout(root=tmp_path / "ruled")
    eager = PruningRule(fraction=0.5, p_threshold=0.7, n_startup_trials=1)

    plan, records = whole_study(layout, eager, 6)

    states = [record["state"] for record in records]
    assert len(states) == 6
    assert set(states) == {"COMPLETE", "PRUNED"}
    rows = trial_rows(records, layout)
    TrialLedger(Warehouse(layout)).append(ledger_rows(rows, layout), rows)
    counts = Warehouse(layout).query("n_done_by_study", {"campaign": "small"}).rows()
    assert counts == [(plan.study_name, 6)]
    n_steps = {row["number"]: row["n_steps"] for row in rows.trials}
    for record in records:
        assert n_steps[record["number"]] == (256 if record["state"] == "PRUNED" else 512)

    arrays = small_arrays(drift=0.005)
    again = partial(run_trial, replace(plan, profile=SMALL), search=plan.search_arrays(arrays))
    elsewhere = WarehouseLayout(root=tmp_path / "alone")
    last = [record for record in records if record["state"] == "COMPLETE"][-1]
    alone = again(params=last["params"], number=last["number"], layout=elsewhere)
    assert alone["score"] == last["value"]


def test_to_look_at_a_trial_logs_nothing(
    search: FeatureArrays, caplog: pytest.LogCaptureFixture
) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)  # as in a new process
    rivals = (Rival(value=0.1, looks=(0.0,) * 6), Rival(value=0.5, looks=tuple(BEST)))
    task = Task(plan=plan_of(search), number=2, params={}, rivals=rivals)

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        raise TrialPrunedError(str(prune and prune(WORSE)))

    optuna.logging.enable_propagation()
    try:
        result = perform(task, objective)
    finally:
        optuna.logging.disable_propagation()

    assert result.outcome is Outcome.PRUNED
    assert result.looks == tuple(WORSE)
    assert caplog.records == []
