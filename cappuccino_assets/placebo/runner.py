"""Many studies, one process per core, each kept as soon as it is done."""

import ctypes
import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import WorkerError
from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.placebo.outcomes import StudyOutcome, outcome_path
from cappuccino_assets.placebo.studies import matched_turnovers, run_study
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive

_PR_SET_PDEATHSIG: Final = 1
_STRETCH: Final = 20


def run_studies(
    arms: Sequence[Arm],
    layout: WarehouseLayout,
    *,
    n_studies: int,
    n_workers: int,
    on_study: Callable[[StudyOutcome], None] = lambda outcome: None,
) -> None:
    """Run the studies of some arms that are not done yet, some of each arm after the other.

    Each study is a function of its arm and number. What is done is kept, whoever stops the rest,
    and its private warehouse is removed. To be called from the main thread: the kernel ends the
    workers when the thread that started them ends.

    Args:
        arms: Which arms; random agents come after those whose turnover they match.
        layout: Of the warehouse that keeps the outcomes.
        n_studies: Of each arm.
        n_workers: Processes; each uses one thread.
        on_study: Told of every study that ends.

    Raises:
        WarehouseError: If another process runs studies in this warehouse.
        WorkerError: If a worker dies.
        ConfigurationError: If random agents lack the studies whose turnover they match.
    """
    if n_studies < 1 or n_workers < 1:
        raise ValueError(f"Studies and workers are 1 at least: got {n_studies=}, {n_workers=}.")
    rounds = [
        (arm, [n for n in numbers if not outcome_path(layout, arm, n).exists()])
        for numbers in _stretches(n_studies)
        for arm in sorted(set(arms), key=list(Arm).index)
    ]
    n_missing = sum(len(numbers) for _, numbers in rounds)
    if not n_missing:
        return
    if Arm.NULL not in arms:
        _require_matches(rounds, layout)
    with (
        exclusive(layout.placebo / ".lock", timeout_s=1),
        _private(layout) as folder,
        _workers(min(n_workers, n_missing)) as pool,
    ):
        for arm, numbers in rounds:
            study = partial(_kept_study, arm, layout=layout, folder=folder)
            for future in as_completed([pool.submit(study, number) for number in numbers]):
                on_study(future.result())


def _require_matches(rounds: Sequence[tuple[Arm, list[int]]], layout: WarehouseLayout) -> None:
    """Refuse random agents that lack what they match, before anything is run."""
    for arm, numbers in rounds:
        for number in numbers if arm is Arm.RANDOM else ():
            matched_turnovers(layout, number)


def _stretches(n_studies: int) -> list[range]:
    """Cut the numbers up, so that all arms get on together."""
    return [range(n, min(n + _STRETCH, n_studies)) for n in range(0, n_studies, _STRETCH)]


@contextmanager
def _workers(n_workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start worker processes, and stop them at once when the body fails."""
    context = get_context("spawn")  # a fork would inherit torch's threads and open databases
    begin = partial(_begin, os.getpid())
    with ProcessPoolExecutor(n_workers, context, initializer=begin) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise WorkerError("A worker that runs studies of the placebo died.") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise


def _kept_study(arm: Arm, number: int, *, layout: WarehouseLayout, folder: Path) -> StudyOutcome:
    root = folder / f"{arm}_{number}"
    try:
        outcome = run_study(arm, number, root, layout)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    write_json(outcome_path(layout, arm, number), outcome.to_json())
    return outcome


def _begin(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    import torch

    torch.set_num_threads(1)
    gc.freeze()  # each training collects garbage, and need not look at every module again


@contextmanager
def _private(layout: WarehouseLayout) -> Iterator[Path]:
    """A folder for private warehouses, without what a killed run left of them."""
    folder = layout.placebo / ".private"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
