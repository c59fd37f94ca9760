"""What a worker process does: run trials, one after the other."""

import ctypes
import faulthandler
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from cappuccino_assets.errors import CappuccinoError, InfrastructureError, TrialPrunedError
from cappuccino_assets.features.arrays import FeatureArrays, load_arrays
from cappuccino_assets.storage.artifacts import push_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.flow import StudyFlow
from cappuccino_assets.tuning.infrastructure import machine_failures_named
from cappuccino_assets.tuning.joining import flowing, work_through
from cappuccino_assets.tuning.patience import N_TRIES, PAUSE_S
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.studies import published_plans, study_storage
from cappuccino_assets.tuning.tasks import Objective, Result, Task, perform

_PR_SET_PDEATHSIG: Final = 1
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A worker's word that trials of a study were told.

    Attributes:
        study_name: The study.
    """

    study_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A worker's word that it gives up.

    Attributes:
        reason: Why.
    """

    reason: str


def run_tasks(
    connection: Connection, parent: int, log: Path, layout: WarehouseLayout, compute: Compute
) -> None:
    """Run the trials that the parent sends, until it sends None.

    Args:
        connection: Brings `Task`s; takes a `Result` for each, or `Failed`.
        parent: Process without which there is nothing to do.
        log: File of what this worker says.
        layout: Where trials are kept.
        compute: What trainings may use.
    """
    with _as_child(connection, parent, log):
        while (task := connection.recv()) is not None:
            connection.send(perform(task, objective_of(task.plan, layout, compute)))


def run_studies(
    connection: Connection,
    parent: int,
    log: Path,
    layout: WarehouseLayout,
    compute: Compute,
    names: Sequence[str],
) -> None:
    """Run trials of some studies until all of them are complete.

    Args:
        connection: Takes `Told` whenever something was told, or `Failed`.
        parent: Process without which there is nothing to do.
        log: File of what this worker says.
        layout: Where studies and trials are kept.
        compute: What trainings may use.
        names: The studies, which were published.
    """
    with _as_child(connection, parent, log):
        join(names, layout, compute, on_told=lambda name: connection.send(Told(study_name=name)))


def join(names: Sequence[str], layout: WarehouseLayout, compute: Compute, *, on_told: Any) -> None:
    """Run trials of some studies in this process until all of them are complete.

    Args:
        names: The studies, which were published.
        layout: Where studies and trials are kept.
        compute: What trainings may use.
        on_told: Called with a study's name whenever trials of it were told.

    Raises:
        TrialFailedError: If several trials of a study fail in a row.
        InfrastructureError: If the machine gives way several times in a row.
    """

    def on_result(flow: StudyFlow, task: Task, result: Result, n_told: int) -> None:
        said = result.reason if result.value is None else f"score {result.value:+.6f}"
        _LOG.info("%s %d: %s, %s", task.plan.study_name, task.number, result.outcome, said)
        if n_told:
            on_told(flow.plan.study_name)

    with study_storage(layout) as storage, ExitStack() as stack:
        plans = [plan for name in names for plan in published_plans(name, storage, layout)]
        flows = [stack.enter_context(flowing(plan, layout, storage)) for plan in plans]
        _LOG.info("joined %s", ", ".join(names))
        work_through(flows, lambda plan: objective_of(plan, layout, compute), on_result=on_result)


def objective_of(
    plan: StudyPlan, layout: WarehouseLayout, compute: Compute = ANYWHERE
) -> Objective:
    """Train and test trials of a study in this process, and share what they leave."""
    from cappuccino_assets.tuning.objective import run_trial  # loads torch

    search = plan.search_arrays(_arrays(plan.arrays))

    def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
        folder = layout.trial(plan.study_name, number)
        try:
            record = run_trial(plan, params, number, search, layout, prune=prune, compute=compute)
        except TrialPrunedError:
            _share(layout, folder)
            raise
        _share(layout, folder)
        return float(record["score"])

    return objective


def _share(layout: WarehouseLayout, folder: Path) -> None:
    """Push what a trial has left; hours of training are worth a few tries."""
    tries = Retrying(
        retry=retry_if_exception_type(InfrastructureError),
        stop=stop_after_attempt(N_TRIES),
        wait=wait_fixed(PAUSE_S),
        reraise=True,
    )
    with machine_failures_named():
        tries(push_folder, layout, folder)


@lru_cache(maxsize=1)
def _arrays(path: Path) -> FeatureArrays:
    return load_arrays(path)


@contextmanager
def _as_child(connection: Connection, parent: int, log: Path) -> Iterator[None]:
    """Die with the parent, write to the log, and say why it ends."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # files are cleared away
    _write_to(log)
    import torch

    torch.set_num_threads(1)
    try:
        yield
    except CappuccinoError as error:
        _LOG.error("gave up: %s", error)
        connection.send(Failed(reason=str(error)))
    except (KeyboardInterrupt, EOFError):
        _LOG.info("told to stop")
        sys.exit(128 + signal.SIGTERM)
    except BaseException:
        connection.send(Failed(reason=traceback.format_exc()))
        raise


def _write_to(log: Path) -> None:
    """Send all that this process says, and the stack of a crash, to its own file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    _LOG.setLevel(logging.INFO)


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)
