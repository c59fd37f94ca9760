"""A study's trials: asked in order, run anywhere, told in order."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from cappuccino_assets.errors import InfrastructureError, TrialFailedError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.spaces import suggest
from cappuccino_assets.tuning.studies import (
    BEGUN,
    EARLY,
    ask,
    n_done,
    open_study,
    pruner_of,
    put_back,
)
from cappuccino_assets.tuning.tasks import Objective, Outcome, Result, Rival, Task, perform
from cappuccino_assets.types import Json

PAUSE_S: Final = 10.0
_MAX_FAULTS_IN_A_ROW: Final = 4
_MAX_FAILURES_IN_A_ROW: Final = 5
_STATES: Final = {
    Outcome.COMPLETE: TrialState.COMPLETE,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
}


class StudyFlow:
    """Asks a study's trials ahead of their results, and tells the results in the same order.

    A trial is asked when all but the last few before it are known, however many processes run
    them and whichever ends first: so neither their number nor their speed changes any trial. The
    sampler is seeded anew for every trial, by its number. A trial that was interrupted, or for
    which memory or disk gave way, is run again under its number, hence with its values and seeds,
    before anything after it is told: an interrupted study ends like one that was not. A trial
    whose process died, or for which the machine gave way, a few times in vain fails.

    Args:
        plan: The study.
        study: The same in its storage; nobody else may run it.
        layout: Where its trials leave their folders.
        pause_s: How long to wait for what the machine lacks, before each further try.
    """

    def __init__(
        self,
        plan: StudyPlan,
        study: optuna.Study,
        layout: WarehouseLayout,
        *,
        pause_s: float = PAUSE_S,
    ):
        self.plan = plan
        self._layout = layout
        self.study = study
        self._pause_s = pause_s
        self._n_faults = 0
        self._running: dict[int, optuna.Trial] = {}  # in the order in which they were asked
        self._waiting: deque[Task] = deque()
        self._results: dict[int, Result] = {}
        study.pruner = pruner_of(plan.profile.pruning)
        self._patiently(lambda: self._put_back_orphans(died=True))
        self._settle()

    def take(self) -> Task | None:
        """Hand out the next trial; None while there is none to run."""
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        self._patiently(lambda: self._running[task.number].set_user_attr(BEGUN, True))
        return task

    def finish(self, number: int, result: Result) -> int:
        """Take the result of a trial, and tell it when its turn has come.

        Returns:
            How many trials were told.

        Raises:
            TrialFailedError: If several trials fail in a row.
            InfrastructureError: If the machine gives way several times in a row.
        """
        self._results[number] = result
        if number != min(self._running) and result.outcome is not Outcome.FAULT:
            self._patiently(lambda: self._running[number].set_user_attr(EARLY, asdict(result)))
        return self._settle()

    def abandon(self) -> None:
        """Let whoever continues the study run what was asked and has no result."""
        self._running.clear()
        self._waiting.clear()
        self._patiently(lambda: self._put_back_orphans(died=False))

    def _settle(self) -> int:
        """Tell what has its turn, and ask in its place; say how many were told."""
        self._fill()
        n_told = 0
        while self._running and (first := min(self._running)) in self._results:
            self._tell(first, self._results.pop(first))
            self._fill()
            n_told += 1
        return n_told

    def _fill(self) -> None:
        while len(self._running) < self.plan.profile.n_asked_ahead and self._is_short:
            self._patiently(self._ask)

    @property
    def _is_short(self) -> bool:
        return n_done(self.study) + len(self._running) < self.plan.n_trials

    def _ask(self) -> None:
        self._put_back_orphans(died=False)  # of an earlier try at asking
        number = self._next_number()
        rivals = self._rivals(number)
        seed = self.plan.seed_of("sampler", number)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
        trial = ask(self.study)
        params = suggest(trial, self.plan.space)
        self._running[number] = trial
        if EARLY in trial.user_attrs:
            self._results[number] = _read(trial.user_attrs[EARLY])
            return
        self._waiting.append(Task(plan=self.plan, number=number, params=params, rivals=rivals))

    def _next_number(self) -> int:
        trials = self.study.get_trials(deepcopy=False)
        waiting = (trial.number for trial in trials if trial.state is TrialState.WAITING)
        return min(waiting, default=len(trials))

    def _rivals(self, number: int) -> tuple[Rival, ...]:
        """Collect the complete trials that are known when a trial is asked for the first time."""
        if self.plan.profile.pruning is None:
            return ()
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        n_ahead = self.plan.profile.n_asked_ahead
        return tuple(
            Rival(value=trial.value, looks=_in_order(trial.intermediate_values))
            for trial in complete
            if trial.value is not None and trial.number + n_ahead <= number
        )

    def _tell(self, number: int, result: Result) -> None:
        self._patiently(lambda: self._record(number, result))
        del self._running[number]
        self._n_faults = self._n_faults + 1 if result.outcome is Outcome.FAULT else 0
        if self._n_faults == _MAX_FAULTS_IN_A_ROW:
            raise self._gave_way(result.reason)
        if self._n_faults:
            time.sleep(self._pause_s)
        self._stop_when_nothing_works()

    def _record(self, number: int, result: Result) -> None:
        if result.outcome is Outcome.FAULT:
            self._put_back(self.study.get_trials(deepcopy=False)[number], reason=result.reason)
            return
        trial = self._running[number]
        for split, value in enumerate(result.looks):
            trial.report(value, step=split)
        if result.reason is not None:
            name = "pruned" if result.outcome is Outcome.PRUNED else "failure"
            trial.set_user_attr(name, result.reason)
        state = _STATES[result.outcome]
        self.study.tell(number, values=result.value, state=state, skip_if_finished=True)

    def _put_back_orphans(self, *, died: bool) -> None:
        """Free trials that nobody runs; what a process began and did not survive counts."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in self._running:
                counts = died and trial.user_attrs.get(BEGUN) and EARLY not in trial.user_attrs
                self._put_back(trial, reason="Its process died." if counts else None)

    def _put_back(self, trial: FrozenTrial, *, reason: str | None) -> None:
        name = self.plan.study_name
        if EARLY not in trial.user_attrs:  # its folder, if there is one, was never counted
            _remove(self._layout.trial(name, trial.number))
        if not put_back(self.study, trial, reason=reason):
            _remove(self._layout.checkpoints(name, trial.number))

    def _patiently(self, act: Callable[[], None]) -> None:
        """Do what the database may refuse for a while."""
        tries = Retrying(
            retry=retry_if_exception_type((StorageInternalError, OperationalError)),
            stop=stop_after_attempt(_MAX_FAULTS_IN_A_ROW),
            wait=wait_fixed(self._pause_s),
        )
        try:
            tries(act)
        except RetryError as error:
            raise self._gave_way(str(error.last_attempt.exception())) from error

    def _gave_way(self, reason: str | None) -> InfrastructureError:
        return InfrastructureError(
            f"{self.plan.study_name} stops, for the machine gave way {_MAX_FAULTS_IN_A_ROW} times "
            f"in a row. It can be continued once there is room. The last time: {reason}"
        )

    def _stop_when_nothing_works(self) -> None:
        known = [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished()]
        last = known[-_MAX_FAILURES_IN_A_ROW:]
        reasons = [trial.user_attrs.get("failure") for trial in last]
        if len(last) == _MAX_FAILURES_IN_A_ROW and all(reasons):
            raise TrialFailedError(
                f"The last {len(last)} trials of {self.plan.study_name} failed. "
                f"The last one: {reasons[-1]}"
            )


def _in_order(looks: Mapping[int, float]) -> tuple[float, ...]:
    return tuple(looks[split] for split in sorted(looks))


def _read(stored: Json) -> Result:
    return Result(
        **stored | {"outcome": Outcome(stored["outcome"]), "looks": tuple(stored["looks"])}
    )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def flowing(
    plan: StudyPlan, layout: WarehouseLayout, storage: RDBStorage, *, pause_s: float = PAUSE_S
) -> Iterator[StudyFlow]:
    """Open a study for running, under a kernel lock: one process at a time runs it.

    Args:
        plan: The study.
        layout: Where its lock lies.
        storage: Where it is kept.
        pause_s: How long to wait for what the machine lacks, before each further try.

    Raises:
        WarehouseError: If another process runs this study.
    """
    with exclusive(layout.study_lock(plan.study_name), timeout_s=1):
        flow = StudyFlow(plan, open_study(plan, storage), layout, pause_s=pause_s)
        try:
            yield flow
        finally:
            flow.abandon()


def top_up(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    objective: Objective,
    *,
    on_trial: Callable[[optuna.Study], None] = lambda study: None,
    pause_s: float = PAUSE_S,
) -> None:
    """Run trials in this process until the study has its target.

    Args:
        plan: The study.
        layout: Where its lock lies.
        storage: Where it is kept.
        objective: Scores the values of a trial, given its number and who may prune it.
        on_trial: Told after every trial.
        pause_s: How long to wait for what the machine lacks, before each further try.

    Raises:
        WarehouseError: If another process runs this study.
        TrialFailedError: If several trials fail in a row.
        InfrastructureError: If the machine gives way several times in a row.
    """
    with flowing(plan, layout, storage, pause_s=pause_s) as flow:
        while (task := flow.take()) is not None:
            flow.finish(task.number, perform(task, objective))
            on_trial(flow.study)
