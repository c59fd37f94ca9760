"""What a worker process does: run whole studies, one after the other, and report."""

import ctypes
import os
import signal
import traceback
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import optuna

from cappuccino_assets.errors import CappuccinoError
from cappuccino_assets.features.arrays import FeatureArrays, load_arrays
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.studies import best_score, n_done, study_storage, top_up

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """What a worker reports of its study.

    Attributes:
        study_name: The study.
        n_done: Its complete and pruned trials.
        best_score: Its best score; None before the first.
    """

    study_name: str
    n_done: int
    best_score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A worker's word that its study has its target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A worker's word that it gives up.

    Attributes:
        reason: Why.
    """

    reason: str


def work(connection: Connection, layout: WarehouseLayout, parent: int) -> None:
    """Run the studies that the parent sends, until it sends None.

    Args:
        connection: Brings `StudyPlan`s; takes `StudyState`s, `Free` and `Failed`.
        layout: Where studies and trials are kept.
        parent: Process without which there is nothing to do.
    """
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Optuna records an interrupted trial
    import torch

    torch.set_num_threads(1)
    try:
        while (plan := connection.recv()) is not None:
            run_study(plan, layout, connection)
            connection.send(Free())
    except CappuccinoError as error:
        connection.send(Failed(reason=str(error)))
    except (KeyboardInterrupt, EOFError):
        return
    except BaseException:
        connection.send(Failed(reason=traceback.format_exc()))
        raise


def run_study(plan: StudyPlan, layout: WarehouseLayout, connection: Connection) -> None:
    """Top one study up, and report after each of its trials."""
    from cappuccino_assets.tuning.objective import run_trial  # loads torch

    search = plan.search_arrays(_arrays(plan.arrays))

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        return float(run_trial(plan, params, number, search, layout, prune=prune)["score"])

    def report(study: optuna.Study) -> None:
        connection.send(state_of(study))

    with study_storage(layout.studies) as storage:
        top_up(plan, layout, storage, objective, on_trial=report)


def state_of(study: optuna.Study) -> StudyState:
    """Say how far a study is."""
    return StudyState(
        study_name=study.study_name, n_done=n_done(study), best_score=best_score(study)
    )


@lru_cache(maxsize=1)
def _arrays(path: Path) -> FeatureArrays:
    return load_arrays(path)


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)
