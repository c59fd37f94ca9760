"""Advice for a study: asked at fixed numbers of trials, checked, and put next in its queue."""

from collections.abc import Iterable, Sequence
from traceback import format_exception_only
from typing import Any, Final

import optuna
from optuna.trial import TrialState

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.tuning.advisors import (
    FAULT,
    KnownTrial,
    Proposal,
    Question,
    advisor_named,
    require_own,
)
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.tuning.studies import DONE
from cappuccino_assets.types import Json

ADVICE: Final = "advice"  # attribute of an advised trial: round, place and reason
N_PROPOSALS: Final = 3
_MAX_FAULT: Final = 1_000  # characters of what is kept of a fault
_QUEUED: Final = "fixed_params"  # where Optuna keeps what is queued
_ASKED: Final = (TrialState.RUNNING, TrialState.WAITING)


def advise_if_due(study: optuna.Study, plan: StudyPlan) -> None:
    """Put the configurations that the advisor proposes next in a study's queue, when it is time.

    It is time whenever a further `advise_every` trials are done. What is proposed is kept with the
    study before any of it is queued, so that whoever comes after a crash queues what is missing
    and nothing twice. To be called under the study's lock before each asking: then what is known,
    and hence what is proposed, does not depend on who runs the study. An advisor that fails or
    proposes what
    is no configuration of the space, proposes nothing in that round; what was wrong is kept with
    the study. What is known already is not tried again.

    Args:
        study: The study in its storage.
        plan: The same.

    Raises:
        ConfigurationError: If the advisor neither comes with this package nor is the one that
            the settings name.
    """
    if plan.advice is None:
        return
    number = len(study.get_trials(deepcopy=False, states=DONE)) // plan.advice["every"]
    if number == 0:
        return
    proposals = study.user_attrs.get(_round(number))
    if proposals is None:
        if (n_wanted := min(N_PROPOSALS, _room(study, plan))) == 0:
            return
        require_own(plan.advisor)
        proposals = _proposed(study, plan, number, n_wanted)
        study.set_user_attr(_round(number), proposals)
    queued = {(each["round"], each["place"]) for each in advised(study)}
    for proposal in proposals:
        if (number, proposal["place"]) not in queued:
            _queue(study, plan.space, number, proposal)


def advised(study: optuna.Study) -> list[Json]:
    """Collect the attribute `advice` of all trials that have it, in the order of their numbers."""
    trials = study.get_trials(deepcopy=False)
    return [trial.user_attrs[ADVICE] for trial in trials if ADVICE in trial.user_attrs]


def require_valid(
    proposals: Sequence[Any], space: SearchSpace, *, n_wanted: int, whose: str
) -> None:
    """Refuse proposals that a study could not try.

    Args:
        proposals: What an advisor answered.
        space: Where they must lie.
        n_wanted: How many there may be.
        whose: Name of the advisor, for the error.

    Raises:
        ConfigurationError: The rule, and what breaks it.
    """
    if len(proposals) > n_wanted:
        raise ConfigurationError(
            f"The advisor {whose!r} may propose {n_wanted} configurations, but proposes "
            f"{len(proposals)}."
        )
    for place, proposal in enumerate(proposals, start=1):
        for fault in _faults(proposal, space):
            raise ConfigurationError(f"Proposal {place} of the advisor {whose!r} {fault}.")


def _faults(proposal: Any, space: SearchSpace) -> Iterable[str]:
    if not isinstance(proposal, Proposal):
        yield f"is a {type(proposal).__name__}, not a Proposal"
        return
    if not proposal.reason.strip():
        yield "has no reason"
    for name in sorted(set(proposal.params) ^ set(space.names)):
        what = "is missing" if name in space.names else "is none of the space's"
        yield f"cannot be tried: the parameter {name!r} {what}"
    for parameter in space.parameters:
        if parameter.name not in proposal.params:
            continue
        value = proposal.params[parameter.name]
        if not parameter.distribution.contains(value):
            yield (
                f"is outside of the space: {parameter.name} is {value!r}, which is none of "
                f"{parameter.distribution}"
            )


def _room(study: optuna.Study, plan: StudyPlan) -> int:
    """How many trials the target still has room for, besides those that are asked already."""
    n_counted = len(study.get_trials(deepcopy=False, states=(*DONE, *_ASKED)))
    return max(0, plan.n_trials - n_counted)


def _proposed(study: optuna.Study, plan: StudyPlan, number: int, n_wanted: int) -> list[Json]:
    question = Question(
        study_name=plan.study_name,
        space=plan.space,
        trials=tuple(_known(study, plan.space)),
        n_wanted=n_wanted,
        seed=plan.seed_of(ADVICE, number),
    )
    tried = list(_tried(study, plan.space))
    try:
        proposals = _answer(plan.advisor, question)
    except Exception as error:  # noqa: BLE001 - an advisor is foreign code, and may raise anything
        # A study must not stop for ever, for everyone, because its advisor does.
        text = "".join(format_exception_only(error)).strip()
        study.set_user_attr(f"{FAULT}{number}", text[:_MAX_FAULT])
        return []
    return list(_new(proposals, tried))


def _answer(name: str, question: Question) -> list[Json]:
    proposals = advisor_named(name).propose(question)
    require_valid(proposals, question.space, n_wanted=question.n_wanted, whose=name)
    return [{"params": dict(each.params), "reason": each.reason} for each in proposals]


def _new(proposals: Sequence[Json], tried: list[Json]) -> Iterable[Json]:
    """Leave out what the study has tried, or is to try, and number the others."""
    place = 0
    for each in proposals:
        if each["params"] not in tried:
            tried.append(each["params"])
            place += 1
            yield {"place": place, **each}


def _tried(study: optuna.Study, space: SearchSpace) -> Iterable[Json]:
    """Collect the values of all trials, those that are running or queued too."""
    names = {each.raw_name for each in space.parameters}
    for trial in study.get_trials(deepcopy=False):
        raw = trial.params if names <= trial.params.keys() else trial.system_attrs.get(_QUEUED, {})
        if names <= raw.keys():
            yield dict(space.values(raw))


def _known(study: optuna.Study, space: SearchSpace) -> Iterable[KnownTrial]:
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if trial.value is not None:
            yield KnownTrial(
                number=trial.number, score=trial.value, params=space.values(trial.params)
            )


def _queue(study: optuna.Study, space: SearchSpace, number: int, proposal: Json) -> None:
    raw = {
        each.raw_name: each.distribution.raw(proposal["params"][each.name])
        for each in space.parameters
    }
    advice = {"round": number, "place": proposal["place"], "reason": proposal["reason"]}
    study.enqueue_trial(raw, user_attrs={ADVICE: advice})


def _round(number: int) -> str:
    return f"{ADVICE}_{number}"
