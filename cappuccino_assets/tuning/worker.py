"""What a worker process does: run trials, one after the other."""

import ctypes
import os
import signal
import traceback
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import CappuccinoError
from cappuccino_assets.features.arrays import FeatureArrays, load_arrays
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.tasks import Objective, perform

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A worker's word that it gives up.

    Attributes:
        reason: Why.
    """

    reason: str


def work(connection: Connection, layout: WarehouseLayout, compute: Compute, parent: int) -> None:
    """Run the trials that the parent sends, until it sends None.

    Args:
        connection: Brings `Task`s; takes a `Result` for each, or `Failed`.
        layout: Where trials are kept.
        compute: What trainings may use.
        parent: Process without which there is nothing to do.
    """
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # files are cleared away
    import torch

    torch.set_num_threads(1)
    try:
        while (task := connection.recv()) is not None:
            connection.send(perform(task, objective_of(task.plan, layout, compute)))
    except CappuccinoError as error:
        connection.send(Failed(reason=str(error)))
    except (KeyboardInterrupt, EOFError):
        return
    except BaseException:
        connection.send(Failed(reason=traceback.format_exc()))
        raise


def objective_of(
    plan: StudyPlan, layout: WarehouseLayout, compute: Compute = ANYWHERE
) -> Objective:
    """Train and test trials of a study in this process."""
    from cappuccino_assets.tuning.objective import run_trial  # loads torch

    search = plan.search_arrays(_arrays(plan.arrays))

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        record = run_trial(plan, params, number, search, layout, prune=prune, compute=compute)
        return float(record["score"])

    return objective


@lru_cache(maxsize=1)
def _arrays(path: Path) -> FeatureArrays:
    return load_arrays(path)


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)
