"""Optuna studies: opened under an identity, and topped up to their target."""

import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError

from cappuccino_assets.errors import (
    CampaignMismatchError,
    InfrastructureError,
    TrialFailedError,
    TrialPrunedError,
)
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.spaces import suggest

Objective = Callable[[dict[str, Value], int, Pruner | None], float]

DONE: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_BUSY_TIMEOUT_S: Final = 60
_HEARTBEAT_S: Final = 15
_GRACE_S: Final = 90
_MAX_RETRIES: Final = 3
_MAX_FAILURES_IN_A_ROW: Final = 5
_FAULTS: Final = (InfrastructureError, StorageInternalError, OperationalError)  # of the machine


@contextmanager
def study_storage(path: Path) -> Iterator[RDBStorage]:
    """Open the SQLite database of all studies, and close it in the end.

    Readers never block the writer (WAL), and writers wait for each other. A running trial beats;
    one that no longer does is failed and tried again.

    Args:
        path: The database; it is made where it is absent.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with _experimental_allowed():
        storage = RDBStorage(
            f"sqlite:///{path}",
            engine_kwargs={"connect_args": {"timeout": _BUSY_TIMEOUT_S}},
            heartbeat_interval=_HEARTBEAT_S,
            grace_period=_GRACE_S,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(_MAX_RETRIES),
        )
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def open_study(plan: StudyPlan, storage: RDBStorage) -> optuna.Study:
    """Make a study, or find the one of that name.

    Raises:
        CampaignMismatchError: If the one that exists is about something else; names the difference.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # failures are kept with their trial
    study = optuna.create_study(
        storage=storage, study_name=plan.study_name, direction="maximize", load_if_exists=True
    )
    stored, has_trials = study.user_attrs, bool(study.get_trials(deepcopy=False))
    for field, asked in plan.identity.items():
        if field not in stored and not has_trials:
            study.set_user_attr(field, asked)
        elif stored.get(field) != asked:
            raise _mismatch(plan.study_name, field, stored.get(field), asked)
    return study


def n_done(study: optuna.Study) -> int:
    """Count the trials that count: complete and pruned."""
    return len(study.get_trials(deepcopy=False, states=DONE))


def best_score(study: optuna.Study) -> float | None:
    """Find the best score so far, by sign; None before the first."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max((trial.value for trial in complete if trial.value is not None), default=None)


def top_up(
    plan: StudyPlan,
    layout: WarehouseLayout,
    storage: RDBStorage,
    objective: Objective,
    *,
    on_trial: Callable[[optuna.Study], None],
    pause_s: float = 10.0,
) -> None:
    """Run trials until the study has its target.

    One process at a time runs a study, under a kernel lock: so a trial that is still marked as
    running belongs to a process that died, and is failed and tried again at once. The sampler is
    seeded anew for every trial, by the number of trials there are: a study that is interrupted
    between two trials goes on as if it had not been. A trial that is killed in the middle fails,
    and its values are tried again under a new number, hence with other seeds; so what comes after
    it differs from an uninterrupted study. So it is with a trial for which memory, disk or database
    gave way.

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
    with exclusive(layout.study_lock(plan.study_name), timeout_s=1):
        study = open_study(plan, storage)
        study.pruner = pruner_of(plan.profile.pruning)
        n_faults = 0
        while n_done(study) < plan.n_trials:
            fault = _run_next(study, plan, objective)
            n_faults = n_faults + 1 if fault else 0
            if fault:
                _wait_for_the_machine(fault, study, n_in_a_row=n_faults, pause_s=pause_s)
            _stop_when_nothing_works(study)
            on_trial(study)


def pruner_of(rule: PruningRule | None) -> optuna.pruners.BasePruner:
    """Make the pruner that a study follows; without a rule it stops nothing."""
    if rule is None:
        return optuna.pruners.NopPruner()
    with _experimental_allowed():
        return optuna.pruners.WilcoxonPruner(p_threshold=rule.p_threshold)


def why_hopeless(trial: optuna.Trial, rule: PruningRule, values: Sequence[float]) -> str | None:
    """Report a half-trained trial's splits, and compare them with those of the best trial.

    Args:
        trial: A running trial of a study that follows the rule's pruner.
        rule: The rule.
        values: One per split: how much better it does than buy and hold.

    Returns:
        Why the trial should stop; None if it should go on.
    """
    for split, value in enumerate(values):
        trial.report(value, step=split)
    complete = trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < rule.n_startup_trials or not trial.should_prune():
        return None
    return (
        f"its splits are worse than those of trial {trial.study.best_trial.number}, the best one, "
        f"were after the same share of its steps (p < {rule.p_threshold})"
    )


@contextmanager
def _experimental_allowed() -> Iterator[None]:
    """Heartbeats have been experimental in Optuna since its version 2.8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _run_next(study: optuna.Study, plan: StudyPlan, objective: Objective) -> str | None:
    """Run one trial; say what gave way when the machine did."""
    rule = plan.profile.pruning

    def scored(trial: optuna.Trial) -> float:
        prune = None if rule is None else partial(why_hopeless, trial, rule)
        try:
            return objective(suggest(trial, plan.space), trial.number, prune)
        except TrialFailedError as error:
            trial.set_user_attr("failure", str(error))
            raise
        except TrialPrunedError as error:
            trial.set_user_attr("pruned", str(error))
            raise optuna.TrialPruned(str(error)) from error
        except _FAULTS as error:
            trial.set_user_attr("failure", str(error))
            _retry(study, study.get_trials()[trial.number])
            raise

    try:
        _retry_abandoned(study)
        seed = plan.seed_of("sampler", len(study.get_trials(deepcopy=False)))
        study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
        study.optimize(scored, n_trials=1, catch=(TrialFailedError,))
    except _FAULTS as error:
        return str(error)
    except AssertionError as error:  # Optuna's: no end of the trial could be recorded
        if not isinstance(error.__context__, _FAULTS):
            raise
        return str(error.__context__)
    return None


def _wait_for_the_machine(
    fault: str, study: optuna.Study, *, n_in_a_row: int, pause_s: float
) -> None:
    if n_in_a_row > _MAX_RETRIES:
        raise InfrastructureError(
            f"{study.study_name} stops, for the machine gave way {n_in_a_row} times in a row. It "
            f"can be continued once there is room. The last time: {fault}"
        )
    time.sleep(pause_s)


def _retry_abandoned(study: optuna.Study) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        _retry(study, trial)


def _retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial's values again, unless that was done too often."""
    with _experimental_allowed():
        retry = RetryHeartbeatStaleTrialCallback(_MAX_RETRIES)
    trial.user_attrs = {}  # why it failed is not why the next one does
    retry(study, trial)


def _stop_when_nothing_works(study: optuna.Study) -> None:
    last = study.get_trials(deepcopy=False)[-_MAX_FAILURES_IN_A_ROW:]
    reasons = [trial.user_attrs.get("failure") for trial in last]
    if len(last) == _MAX_FAILURES_IN_A_ROW and all(reasons):
        raise TrialFailedError(
            f"The last {len(last)} trials of {study.study_name} failed. The last one: {reasons[-1]}"
        )


def _mismatch(study_name: str, field: str, stored: Any, asked: Any) -> CampaignMismatchError:
    if field == "space":
        for name in sorted(stored | asked):
            before, now = stored.get(name), asked.get(name)
            if before != now:
                return CampaignMismatchError(
                    study_name, f"range of {name}", stored=before, asked=now
                )
    return CampaignMismatchError(study_name, field, stored=stored, asked=asked)
