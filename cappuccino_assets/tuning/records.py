"""What became of every trial that a study ever asked for."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from cappuccino_assets.tuning.advice import ADVICE
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.studies import open_study
from cappuccino_assets.types import Json

_RECORDED: Final = (
    "study_name",
    "campaign",
    "phase",
    "algorithm",
    "timeframe",
    "interval",
    "dataset_digest",
)


def trial_records(plans: Iterable[StudyPlan], storage: RDBStorage) -> list[Json]:
    """Read every trial of some studies, whatever became of it.

    Returns:
        One record per trial: study_name, number, state, value (of a complete one), params (values
        by name), started_at, completed_at (UTC), the study's campaign, phase, algorithm, timeframe,
        interval and dataset_digest, and of one that was advised `advice`: round, place and reason.
    """
    return [
        _record(plan, trial)
        for plan in plans
        for trial in open_study(plan, storage).get_trials(deepcopy=False)
    ]


def _record(plan: StudyPlan, trial: FrozenTrial) -> Json:
    advised = {ADVICE: trial.user_attrs[ADVICE]} if ADVICE in trial.user_attrs else {}
    return (
        {name: getattr(plan, name) for name in _RECORDED}
        | advised
        | {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value if trial.state is TrialState.COMPLETE else None,
            "params": plan.space.values(trial.params),
            "started_at": _utc(trial.datetime_start),
            "completed_at": _utc(trial.datetime_complete),
        }
    )


def _utc(local: datetime | None) -> datetime | None:
    return None if local is None else local.astimezone(UTC)  # Optuna's times are local and naive
