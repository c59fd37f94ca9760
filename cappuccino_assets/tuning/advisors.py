"""Who advises a study: what an advisor is asked, what it answers, and how one is found by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol, runtime_checkable

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.settings import read_settings
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.spaces import SearchSpace

ANALYSIS: Final = "analysis"
OFF: Final = "off"
FAULT: Final = "advice_fault_"  # and a round: attribute of a study whose advisor failed in it


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrial:
    """A complete trial as an advisor sees it.

    Attributes:
        number: Its number in the study.
        score: What it scored; more is better.
        params: A value for every parameter of the space.
    """

    number: int
    score: float
    params: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an advisor is asked.

    Attributes:
        study_name: Of which study.
        space: Where its answers must lie.
        trials: Complete trials, in the order of their numbers.
        n_wanted: Proposals at most.
        seed: Source of all randomness, so that the same question has the same answer.
    """

    study_name: str
    space: SearchSpace
    trials: tuple[KnownTrial, ...]
    n_wanted: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A configuration that an advisor would try.

    Attributes:
        params: A value for every parameter of the space.
        reason: Why, in words; it is kept with the trial.
    """

    params: Mapping[str, Value]
    reason: str


@runtime_checkable
class Advisor(Protocol):
    """Proposes configurations from what a study has found.

    The same question must have the same answer: a study does not depend on who runs it. And an
    answer takes seconds, for all workers of the study wait for it; a slow service belongs behind a
    cache that is filled elsewhere, with no proposals where it has none yet.
    """

    def propose(self, question: Question) -> Sequence[Proposal]:
        """Propose at most as many configurations as are wanted, the best first; none is fine."""
        ...


def advisor_named(name: str) -> Advisor:
    """Find an advisor.

    Args:
        name: `analysis`, or `package.module:Factory`, which is called without arguments.

    Raises:
        ConfigurationError: If there is none of that name, or it cannot be made.
    """
    if name == ANALYSIS:
        from cappuccino_assets.tuning.analysis_advisor import AnalysisAdvisor

        return AnalysisAdvisor()
    module, _, factory = name.partition(":")
    try:
        advisor = getattr(import_module(module), factory)()
    except Exception as error:  # foreign code, which may raise anything
        raise ConfigurationError(
            f"An advisor is `{ANALYSIS}`, `{OFF}` or package.module:Factory, but {name!r} cannot "
            f"be had: {error}."
        ) from error
    if not isinstance(advisor, Advisor):
        raise ConfigurationError(f"An advisor has a method `propose`, but {name!r} has none.")
    return advisor


def require_own(name: str) -> None:
    """Refuse to import an advisor that only a study names, not the settings of this process.

    A study's database may be open to others than those who may run code here.

    Raises:
        ConfigurationError: If it does not come with this package, and is not the one that
            CAPPUCCINO_ADVISOR names.
    """
    if name not in (ANALYSIS, OFF) and name != (own := read_settings().advisor):
        raise ConfigurationError(
            f"The study is advised by {name!r}, but CAPPUCCINO_ADVISOR is {own!r} here: code that "
            "does not come with this package is imported only where the settings name it. Set "
            f"CAPPUCCINO_ADVISOR={name}."
        )


def require_advisor(name: str) -> None:
    """Refuse a name that nobody could be found by, before anything is searched.

    Raises:
        ConfigurationError: If there is no such advisor.
    """
    if name != OFF:
        advisor_named(name)
