"""Trials spread over worker processes, none of which outlives its parent."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from cappuccino_assets.errors import WorkerError
from cappuccino_assets.features.arrays import load_arrays
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.tuning.flow import StudyFlow, flowing
from cappuccino_assets.tuning.plans import StudyPlan, require_enough_history
from cappuccino_assets.tuning.studies import StudyState, open_study, state_of, study_storage
from cappuccino_assets.tuning.tasks import Result, Task
from cappuccino_assets.tuning.worker import Failed, work

_SECONDS_PER_HOUR: Final = 3600.0
_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study is, and how fast the whole run goes.

    Attributes:
        study_name: The study that has just finished a trial, or that was found at the start.
        n_done: Its complete and pruned trials.
        n_target: How many it shall have.
        best_score: Its best score; None before the first.
        trials_per_hour: Trials that all workers finished, by the time since they were started.
        eta_s: Seconds until all studies are complete, at that rate; None before the first trial.
    """

    study_name: str
    n_done: int
    n_target: int
    best_score: float | None
    trials_per_hour: float
    eta_s: float | None


def run_studies(
    plans: Sequence[StudyPlan],
    *,
    n_workers: int,
    layout: WarehouseLayout,
    on_progress: Callable[[Progress], None],
    compute: Compute = ANYWHERE,
) -> None:
    """Top every study up to its target, in worker processes even when there is only one.

    A free worker takes the next trial of the first study that has one, so the workers end
    together; what is tried does not depend on their number. A study that is complete is left as it
    is. To be called from the main thread: the kernel ends the workers when the thread that started
    them ends, whatever way it does.

    Args:
        plans: The studies.
        n_workers: Processes; each uses one thread.
        layout: Where studies and trials are kept.
        on_progress: Told of every study at the start, and after each of its trials.
        compute: What trainings may use.

    Raises:
        ConfigurationError: If a GPU is asked for that is not there.
        HistoryTooShortError: If the bars of a study do not suffice.
        CampaignMismatchError: If a study exists and is about something else.
        WorkerError: If a worker fails or dies; the others are stopped.
    """
    if n_workers < 1:
        raise ValueError(f"Studies need at least one worker, but got {n_workers=}.")
    if compute.device == "cuda":
        from cappuccino_assets.training.devices import choose_device  # loads torch

        choose_device(compute.device)
    for plan in plans:
        require_enough_history(plan, load_arrays(plan.arrays))
    with study_storage(layout) as storage, ExitStack() as stack:
        states = [state_of(open_study(plan, storage)) for plan in plans]
        meter = _Meter(plans, states)
        for state in states:
            on_progress(meter.progress(state))
        missing = [p for p, s in zip(plans, states, strict=True) if s.n_done < p.n_trials]
        flows = (stack.enter_context(flowing(plan, layout, storage)) for plan in missing)
        n_left = sum(p.n_trials - s.n_done for p, s in zip(plans, states, strict=True))
        with _workers(max(0, min(n_workers, n_left)), layout, compute) as connections:
            for flow in _distribute(flows, connections):
                on_progress(meter.progress(state_of(flow.study)))


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
    with _workers(min(n_workers, len(tasks)), layout, compute) as connections:
        idle: deque[Any] = deque(connections)
        while waiting or running:
            while waiting and idle:
                place, task = waiting.popleft()
                running[connection := idle.popleft()] = place
                _send(connection, task)
            for ready in wait(list(running)):
                place = running.pop(ready)
                results[place] = _received(ready, tasks[place].plan.study_name)
                idle.append(ready)
    return [results[place] for place in range(len(tasks))]


class _Meter:
    """Turns states into progress."""

    def __init__(self, plans: Sequence[StudyPlan], states: Sequence[StudyState]):
        self._targets = {plan.study_name: plan.n_trials for plan in plans}
        self._done = {state.study_name: state.n_done for state in states}
        self._n_at_start = sum(self._done.values())
        self._started = time.monotonic()

    def progress(self, state: StudyState) -> Progress:
        self._done[state.study_name] = state.n_done
        n_new = sum(self._done.values()) - self._n_at_start
        n_left = sum(max(0, n - self._done[name]) for name, n in self._targets.items())
        elapsed_s = time.monotonic() - self._started
        return Progress(
            study_name=state.study_name,
            n_done=state.n_done,
            n_target=self._targets[state.study_name],
            best_score=state.best_score,
            trials_per_hour=_SECONDS_PER_HOUR * n_new / elapsed_s if n_new else 0.0,
            eta_s=elapsed_s * n_left / n_new if n_new else None,
        )


def _distribute(
    flows: Iterator[StudyFlow], connections: Sequence[Connection]
) -> Iterator[StudyFlow]:
    """Keep every worker busy; yield a study whenever trials of it were told."""
    opened: list[StudyFlow] = []
    running: dict[Any, tuple[StudyFlow, Task]] = {}
    idle: deque[Any] = deque(connections)

    def assign() -> None:
        while idle and (found := _next_task(opened, flows)) is not None:
            connection = idle.popleft()
            running[connection] = found
            _send(connection, found[1])

    assign()
    while running:
        for ready in wait(list(running)):
            flow, task = running.pop(ready)
            n_told = flow.finish(task.number, _received(ready, task.plan.study_name))
            idle.append(ready)
            assign()
            if n_told:
                yield flow


def _next_task(
    opened: list[StudyFlow], unopened: Iterator[StudyFlow]
) -> tuple[StudyFlow, Task] | None:
    """Find a trial, of the first study that has one; open another study when none has."""
    for flow in opened:
        if (task := flow.take()) is not None:
            return flow, task
    for flow in unopened:
        opened.append(flow)
        if (task := flow.take()) is not None:
            return flow, task
    return None


def _send(connection: Any, task: Task) -> None:
    try:
        connection.send(task)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise WorkerError(f"The worker for {task.plan.study_name} died.") from error


def _received(connection: Any, study_name: str) -> Result:
    try:
        message: Result | Failed = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise WorkerError(f"The worker of {study_name} died.") from error
    if isinstance(message, Failed):
        raise WorkerError(f"The worker of {study_name} gave up: {message.reason}")
    return message


@contextmanager
def _workers(
    n_workers: int, layout: WarehouseLayout, compute: Compute
) -> Iterator[list[Connection]]:
    """Start worker processes, and see every one of them end."""
    context = get_context("spawn")  # a fork would inherit torch's threads and open databases
    connections: list[Connection] = []
    processes: list[SpawnProcess] = []
    try:
        for _ in range(n_workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, layout, compute, os.getpid()))
            process.start()
            theirs.close()
            connections.append(ours)
            processes.append(process)
        yield connections
        for connection in connections:
            connection.send(None)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            _await_end(process)
        for connection in connections:
            connection.close()


def _await_end(process: SpawnProcess) -> None:
    process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
