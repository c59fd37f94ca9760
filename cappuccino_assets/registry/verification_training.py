"""An archive entry trained again from its plan: weights, returns and score, bit for bit."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
import torch

from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.registry.differences import (
    require_same,
    require_same_fields,
    require_same_file,
    require_same_rows,
)
from cappuccino_assets.registry.entries import METADATA, RETURNS
from cappuccino_assets.registry.models import MODEL_FILES
from cappuccino_assets.registry.verification import Case, Found, NotDoneError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerRow
from cappuccino_assets.training.compute import Compute
from cappuccino_assets.training.devices import describe_device, one_thread
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.retrains import retrain_tasks, run_retrains
from cappuccino_assets.tuning.tasks import Objective, Result, Task, perform
from cappuccino_assets.types import Json

_RESULT: Final = (
    "splits",
    "score",
    "sharpe_bot",
    "sharpe_hodl",
    "sharpe_hodl_cycled",
    "n_bars_evaluated",
    "n_steps",
    "flags",
    "seed",
    "model_sha256",
    "contract_hash",
)


@one_thread()
def trained(case: Case, metadata: Json, plan: StudyPlan, features: FeatureArrays) -> Found:
    """Train the trial again; what a killed worker or a look in between did makes no difference."""
    compute = _same_machine(metadata)
    with TemporaryDirectory() as folder:
        layout, number = WarehouseLayout(root=Path(folder)), metadata["number"]
        search = plan.search_arrays(features)
        record = run_trial(plan, metadata["params"], number, search, layout, compute=compute)
        again = layout.trial(plan.study_name, number)
        require_same_fields(METADATA, metadata, {name: record[name] for name in _RESULT})
        stored, found = (pl.read_parquet(each / RETURNS) for each in (case.path, again))
        require_same_rows(RETURNS, stored, found)
        for name in MODEL_FILES:
            require_same_file(name, case.path / name, again / name)
    n_policies = len(metadata["splits"]) + 1
    return Found(text=f"{n_policies} policies of {record['n_steps']:,} steps, bit for bit")


@one_thread()
def other_seeds(
    case: Case,
    metadata: Json,
    plan: StudyPlan,
    features: FeatureArrays,
    retrains: Sequence[LedgerRow],
) -> Found:
    """Train the configuration with the other seeds again."""
    compute = _same_machine(metadata)
    search = plan.search_arrays(features)

    def run(tasks: Sequence[Task], layout: WarehouseLayout) -> list[Result]:
        return [perform(task, _objective(task, search, layout, compute)) for task in tasks]

    with TemporaryDirectory() as folder:
        tasks = retrain_tasks(plan, metadata, n_seeds=len(retrains))
        again = run_retrains(tasks, WarehouseLayout(root=Path(folder)), run)
        for stored, found in zip(retrains, again, strict=True):
            require_same(stored.name, _comparable(stored), _comparable(found))
    return Found(text=f"{len(retrains)} trainings, bit for bit")


def _objective(
    task: Task, search: FeatureArrays, layout: WarehouseLayout, compute: Compute
) -> Objective:
    def objective(params: dict[str, Value], number: int, _: Pruner | None) -> float:
        record = run_trial(task.plan, params, number, search, layout, compute=compute)
        return float(record["score"])

    return objective


def _comparable(row: LedgerRow) -> Json:
    """All of its outcome but the digest of trial.json, which has times in it."""
    files = row.outcome.get("files", {})
    return row.outcome | {"files": {name: files[name] for name in files if name == RETURNS}}


def _same_machine(metadata: Json) -> Compute:
    """Say how to compute as the trial was; elsewhere the last bits may differ.

    Raises:
        NotDoneError: If another device, processor, version of torch or number of threads did it.
    """
    then = metadata["compute"]
    now = describe_device(torch.device("cpu"), then["precision"])
    for name in then:
        if then[name] != now.get(name):
            raise NotDoneError(
                f"bits agree only where the trial was trained: {name} was {then[name]!r} there, "
                f"and is {now.get(name)!r} here"
            )
    return Compute(device="cpu", precision=then["precision"])
