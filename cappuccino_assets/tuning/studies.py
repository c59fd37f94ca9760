"""Optuna studies: opened under an identity, and judged."""

import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.storage.study_database import POSTGRES_ARGUMENTS, speak_utc
from cappuccino_assets.tuning.code_version import releases
from cappuccino_assets.tuning.patience import patiently
from cappuccino_assets.tuning.plan_json import plan_from_json, plan_to_json
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import PruningRule
from cappuccino_assets.types import Json

DONE: Final = (TrialState.COMPLETE, TrialState.PRUNED)
HEARTBEAT_S: Final = 10
GRACE_S: Final = 60
_BUSY_TIMEOUT_S: Final = 60
_SQLITE: Final[Json] = {"connect_args": {"timeout": _BUSY_TIMEOUT_S}}
_SERVER: Final[Json] = {"connect_args": POSTGRES_ARGUMENTS, "pool_pre_ping": True}
_MAX_RETRIES: Final = 3
_WORKER: Final = "worker"  # attributes of a trial: the process that has it,
_GIVEN_UP: Final = "given_up"  # and the reasons of its tries in vain
_PLAN: Final = "plan"  # of a study: what whoever joins it needs to know,
_CODE: Final = "code"  # the releases that run it,
_SHARED: Final = "shared"  # and whether its results are shared


@contextmanager
def study_storage(
    layout: WarehouseLayout, *, heartbeat_s: int = HEARTBEAT_S, grace_s: int = GRACE_S
) -> Iterator[RDBStorage]:
    """Open the database of all studies, and close it in the end.

    Args:
        layout: Where it is: on a server, or a file, which is made where it is absent.
        heartbeat_s: Seconds between two signs of life of a trial that is run.
        grace_s: Seconds without one after which a trial of another machine counts as given up.
    """

    def connect() -> RDBStorage:
        url, arguments = layout.studies_url, _SERVER
        if url is None:
            url, arguments = _sqlite_url(layout.studies), _SQLITE
        with _experimental_allowed():
            return RDBStorage(
                url,
                engine_kwargs=dict(arguments),
                heartbeat_interval=heartbeat_s,
                grace_period=grace_s,
            )

    storage = patiently(connect, "The search")
    if layout.studies_url is not None:
        speak_utc(storage.engine)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _sqlite_url(path: Path) -> str:
    """Make the file where it is absent; readers never block the writer, and writers wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return f"sqlite:///{path}"


def publish_plan(plan: StudyPlan, storage: RDBStorage, layout: WarehouseLayout) -> optuna.Study:
    """Open a study, and leave its plan there for whoever joins it.

    Raises:
        CampaignMismatchError: If the one that exists is about something else; names the difference.
    """
    study, value = open_study(plan, storage), plan_to_json(plan, layout)
    attributes = {_CODE: releases(), _SHARED: layout.artifacts_url is not None, _PLAN: value}
    for name, each in attributes.items():  # the plan last: with it, the study can be joined
        if study.user_attrs.get(name) != each:
            study.set_user_attr(name, each)
    return study


def require_joinable(study: optuna.Study, layout: WarehouseLayout) -> None:
    """Refuse to lend a hand where a trial would not be the same, or its results would be lost.

    Raises:
        ConfigurationError: If the study is run by other releases, or shares its results through a
            place that is not set here.
    """
    theirs, ours = study.user_attrs[_CODE], releases()
    for name in sorted(theirs | ours):
        if theirs.get(name) != ours.get(name):
            raise ConfigurationError(
                f"{study.study_name} is run with {name} {theirs.get(name)}, but here it is "
                f"{ours.get(name)}: a trial would not be the same. Install that release here."
            )
    if study.user_attrs[_SHARED] and layout.artifacts_url is None:
        raise ConfigurationError(
            f"{study.study_name} shares its results: set CAPPUCCINO_ARTIFACTS_URL to the place "
            "where the machine that has begun it leaves them."
        )


def published_plans(name: str, storage: RDBStorage, layout: WarehouseLayout) -> list[StudyPlan]:
    """Find the studies of a campaign that were begun, or the one of that name.

    Args:
        name: Campaign, or study; all of them where it is empty.
        storage: Where studies are kept.
        layout: The warehouse of this process.
    """
    plans = [
        plan_from_json(summary.user_attrs[_PLAN], layout)
        for summary in storage.get_all_studies()
        if _PLAN in summary.user_attrs
        and (name in ("", summary.study_name) or summary.study_name.startswith(f"{name}/"))
    ]
    return sorted(plans, key=lambda plan: (plan.phase, plan.study_name))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """How far a study is.

    Attributes:
        study_name: The study.
        n_done: Its complete and pruned trials.
        best_score: Its best score; None before the first.
    """

    study_name: str
    n_done: int
    best_score: float | None


def state_of(study: optuna.Study) -> StudyState:
    """Say how far a study is."""
    return StudyState(
        study_name=study.study_name, n_done=n_done(study), best_score=best_score(study)
    )


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
        "its splits are worse than those of the best trial were after the same share of its steps "
        f"(p < {rule.p_threshold})"
    )


@contextmanager
def _experimental_allowed() -> Iterator[None]:
    """Heartbeats and the Wilcoxon pruner have been experimental in Optuna for years."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def mark_claim(study: optuna.Study, trial: FrozenTrial, worker: ProcessIdentity) -> None:
    """Record which process runs a trial, and that it lives."""
    _heartbeats(study).record_heartbeat(trial._trial_id)
    study._storage.set_trial_user_attr(trial._trial_id, _WORKER, worker.to_json())


def claim_of(trial: FrozenTrial) -> ProcessIdentity | None:
    """Read which process runs a trial; None if none does."""
    worker = trial.user_attrs.get(_WORKER)
    return None if worker is None else ProcessIdentity.from_json(worker)


def was_tried(trial: FrozenTrial) -> bool:
    """Whether a process ran a trial before, but did not come to its end."""
    return _GIVEN_UP in trial.user_attrs


def is_stale(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Whether the process that runs a trial has given no sign of life for too long.

    The clock is the database's, so those of the machines do not matter.
    """
    return trial._trial_id in _heartbeats(study)._get_stale_trial_ids(study._study_id)


def give_sign_of_life(study: optuna.Study, number: int) -> None:
    """Tell the study's database that a trial is being run."""
    trial_id = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    _heartbeats(study).record_heartbeat(trial_id)


def _heartbeats(study: optuna.Study) -> BaseHeartbeat:
    """Optuna's own loop keeps them; here it is the workers that run trials, so they do."""
    storage = study._storage
    if not isinstance(storage, BaseHeartbeat):
        raise TypeError(f"A study's storage takes signs of life, but {storage} does not.")
    return storage


def put_back(study: optuna.Study, trial: FrozenTrial, *, reason: str | None) -> str | None:
    """Let a running trial be asked again under its number, unless that was done too often.

    Args:
        study: The study, whose lock is held.
        trial: Is running, but nobody runs it.
        reason: What it counts as a try in vain for; None counts nothing.

    Returns:
        None if it will be asked again; otherwise why not.
    """
    reasons = [*trial.user_attrs.get(_GIVEN_UP, []), *([reason] if reason else [])]
    storage, trial_id = study._storage, trial._trial_id  # the public door can only queue a copy
    if claim_of(trial) is not None:  # no claim, no try: whoever repeats this counts nothing twice
        storage.set_trial_user_attr(trial_id, _WORKER, None)
        storage.set_trial_user_attr(trial_id, _GIVEN_UP, reasons)
    if len(reasons) > _MAX_RETRIES:
        return f"It was given up {len(reasons)} times. The last time: {reasons[-1]}"
    storage.set_trial_state_values(trial_id, TrialState.WAITING)
    return None


def _mismatch(study_name: str, field: str, stored: Any, asked: Any) -> CampaignMismatchError:
    if field == "space":
        for name in sorted(stored | asked):
            before, now = stored.get(name), asked.get(name)
            if before != now:
                return CampaignMismatchError(
                    study_name, f"range of {name}", stored=before, asked=now
                )
    return CampaignMismatchError(study_name, field, stored=stored, asked=asked)
