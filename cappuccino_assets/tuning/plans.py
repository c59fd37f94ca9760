"""What one study is to do; light enough to be planned without loading torch or Optuna."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cappuccino_assets.errors import ConfigurationError, HistoryTooShortError
from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import FeatureContract, Layout, market_contract
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.advisors import ANALYSIS, OFF
from cappuccino_assets.tuning.distributions import Integers
from cappuccino_assets.tuning.holdout import bars_for_rows
from cappuccino_assets.tuning.profiles import Profile
from cappuccino_assets.tuning.seeds import derive_seed
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.types import Json

MIN_TRAIN_CYCLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """One study: what it searches, on which bars, by which rules.

    Attributes:
        study_name: `CAMPAIGN/phase1_7d_1h`, `CAMPAIGN/phase2_ppo` and so on.
        campaign: Name of the campaign.
        profile: Budget, of which the splits are part.
        space: Phase, algorithm and ranges.
        symbols: Traded pairs, in order.
        timeframe: Length of a trading cycle.
        interval: Length of a bar.
        n_trials: Trials to complete, pruned ones included.
        seed: The campaign's seed.
        fees: Name of the fee schedule.
        dataset_digest: Digest of the bars at this interval.
        history_from: Open time of the campaign's first bar, UTC.
        holdout_from: Time from which on no trial sees anything, UTC; the whole campaign's.
        arrays: Folder of the feature arrays, the hold-out included.
        advisor: Who proposes configurations: `analysis`, `off` or package.module:Factory.
    """

    study_name: str
    campaign: str
    profile: Profile
    space: SearchSpace
    symbols: tuple[str, ...]
    timeframe: Timeframe
    interval: Interval
    n_trials: int
    seed: int
    fees: str
    dataset_digest: str
    history_from: datetime
    holdout_from: datetime
    arrays: Path
    advisor: str = ANALYSIS

    @property
    def phase(self) -> int:
        """1 or 2."""
        return self.space.phase

    @property
    def algorithm(self) -> str:
        """`ppo` or `ddqn`."""
        return self.space.algorithm

    @property
    def cycle_bars(self) -> int:
        """Bars of one trading cycle."""
        return self.timeframe.bars(self.interval)

    @property
    def contract(self) -> FeatureContract:
        """Market part of the contract of its arrays; phase 2 adds the rolling features."""
        return market_contract(
            symbols=self.symbols,
            interval=self.interval,
            layout=Layout.COMPACT,
            enhanced=self.phase == 2,
        )

    @property
    def advice(self) -> Json | None:
        """Who is asked for advice, and after how many trials each time; None where nobody is."""
        every = self.profile.advise_every
        if self.advisor == OFF or every is None or every >= self.n_trials:
            return None
        return {"advisor": self.advisor, "every": every}

    @property
    def identity(self) -> Json:
        """What a study may not change while it is continued."""
        return {
            "campaign": self.campaign,
            "phase": self.phase,
            "algorithm": self.algorithm,
            "symbols": list(self.symbols),
            "timeframe": self.timeframe.value,
            "interval": self.interval.value,
            "dataset_digest": self.dataset_digest,
            "seed": self.seed,
            "fees": self.fees,
            "splits": [
                self.profile.n_groups,
                self.profile.n_test_groups,
                self.profile.embargo_days,
            ],
            "pruning": None if self.profile.pruning is None else self.profile.pruning.to_json(),
            "n_asked_ahead": self.profile.n_asked_ahead,
            "advice": self.advice,
            "holdout_from": self.holdout_from.isoformat(),
            "space": self.space.to_json(),
        }

    def seed_of(self, *part: str | int) -> int:
        """Derive the seed of a part of this study, for example of trial 7."""
        return derive_seed(self.seed, self.study_name, *part)

    def member_seeds(self, number: int, n_members: int) -> list[int]:
        """Derive a seed for each policy of a trial."""
        return [self.seed_of(number, member) for member in range(n_members)]

    def splits(self, *, memory_bars: int, lookback: int) -> CombinatorialPurgedSplits:
        """Lay out the cross-validation of a trial.

        Args:
            memory_bars: How far back one row of features looks.
            lookback: Bars in one observation.
        """
        return CombinatorialPurgedSplits(
            n_groups=self.profile.n_groups,
            n_test_groups=self.profile.n_test_groups,
            purge_bars=memory_bars + lookback - 1,
            embargo_bars=self.profile.embargo_days * self.interval.bars_per_day,
            min_train_bars=MIN_TRAIN_CYCLES * self.cycle_bars,
        )

    def search_arrays(self, arrays: FeatureArrays) -> FeatureArrays:
        """Cut the final hold-out off, so that it is out of every trial's reach."""
        search, _ = arrays.split_at(self.holdout_from)
        return search


def require_enough_history(plan: StudyPlan, arrays: FeatureArrays) -> None:
    """Refuse a history on which a trial of the study would have too little to train or test on.

    Args:
        plan: The study.
        arrays: Its feature arrays, the hold-out included.

    Raises:
        HistoryTooShortError: With the number of bars that the whole history would need.
    """
    memory_bars = arrays.contract.memory_bars
    splits = plan.splits(memory_bars=memory_bars, lookback=_longest_lookback(plan.space))
    try:
        splits.split(plan.search_arrays(arrays).segment)
    except HistoryTooShortError as error:
        rows_from = datetime.fromtimestamp(int(arrays.open_time[0]), UTC)
        n_before = (rows_from - plan.history_from) // timedelta(seconds=plan.interval.seconds)
        raise HistoryTooShortError(
            f"{plan.study_name} cannot be searched on {plan.interval} bars, of which "
            f"{n_before} warm the features up and the last "
            f"{plan.profile.holdout_fraction:.0%} are held out",
            n_bars=n_before + arrays.n_bars,
            n_required=bars_for_rows(
                max(error.n_required, splits.shortest_history()),
                history_from=plan.history_from,
                rows_from=rows_from,
                interval=plan.interval,
                fraction=plan.profile.holdout_fraction,
            ),
        ) from error


def require_study_arrays(plan: StudyPlan, search: FeatureArrays) -> None:
    """Refuse arrays that are not a study's, or that reach into its hold-out.

    Raises:
        ConfigurationError: With what differs.
    """
    expected = {"dataset_digest": plan.dataset_digest, **plan.contract.to_json()}
    found = {"dataset_digest": search.dataset_digest, **search.contract.to_json()}
    for name, value in expected.items():
        if found[name] != value:
            raise ConfigurationError(
                f"{plan.study_name} is about the {name} {value!r}, "
                f"but its arrays have {found[name]!r}."
            )
    closed_at = datetime.fromtimestamp(int(search.open_time[-1]) + plan.interval.seconds, UTC)
    if closed_at > plan.holdout_from:
        raise ConfigurationError(
            f"{plan.study_name} may see nothing from {plan.holdout_from} on, "
            f"but its arrays end at {closed_at}."
        )


def _longest_lookback(space: SearchSpace) -> int:
    ranges = {parameter.name: parameter.distribution for parameter in space.parameters}
    lookback = ranges["lookback"]
    if not isinstance(lookback, Integers):
        raise TypeError(f"A lookback is an integer, but comes from {lookback}.")
    return lookback.high
