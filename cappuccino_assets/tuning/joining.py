"""What a worker does with studies: it joins them, and runs trials until they are complete."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import optuna
from optuna.storages import RDBStorage

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.tuning.flow import StudyFlow
from cappuccino_assets.tuning.heartbeat import beating
from cappuccino_assets.tuning.patience import PAUSE_S
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.studies import HEARTBEAT_S, open_study
from cappuccino_assets.tuning.tasks import Objective, Outcome, Result, Task, perform

_POLL_S: Final = (0.2, 2.0)  # first, and at most, while others run what is left


@contextmanager
def flowing(
    plan: StudyPlan, layout: WarehouseLayout, storage: RDBStorage, *, pause_s: float = PAUSE_S
) -> Iterator[StudyFlow]:
    """Join a study, and leave it in the end to whoever goes on.

    Args:
        plan: The study.
        layout: Where its lock lies.
        storage: Where it is kept.
        pause_s: How long to wait for what the machine lacks, before each further try.

    Raises:
        CampaignMismatchError: If the study exists and is about something else.
    """
    study, worker = open_study(plan, storage), ProcessIdentity.current()
    flow = StudyFlow(plan, study, layout, worker=worker, pause_s=pause_s)
    try:
        yield flow
    finally:
        flow.release()


def work_through(
    flows: Sequence[StudyFlow],
    objective_of: Callable[[StudyPlan], Objective],
    *,
    on_result: Callable[[StudyFlow, Task, Result, int], None],
) -> None:
    """Run trials, always of the first study that has one, until every study has its target.

    While all that is left of them is run by other workers, it is watched: what they do not survive
    is run here.

    Args:
        flows: The studies.
        objective_of: Makes the objective of a study.
        on_result: Told of every trial that was run, what came of it, and how many trials of the
            study were told thereby.

    Raises:
        TrialFailedError: If several trials of a study fail in a row.
        InfrastructureError: If the machine gives way several times in a row.
    """
    left, pause_s = list(flows), _POLL_S[0]
    while left:
        if (found := _next_task(left)) is None:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_S[1])
            left = [flow for flow in left if not flow.is_done]
            continue
        (flow, task), pause_s = found, _POLL_S[0]
        result = _performed(flow, task, objective_of)
        on_result(flow, task, result, flow.finish(task.number, result))


def top_up(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    objective: Objective,
    *,
    on_trial: Callable[[optuna.Study], None] = lambda study: None,
    pause_s: float = PAUSE_S,
) -> None:
    """Run trials in this process until a study has its target.

    Args:
        plan: The study.
        layout: Where its lock lies.
        storage: Where it is kept.
        objective: Scores the values of a trial, given its number and who may prune it.
        on_trial: Told after every trial.
        pause_s: How long to wait for what the machine lacks, before each further try.

    Raises:
        TrialFailedError: If several trials fail in a row.
        InfrastructureError: If the machine gives way several times in a row.
    """
    with flowing(plan, layout, storage, pause_s=pause_s) as flow:
        work_through([flow], lambda _: objective, on_result=lambda flow, *_: on_trial(flow.study))


def _performed(
    flow: StudyFlow, task: Task, objective_of: Callable[[StudyPlan], Objective]
) -> Result:
    with beating(flow.study, task.number, every_s=HEARTBEAT_S):
        try:
            return perform(task, objective_of(task.plan))
        except OSError as error:
            if flow.holds(task.number):
                raise
            # Whoever has it now meddled with its files, or had written them before.
            return Result(outcome=Outcome.FAULT, reason=str(error))


def _next_task(flows: Sequence[StudyFlow]) -> tuple[StudyFlow, Task] | None:
    for flow in flows:
        if (task := flow.take()) is not None:
            return flow, task
    return None
