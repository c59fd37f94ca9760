"""A trial's configuration, trained and tested anew with other seeds; never a trial itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Final

from cappuccino_assets.errors import InfrastructureError, IntegrityError
from cappuccino_assets.storage.files import sha256_of_file
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.tasks import Outcome, Result, Task, perform
from cappuccino_assets.tuning.worker import objective_of
from cappuccino_assets.types import Json

_RESULT: Final = ("score", "sharpe_bot", "sharpe_hodl", "model_sha256")
_FILES: Final = ("trial.json", "returns.parquet")

RunTasks = Callable[[Sequence[Task], WarehouseLayout], Iterable[Result]]
"""Runs tasks whose results go to a layout; one result each, in order."""


def retrain_tasks(plan: StudyPlan, trial: Json, *, n_seeds: int) -> list[Task]:
    """Describe the trainings of one configuration with other seeds.

    Each is the trial of the same number in a study that differs by its name alone, from which all
    seeds are derived. Nothing is pruned.

    Args:
        plan: The trial's study.
        trial: Its trial.json.
        n_seeds: How many.
    """
    whole = replace(plan, profile=replace(plan.profile, pruning=None))
    return [
        Task(
            plan=replace(whole, study_name=f"{plan.study_name}/seed_{seed}"),
            number=trial["number"],
            params=trial["params"],
            rivals=(),
        )
        for seed in range(1, n_seeds + 1)
    ]


def run_retrains(tasks: Sequence[Task], layout: WarehouseLayout, run: RunTasks) -> list[LedgerRow]:
    """Run what is not done yet, and say of each task what came of it.

    Args:
        tasks: Of `retrain_tasks`, of any trials.
        layout: Of the warehouse; retrains have a part of it that is laid out like it.
        run: How to run tasks: `run_here`, or `workers.run_tasks`.

    Returns:
        A row for the trial ledger each, in order: seed, state, score, sharpe_bot, sharpe_hodl,
        exposure, no_trades, the weights' and the files' digests.

    Raises:
        InfrastructureError: If memory or disk gave way; what is done is kept.
        IntegrityError: If what was kept is another training's.
    """
    own = WarehouseLayout(root=layout.retrains)
    missing = [task for task in tasks if not _folder(task, own).exists()]
    for task, result in zip(missing, run(missing, own), strict=True):
        if result.outcome is Outcome.FAULT:
            raise InfrastructureError(f"{task.plan.study_name}: {result.reason}")
    return [_row(task, own) for task in tasks]


def run_here(
    tasks: Sequence[Task], layout: WarehouseLayout, *, compute: Compute = ANYWHERE
) -> Iterable[Result]:
    """Run tasks one after the other in this process."""
    for task in tasks:
        yield perform(task, objective_of(task.plan, layout, compute))


def _row(task: Task, own: WarehouseLayout) -> LedgerRow:
    plan, folder = task.plan, _folder(task, own)
    study_name, _, seed = plan.study_name.rpartition("/")
    outcome: Json = {"seed": plan.seed_of(task.number), "state": "FAIL"}
    if folder.exists():
        record = read_trial(folder, study_name=plan.study_name, number=task.number)
        _require_same(folder, record, task)
        outcome |= {"state": "COMPLETE"} | {name: record[name] for name in _RESULT}
        outcome["exposure"] = fmean(split["exposure"] for split in record["splits"])
        outcome["no_trades"] = any(split["no_trades"] for split in record["splits"])
        outcome["files"] = {name: sha256_of_file(folder / name) for name in _FILES}
    return LedgerRow(
        kind=LedgerKind.RETRAIN,
        campaign=plan.campaign,
        study_name=study_name,
        number=task.number,
        key=seed,
        outcome=outcome,
    )


def _require_same(folder: Path, record: Json, task: Task) -> None:
    plan = task.plan
    expected = {
        "seed": plan.seed_of(task.number),
        "params": task.params,
        "dataset_digest": plan.dataset_digest,
    }
    for name, value in expected.items():
        if record[name] != value:
            raise IntegrityError(f"{folder}: {name} is {record[name]!r}, and must be {value!r}.")


def _folder(task: Task, own: WarehouseLayout) -> Path:
    return own.trial(task.plan.study_name, task.number)
