"""Budgets by name."""

from dataclasses import dataclass, replace
from itertools import product
from math import comb
from typing import Final

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.pruning import PruningRule

Combination = tuple[Timeframe, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much a campaign searches.

    Attributes:
        name: Name of the profile.
        ranges: Name of the search space's ranges.
        combinations: Timeframe and interval of each study of phase 1.
        n_phase1_trials: Trials of each study of phase 1.
        n_phase2_trials: Trials of each algorithm in phase 2.
        algorithms: Algorithms of phase 2.
        holdout_fraction: Last share of the history, which no trial sees.
        n_groups: Groups of the cross-validation.
        n_test_groups: Groups that each of its splits tests.
        embargo_days: Left out of the training after each test group, besides what is purged.
        pruning: When a trial is stopped before its end; None lets every trial end.
        checkpoint_steps: Environment steps between two checkpoints of a training; None for none,
            where training anew is quicker than what it would cost.
        n_asked_ahead: Trials of a study that may run at the same time: each is asked when all
            others before it are known, so it is part of what a seed reproduces.
        n_retrains: Further seeds with which a finalist is trained anew before it may pass the gate;
            0 for none, and then nothing can pass.
        advise_every: After how many further trials a study's advisor is asked; None for never. A
            study that has no more trials than that is never advised.
    """

    name: str
    ranges: str
    combinations: tuple[Combination, ...]
    n_phase1_trials: int
    n_phase2_trials: int
    algorithms: tuple[str, ...] = ("ppo", "ddqn")
    holdout_fraction: float = 0.15
    n_groups: int = 4
    n_test_groups: int = 2
    embargo_days: int = 1
    pruning: PruningRule | None = None
    checkpoint_steps: int | None = None
    n_asked_ahead: int = 4
    n_retrains: int = 5
    advise_every: int | None = 50

    def __post_init__(self) -> None:
        """Refuse rules by which nothing could be pruned, or no trial would separate two advices.

        Raises:
            ConfigurationError: If a threshold is out of reach.
        """
        if self.advise_every is not None and self.advise_every < 1:
            raise ConfigurationError(f"An advisor waits for trials, but got {self.advise_every=}.")
        if self.pruning is not None:
            self.pruning.require_effective(self.n_splits)

    @property
    def n_splits(self) -> int:
        """Splits of the cross-validation."""
        return comb(self.n_groups, self.n_test_groups)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Intervals that phase 1 needs, shortest first."""
        return tuple(each for each in Interval if each in {i for _, i in self.combinations})

    @property
    def n_trials(self) -> int:
        """Trials of a whole campaign."""
        phase1 = len(self.combinations) * self.n_phase1_trials
        return phase1 + len(self.algorithms) * self.n_phase2_trials


MINI: Final = Profile(
    name="mini",
    ranges="mini",
    combinations=((Timeframe.D5, Interval.H1), (Timeframe.D7, Interval.H1)),
    n_phase1_trials=5,
    n_phase2_trials=5,
    n_retrains=0,
)
# Sixty trials of phase 2, each of some tens of seconds: an evening on a laptop.
MEDIUM: Final = Profile(
    name="medium",
    ranges="medium",
    combinations=((Timeframe.D5, Interval.H1), (Timeframe.D7, Interval.H1)),
    n_phase1_trials=5,
    n_phase2_trials=30,
)
# A year of 5-minute bars takes four times as long to test on as hourly ones: shorter trainings.
MEDIUM_5M: Final = replace(
    MEDIUM,
    name="medium_5m",
    ranges="mini",
    combinations=((Timeframe.D5, Interval.M5), (Timeframe.D7, Interval.M5)),
)
FULL: Final = Profile(
    name="full",
    ranges="full",
    combinations=tuple(product(Timeframe, Interval)),
    n_phase1_trials=20,
    n_phase2_trials=200,
    checkpoint_steps=16_384,
    pruning=PruningRule(fraction=0.5, p_threshold=0.1, n_startup_trials=5),  # docs/pruning.md
)
# A whole search of some seconds, for the placebo arm, which runs hundreds (docs/placebo.md).
PLACEBO: Final = Profile(
    name="placebo",
    ranges="placebo",
    combinations=((Timeframe.D5, Interval.H4),),
    n_phase1_trials=2,
    n_phase2_trials=6,
    advise_every=None,
)
_PROFILES: Final = {profile.name: profile for profile in (MINI, MEDIUM, MEDIUM_5M, FULL, PLACEBO)}


def profile_named(name: str) -> Profile:
    """Look up a profile.

    Raises:
        ConfigurationError: If there is none of that name.
    """
    if name not in _PROFILES:
        raise ConfigurationError(f"The profile must be one of {[*_PROFILES]}, but got {name=}.")
    return _PROFILES[name]
