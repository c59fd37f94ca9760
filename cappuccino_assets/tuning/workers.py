"""Searches and trainings spread over workers."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage

from cappuccino_assets.errors import WarehouseError, WorkerError
from cappuccino_assets.features.arrays import load_arrays
from cappuccino_assets.storage.artifacts import pull_folder, push_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.tuning import worker
from cappuccino_assets.tuning.advisors import require_own
from cappuccino_assets.tuning.interrupts import interrupts_noted
from cappuccino_assets.tuning.joining import flowing
from cappuccino_assets.tuning.patience import patiently
from cappuccino_assets.tuning.plans import StudyPlan, require_enough_history
from cappuccino_assets.tuning.pools import SearchJob, WorkerPool, local_pool
from cappuccino_assets.tuning.processes import worker_processes
from cappuccino_assets.tuning.progress import Meter, Progress
from cappuccino_assets.tuning.studies import (
    StudyState,
    n_done,
    open_study,
    publish_plan,
    published_plans,
    require_joinable,
    state_of,
    study_storage,
)
from cappuccino_assets.tuning.tasks import Result, Task
from cappuccino_assets.tuning.worker import Failed

OpenPool = Callable[[SearchJob], AbstractContextManager[WorkerPool]]
_LOOK_S: Final = 1.0  # between looks at what workers elsewhere have done


def run_studies(
    plans: Sequence[StudyPlan],
    *,
    n_workers: int,
    layout: WarehouseLayout,
    on_progress: Callable[[Progress], None],
    compute: Compute = ANYWHERE,
    open_pool: OpenPool = local_pool,
) -> None:
    """Top every study up to its target, in worker processes even when there is only one.

    A free worker takes the next trial of the first study that has one, so the workers end
    together; what is tried depends neither on their number nor on who else has joined the studies.
    A study that is complete is left as it is. A worker that dies is replaced. To be called from the
    main thread: the kernel ends the workers when the thread that started them ends, whatever way
    it does.

    Args:
        plans: The studies.
        n_workers: Processes; each uses one thread.
        layout: Where studies and trials are kept.
        on_progress: Told of every study at the start, and when more of its trials were told.
        compute: What trainings may use.
        open_pool: Starts the workers.

    Raises:
        ConfigurationError: If a GPU is asked for that is not there.
        HistoryTooShortError: If the bars of a study do not suffice.
        CampaignMismatchError: If a study exists and is about something else.
        WorkerError: If a worker gives up, or workers die again and again; the others are stopped.
    """
    if n_workers < 1:
        raise ValueError(f"Studies need at least one worker, but got {n_workers=}.")
    if compute.device == "cuda":
        from cappuccino_assets.training.devices import choose_device  # loads torch

        choose_device(compute.device)
    for plan in plans:
        require_enough_history(plan, load_arrays(plan.arrays))
    with study_storage(layout) as storage:
        studies = patiently(
            lambda: [publish_plan(plan, storage, layout) for plan in plans], plans[0].campaign
        )
        for folder in {plan.arrays for plan in _missing(plans, studies)}:
            push_folder(layout, folder)
    _search(plans, layout, compute, on_progress, n_workers=n_workers, open_pool=open_pool)


def join_studies(
    name: str,
    *,
    n_workers: int,
    layout: WarehouseLayout,
    on_progress: Callable[[Progress], None],
    compute: Compute = ANYWHERE,
    open_pool: OpenPool = local_pool,
) -> bool:
    """Help with the studies of a campaign that were begun and are not complete, or with one study.

    Args:
        name: Campaign, or study.
        n_workers: Processes; each uses one thread.
        layout: Where studies and trials are kept.
        on_progress: Told of every study at the start, and when more of its trials were told.
        compute: What trainings may use.
        open_pool: Starts the workers.

    Returns:
        Whether more studies of the campaign are still to be begun.

    Raises:
        WarehouseError: If no study of that name, or of a campaign of that name, was begun.
        ConfigurationError: If the search is of another version of this package, or is advised by
            what only CAPPUCCINO_ADVISOR may name.
        IntegrityError: If the bars of a study are not what they were.
        WorkerError: If a worker gives up, or workers die again and again; the others are stopped.
    """
    with study_storage(layout) as storage:
        plans = patiently(lambda: published_plans(name, storage, layout), name)
        if not plans:
            raise WarehouseError(f"No study of {name} was begun: {_known(storage)}.")
        studies = patiently(lambda: [open_study(plan, storage) for plan in plans], name)
        for study in studies:
            require_joinable(study, layout)
        for plan in plans:
            if plan.advice is not None:
                require_own(plan.advisor)
        missing = _missing(plans, studies)
    for folder in {plan.arrays for plan in missing}:
        _require_arrays(layout, folder)
    _search(plans, layout, compute, on_progress, n_workers=n_workers, open_pool=open_pool)
    n_planned = sum(plan.n_trials for plan in plans)
    return name == plans[0].campaign and n_planned < plans[0].profile.n_trials


def run_tasks(
    tasks: Sequence[Task],
    layout: WarehouseLayout,
    *,
    n_workers: int,
    compute: Compute = ANYWHERE,
) -> list[Result]:
    """Run tasks that belong to no running study, in worker processes.

    Args:
        tasks: What to run.
        layout: Where their folders go.
        n_workers: Processes; each uses one thread.
        compute: What trainings may use.

    Returns:
        What became of each, in order.

    Raises:
        WorkerError: If a worker fails or dies; the others are stopped.
    """
    results: dict[int, Result] = {}
    waiting, running = deque(enumerate(tasks)), dict[Any, int]()
    arguments = (worker.run_tasks, layout, compute)
    with worker_processes(min(n_workers, len(tasks)), layout.worker_logs, *arguments) as workers:
        idle: deque[Any] = deque(workers.connections)
        while waiting or running:
            while waiting and idle:
                place, task = waiting.popleft()
                running[connection := idle.popleft()] = place
                _send(connection, task)
            for ready in workers.ready(list(running), timeout_s=None):
                place = running.pop(ready)
                results[place] = _received(ready, tasks[place].plan.study_name)
                idle.append(ready)
        for connection in workers.connections:
            _send(connection, None)
    return [results[place] for place in range(len(tasks))]


def _search(
    plans: Sequence[StudyPlan],
    layout: WarehouseLayout,
    compute: Compute,
    on_progress: Callable[[Progress], None],
    *,
    n_workers: int,
    open_pool: OpenPool,
) -> None:
    """Run published studies to their targets."""
    with study_storage(layout) as storage:
        name = plans[0].campaign
        studies = patiently(lambda: [open_study(plan, storage) for plan in plans], name)

        def look() -> list[StudyState]:
            return patiently(lambda: [state_of(study) for study in studies], name)

        states = look()
        meter = Meter(plans, states)
        for state in states:
            on_progress(meter.progress(state, n_workers=0))
        left = {p.study_name: p.n_trials - s.n_done for p, s in zip(plans, states, strict=True)}
        names = tuple(name for name, n_left in left.items() if n_left > 0)
        if not names:
            return
        n_useful = sum(max(0, n_left) for n_left in left.values())
        job = SearchJob(
            layout=layout, compute=compute, names=names, n_workers=min(n_workers, n_useful)
        )
        in_order = _left_in_order(plans, layout, storage)
        with interrupts_noted() as heed, in_order, open_pool(job) as pool:
            at_work = True
            while at_work:
                at_work = pool.wait(_LOOK_S)
                heed()
                for state in look():
                    if meter.is_new(state):
                        on_progress(meter.progress(state, n_workers=pool.n_workers))


@contextmanager
def _left_in_order(
    plans: Sequence[StudyPlan], layout: WarehouseLayout, storage: RDBStorage
) -> Iterator[None]:
    """When all workers of this run have ended, free what they have left, however they did."""
    try:
        yield
    finally:
        for plan in plans:
            with flowing(plan, layout, storage):
                continue


def _missing(plans: Sequence[StudyPlan], studies: Sequence[optuna.Study]) -> list[StudyPlan]:
    """Find the plans that are short of their target."""

    def look() -> list[int]:
        return [n_done(study) for study in studies]

    n_by_study = patiently(look, plans[0].campaign)
    return [plan for plan, n in zip(plans, n_by_study, strict=True) if n < plan.n_trials]


def _require_arrays(layout: WarehouseLayout, folder: Path) -> None:
    """Fetch feature arrays; the place that has them takes results, too, so it is asked always."""
    if layout.artifacts_url is None and folder.is_dir():
        return
    if not pull_folder(layout, folder):
        raise WarehouseError(
            f"The feature arrays {folder} are not at the place that is shared: see that "
            "CAPPUCCINO_ARTIFACTS_URL is set, and that it is the one of the machine that has "
            "begun the search, mounted here."
        )


def _known(storage: RDBStorage) -> str:
    names = sorted(study.study_name for study in storage.get_all_studies())
    return f"there are {', '.join(names)}" if names else "there is none at all yet"


def _send(connection: Any, task: Task | None) -> None:
    try:
        connection.send(task)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise WorkerError("A worker died.") from error


def _received(connection: Any, study_name: str) -> Result:
    try:
        message: Result | Failed = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise WorkerError(f"The worker of {study_name} died.") from error
    if isinstance(message, Failed):
        raise WorkerError(f"The worker of {study_name} gave up: {message.reason}")
    return message
