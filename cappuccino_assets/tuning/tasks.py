"""One trial as a piece of work: what it takes, and what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite
from typing import Self

import optuna
from optuna.trial import create_trial

from cappuccino_assets.errors import InfrastructureError, TrialFailedError, TrialPrunedError
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.pruning import Pruner
from cappuccino_assets.tuning.studies import pruner_of, why_hopeless
from cappuccino_assets.types import Json

Objective = Callable[[dict[str, Value], int, Pruner | None], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A complete trial, as far as pruning compares with it.

    Attributes:
        value: Its score.
        looks: One value per split, from when it was part of the way.
    """

    value: float
    looks: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A trial to be run, by whatever process.

    Attributes:
        plan: The study.
        number: The trial's number in it.
        params: A value for every parameter of its space.
        rivals: Complete trials when it was asked, where the study prunes.
    """

    plan: StudyPlan
    number: int
    params: dict[str, Value]
    rivals: tuple[Rival, ...]


class Outcome(StrEnum):
    """What may become of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    FAULT = "fault"  # of the machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a trial.

    Attributes:
        outcome: In one word.
        value: The score of a complete trial.
        reason: Why it is not complete.
        looks: One value per split, from when it was part of the way.
    """

    outcome: Outcome
    value: float | None = None
    reason: str | None = None
    looks: tuple[float, ...] = ()

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        outcome, looks = Outcome(value["outcome"]), tuple(value["looks"])
        return cls(**value | {"outcome": outcome, "looks": looks})


def perform(task: Task, objective: Objective) -> Result:
    """Run a trial; only an error of the program is raised.

    Args:
        task: The trial.
        objective: Scores values, given the trial's number and who may prune it.
    """
    looks: list[float] = []

    def prune(values: Sequence[float]) -> str | None:
        looks.extend(values)
        return _judgement(task, values)

    try:
        value = objective(task.params, task.number, prune if task.plan.profile.pruning else None)
    except TrialPrunedError as error:
        return Result(outcome=Outcome.PRUNED, reason=str(error), looks=tuple(looks))
    except TrialFailedError as error:
        return Result(outcome=Outcome.FAILED, reason=str(error), looks=tuple(looks))
    except InfrastructureError as error:
        return Result(outcome=Outcome.FAULT, reason=str(error))
    if not isfinite(value):
        return Result(outcome=Outcome.FAILED, reason=f"Its score is {value}.", looks=tuple(looks))
    return Result(outcome=Outcome.COMPLETE, value=value, looks=tuple(looks))


def _judgement(task: Task, values: Sequence[float]) -> str | None:
    """Compare with the rivals in a study of its own, which no other process writes to."""
    rule = task.plan.profile.pruning
    if rule is None:
        raise ValueError(f"{task.plan.study_name} prunes nothing.")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # nobody wants to hear of this study
    study = optuna.create_study(direction="maximize", pruner=pruner_of(rule))
    for rival in task.rivals:
        looks = dict(enumerate(rival.looks))
        study.add_trial(create_trial(value=rival.value, intermediate_values=looks))
    return why_hopeless(study.ask(), rule, values)
