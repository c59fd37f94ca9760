"""A study's trials: asked in order, run anywhere, told in order."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from cappuccino_assets.errors import TrialFailedError, WarehouseError
from cappuccino_assets.storage.files import remove_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.tuning.advice import advise_if_due
from cappuccino_assets.tuning.asking import ask
from cappuccino_assets.tuning.outages import is_resting, note_fault, note_result
from cappuccino_assets.tuning.patience import N_TRIES, PAUSE_S, gave_way, patiently
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.studies import (
    DONE,
    claim_of,
    is_stale,
    mark_claim,
    n_done,
    pruner_of,
    put_back,
    was_tried,
)
from cappuccino_assets.tuning.study_locks import study_lock
from cappuccino_assets.tuning.tasks import Outcome, Result, Rival, Task

_LOCK_TIMEOUT_S: Final = 600.0  # whoever holds it may be waiting for a database to come back
_MAX_FAILURES_IN_A_ROW: Final = 5
_RESULT: Final = "early"  # the attribute with a result that waits for those of earlier trials
_UNFINISHED: Final = (TrialState.RUNNING, TrialState.WAITING)
_STATES: Final = {
    Outcome.COMPLETE: TrialState.COMPLETE,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
}
_T = TypeVar("_T")


class StudyFlow:
    """One worker's view of a study that any number of workers run, on any number of machines.

    All that is known of the study lies in its database, and every step is made under its lock, so
    whoever is killed, wherever, leaves a state from which the others go on. Trials are asked ahead
    of their results, which are told in the order of the trials: a trial is asked when all but the
    last few before it are known, whichever ends first. The sampler is seeded anew for every trial,
    by its number. So neither the number of workers nor their speed nor their place changes any
    trial. A trial that was interrupted, or for which memory or disk gave way, is run again under
    its number, hence with its values and seeds, before anything after it is told: an interrupted
    study ends like one that was not. A trial whose process died, or for which the machine gave way,
    a few times in vain fails; while the machine gives way, all workers rest.

    Args:
        plan: The study.
        study: The same in its storage.
        layout: Where its lock lies, and its trials leave their folders.
        worker: The process that runs trials.
        pause_s: How long to wait for what the machine lacks, before each further try.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        plan: StudyPlan,
        study: optuna.Study,
        layout: WarehouseLayout,
        *,
        worker: ProcessIdentity,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.time,
    ):
        self.plan = plan
        self.study = study
        self._layout = layout
        self._worker = worker
        self._pause_s, self._clock = pause_s, clock
        self._n_faults = 0
        self._seen: list[FrozenTrial] | None = None  # as it is now, while the lock is held
        study.pruner = pruner_of(plan.profile.pruning)

    @property
    def is_done(self) -> bool:
        """Whether the study has its target."""
        return self._patiently(lambda: n_done(self.study) >= self.plan.n_trials)

    def take(self) -> Task | None:
        """Claim the next trial; None while there is none to run."""
        return self._in_turn(self._take)

    def finish(self, number: int, result: Result) -> int:
        """Take the result of a trial, and tell it when its turn has come.

        A result is dropped if the trial was taken for dead meanwhile and given to another worker,
        who comes to the same one.

        Returns:
            How many trials were told.

        Raises:
            TrialFailedError: If several trials fail in a row.
            InfrastructureError: If the machine gives way several times in a row.
        """
        n_told = self._in_turn(lambda: self._settle() if self._accept(number, result) else 0)
        if self._n_faults >= N_TRIES:
            raise gave_way(self.plan.study_name, result.reason)
        return n_told

    def holds(self, number: int) -> bool:
        """Whether a trial is still this worker's, and was not taken for dead with it."""
        return self._in_turn(lambda: self._is_mine(self._all[number]))

    def release(self) -> None:
        """Let others run what this worker has claimed, and, as the last one, what was asked."""
        self._in_turn(self._release)

    def _in_turn(self, act: Callable[[], _T]) -> _T:
        """Do something under the study's lock; to do all of it again changes nothing."""

        def locked() -> _T:
            with study_lock(self._layout, self.plan.study_name, timeout_s=_LOCK_TIMEOUT_S):
                self._seen = None
                return act()

        return self._patiently(locked)

    def _take(self) -> Task | None:
        if self._n_left <= 0 or is_resting(self.study, now=self._clock(), pause_s=self._pause_s):
            return None
        self._put_back_orphans()
        self._settle()
        return self._claim()

    @property
    def _all(self) -> list[FrozenTrial]:
        """All trials, by number."""
        if self._seen is None:
            self._seen = self.study.get_trials(deepcopy=False)
        return self._seen

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return [trial for trial in self._all if trial.state in states]

    @property
    def _n_left(self) -> int:
        return self.plan.n_trials - len(self._trials(*DONE))

    def _is_mine(self, trial: FrozenTrial) -> bool:
        return trial.state is TrialState.RUNNING and claim_of(trial) == self._worker

    def _accept(self, number: int, result: Result) -> bool:
        trial = self._all[number]
        if not self._is_mine(trial):
            return False
        if result.outcome is Outcome.FAULT:
            n_in_a_row = note_fault(self.study, now=self._clock(), pause_s=self._pause_s)
            self._put_back(trial, reason=result.reason if n_in_a_row else None)
            self._n_faults = n_in_a_row or 0
        else:
            note_result(self.study, now=self._clock())
            self._n_faults = 0
            self._set(trial, _RESULT, result.to_json())
        return True

    def _settle(self) -> int:
        """Tell what has its turn, and ask in its place; say how many were told."""
        n_told = 0
        while True:
            self._fill()
            first = min(self._trials(*_UNFINISHED), key=lambda t: t.number, default=None)
            if first is None or first.state is not TrialState.RUNNING or not _has_result(first):
                return n_told
            self._tell(first)
            self._stop_when_nothing_works()
            n_told += 1

    def _fill(self) -> None:
        while self._is_short:
            advise_if_due(self.study, self.plan)
            self._ask()

    @property
    def _is_short(self) -> bool:
        n_running = len(self._trials(TrialState.RUNNING))
        return n_running < min(self._n_left, self.plan.profile.n_asked_ahead)

    def _ask(self) -> None:
        self._seen = None
        self._put_back_half_asked()  # of an earlier try at asking
        number = self._next_number()
        seed = self.plan.seed_of("sampler", number)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
        self._seen = None
        ask(self.study, self.plan.space)

    def _next_number(self) -> int:
        waiting = (trial.number for trial in self._trials(TrialState.WAITING))
        return min(waiting, default=len(self._all))

    def _claim(self) -> Task | None:
        for trial in self._trials(TrialState.RUNNING):
            if claim_of(trial) is None and not _has_result(trial):
                self._clear_folder(trial)
                mark_claim(self.study, trial, self._worker)
                params = self.plan.space.values(trial.params)
                rivals = self._rivals(trial.number)
                return Task(plan=self.plan, number=trial.number, params=params, rivals=rivals)
        return None

    def _clear_folder(self, trial: FrozenTrial) -> None:
        """Remove what an earlier try left on this machine; what is another search's stays."""
        folder = self._layout.trial(self.plan.study_name, trial.number)
        if folder.exists() and not was_tried(trial):
            raise WarehouseError(
                f"{folder} is there, but trial {trial.number} of {self.plan.study_name} was never "
                "run: another search has left it. Move it away, or choose another name."
            )
        remove_folder(folder)

    def _rivals(self, number: int) -> tuple[Rival, ...]:
        """Collect the complete trials that were known when a trial was asked."""
        if self.plan.profile.pruning is None:
            return ()
        n_ahead = self.plan.profile.n_asked_ahead
        return tuple(
            Rival(value=trial.value, looks=tuple(looks.values()))
            for trial in self._trials(TrialState.COMPLETE)
            if trial.value is not None and trial.number + n_ahead <= number
            for looks in [dict(sorted(trial.intermediate_values.items()))]
        )

    def _tell(self, trial: FrozenTrial) -> None:
        result = Result.from_json(trial.user_attrs[_RESULT])
        for split, value in enumerate(result.looks):
            self.study._storage.set_trial_intermediate_value(trial._trial_id, split, value)
        if result.reason is not None:
            name = "pruned" if result.outcome is Outcome.PRUNED else "failure"
            self._set(trial, name, result.reason)
        state, self._seen = _STATES[result.outcome], None
        self.study.tell(trial.number, values=result.value, state=state, skip_if_finished=True)

    def _put_back_orphans(self) -> None:
        """Free the trials that nobody runs any more; what a process did not survive counts."""
        self._put_back_half_asked()
        for trial in self._trials(TrialState.RUNNING):
            owner = claim_of(trial)
            if owner is None or _has_result(trial):
                continue
            if owner == self._worker:
                self._put_back(trial, reason=None)
            elif owner.is_gone():
                self._put_back(trial, reason="Its process died.")
            elif not owner.is_here and is_stale(self.study, trial):
                self._put_back(trial, reason="Its worker gave no sign of life.")

    def _put_back_half_asked(self) -> None:
        names = {parameter.raw_name for parameter in self.plan.space.parameters}
        for trial in self._trials(TrialState.RUNNING):
            if not names <= trial.params.keys():
                self._put_back(trial, reason=None)

    def _put_back(self, trial: FrozenTrial, *, reason: str | None) -> None:
        name, self._seen = self.plan.study_name, None
        remove_folder(self._layout.trial(name, trial.number))  # it was never counted
        if (why_not := put_back(self.study, trial, reason=reason)) is not None:
            remove_folder(self._layout.checkpoints(name, trial.number))
            failed = Result(outcome=Outcome.FAILED, reason=why_not)
            self._set(trial, _RESULT, failed.to_json())

    def _release(self) -> None:
        self._put_back_orphans()
        running = self._trials(TrialState.RUNNING)
        if any(claim_of(trial) is not None and not _has_result(trial) for trial in running):
            return  # others are at it
        for trial in running:
            put_back(self.study, trial, reason=None)

    def _set(self, trial: FrozenTrial, name: str, value: object) -> None:
        self._seen = None
        self.study._storage.set_trial_user_attr(trial._trial_id, name, value)

    def _patiently(self, act: Callable[[], _T]) -> _T:
        return patiently(act, self.plan.study_name, pause_s=self._pause_s)

    def _stop_when_nothing_works(self) -> None:
        known = [trial for trial in self._all if trial.state.is_finished()]
        last = known[-_MAX_FAILURES_IN_A_ROW:]
        reasons = [trial.user_attrs.get("failure") for trial in last]
        if len(last) == _MAX_FAILURES_IN_A_ROW and all(reasons):
            raise TrialFailedError(
                f"The last {len(last)} trials of {self.plan.study_name} failed. "
                f"The last one: {reasons[-1]}"
            )


def _has_result(trial: FrozenTrial) -> bool:
    return _RESULT in trial.user_attrs
