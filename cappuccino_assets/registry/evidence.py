"""What a search as a whole shows, and what one of its trials is worth after all that was tried."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np
import polars as pl

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.bootstrap import return_intervals
from cappuccino_assets.evaluation.certification import (
    noise_variance,
    smallest_certifiable_sharpe_ratio,
)
from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.overfitting import (
    block_edges,
    probability_of_backtest_overfitting,
)
from cappuccino_assets.evaluation.overfitting_null import pbo_of_noise
from cappuccino_assets.evaluation.return_matrix import ReturnMatrix, bar_returns, study_returns
from cappuccino_assets.evaluation.sharpe_statistics import (
    SharpeEstimate,
    deflated_sharpe_ratio,
    expected_max_sharpe_ratio,
    min_track_record_bars,
    probabilistic_sharpe_ratio,
)
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import BoolArray, FloatArray, Json

N_BLOCKS: Final = 16
CONFIDENCE: Final = 0.95
_N_NULL_DRAWS: Final = 50
_N_DRAWS: Final = 1_000
_SEED: Final = 0
_LONGEST_LOOKBACK: Final = 6  # of every search space
_RETURNS: Final = "returns.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """How much the selection among a campaign's finished trials of phase 2 is worth.

    Attributes:
        pbo: Probability of backtest overfitting.
        null_low: Which 5 % of studies without any skill fall below, at independent trials.
        null_high: Which 95 % of them fall below.
        n_compared: Trials whose returns were compared: those that traded in every split, and in
            every half of the history.
        n_bars: Bars on which all of them were tested.
        logits: Of the selections: each that occurs and how often it does, ascending.
    """

    pbo: float
    null_low: float
    null_high: float
    n_compared: int
    n_bars: int
    logits: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignEvidence:
    """What is known of a campaign, whichever of its trials is looked at.

    Attributes:
        campaign: Its name.
        n_trials: Trials that ever ended, pruned and failed ones of every study included, and those
            of the campaigns that it was narrowed from.
        n_bars: Bars that a trial of phase 2 is tested on.
        bars_per_year: Of its interval.
        sharpe_variance: Variance of the Sharpe ratios of the returns above buy and hold, over the
            same trials as far as they are complete.
        luck_variance: Variance of the Sharpe ratios that trials without any skill would have.
        expected_best: Sharpe ratio that the best of so many is expected to have without skill.
        smallest_certifiable: Sharpe ratio above buy and hold at which the deflated one would be
            certain enough if trials differed by luck alone; the least that this history can show.
        overfitting: None where fewer than two trials of phase 2 can be compared.
    """

    campaign: str
    n_trials: int
    n_bars: int
    bars_per_year: float
    sharpe_variance: float
    luck_variance: float
    expected_best: float
    smallest_certifiable: float
    overfitting: Overfitting | None

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        found = value["overfitting"]
        if found is not None:
            found = Overfitting(**found | {"logits": tuple(map(tuple, found["logits"]))})
        return cls(**value | {"overfitting": found})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEvidence:
    """What a trial's test returns are worth, as the best of all that were tried.

    All of it is about its simple returns above buy and hold; each bar's is the mean over its paths.

    Attributes:
        sharpe_excess: Their annualised Sharpe ratio.
        skew: Of these returns.
        kurtosis: Of these returns; 3 for normal ones.
        n_bars: How many there are.
        probabilistic: Probability that the true Sharpe ratio is above 0, if nothing else was tried.
        deflated: Probability that it is above what the best of all trials has by luck. It is what
            the gate asks for.
        deflated_by_spread: The same if all of the spread between trials in the ledger were luck.
        minimum_bars: Bars after which this Sharpe ratio alone would be certain enough; None where
            it is not positive.
        intervals: Bootstrap intervals by name; None where too few bars differ from the others.
    """

    sharpe_excess: float
    skew: float
    kurtosis: float
    n_bars: int
    probabilistic: float
    deflated: float
    deflated_by_spread: float
    minimum_bars: int | None
    intervals: dict[str, ConfidenceInterval] | None

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(**value | {"intervals": intervals_from_json(value["intervals"])})


def intervals_from_json(value: Json | None) -> dict[str, ConfidenceInterval] | None:
    """Read intervals by name."""
    if value is None:
        return None
    return {name: ConfidenceInterval(**each) for name, each in value.items()}


def campaign_evidence(warehouse: Warehouse, campaign: str) -> CampaignEvidence:
    """Judge a campaign's search by all that its ledger and its trials' returns hold.

    Raises:
        IntegrityError: If no trial of phase 2 is complete, or returns are missing or damaged.
    """
    trials = warehouse.query("archive_candidates", {"campaign": campaign}).to_dicts()
    if not trials:
        raise IntegrityError(f"No trial of phase 2 of {campaign} is complete: nothing can be said.")
    ledger = TrialLedger(warehouse)
    n_trials = ledger.n_trials(campaign)
    sharpes = ledger.trial_sharpes(campaign)["sharpe_excess"].to_numpy()
    variance = float(sharpes.var(ddof=1)) if len(sharpes) > 1 else 0.0
    files = {_name(each): _returns(warehouse, each) for each in trials}
    traded = {_name(each): files[_name(each)] for each in trials if not each["no_trades"]}
    bars_per_year = Interval(trials[0]["interval"]).bars_per_year
    n_bars = bar_returns(pl.read_parquet(files[_name(trials[0])])).height
    luck = noise_variance(n_bars=n_bars, bars_per_year=bars_per_year)
    return CampaignEvidence(
        campaign=campaign,
        n_trials=n_trials,
        n_bars=n_bars,
        bars_per_year=bars_per_year,
        sharpe_variance=variance,
        luck_variance=luck,
        expected_best=expected_max_sharpe_ratio(n_trials=n_trials, variance=luck),
        smallest_certifiable=smallest_certifiable_sharpe_ratio(
            n_bars=n_bars, bars_per_year=bars_per_year, n_trials=n_trials, variance=luck
        ),
        overfitting=_overfitting(traded, bars_per_year),
    )


def trial_evidence(returns: pl.DataFrame, campaign: CampaignEvidence) -> TrialEvidence:
    """Judge one trial of a campaign.

    Args:
        returns: Its test returns: split, group, open_time, bot_return and hodl_return.
        campaign: What its campaign tried.

    Raises:
        ValueError: If its returns above buy and hold do not vary, or cannot be.
    """
    bars = bar_returns(returns)
    bot, hodl = (bars[name].to_numpy() for name in ("bot_return", "hodl_return"))
    intervals = bootstrap_intervals(bot, hodl, bars_per_year=campaign.bars_per_year)
    return excess_evidence(bot - hodl, campaign, intervals=intervals)


def excess_evidence(
    excess: FloatArray,
    campaign: CampaignEvidence,
    *,
    intervals: dict[str, ConfidenceInterval] | None,
) -> TrialEvidence:
    """Judge simple returns above buy and hold, shape (T,), as those of a trial of a campaign.

    Raises:
        ValueError: If they do not vary, or cannot be.
    """
    estimate = SharpeEstimate.from_returns(excess, bars_per_year=campaign.bars_per_year)
    by_variance = [
        deflated_sharpe_ratio(estimate, n_trials=campaign.n_trials, variance=variance)
        for variance in (campaign.luck_variance, campaign.sharpe_variance)
    ]
    return TrialEvidence(
        sharpe_excess=estimate.sharpe_ratio,
        skew=estimate.skew,
        kurtosis=estimate.kurtosis,
        n_bars=estimate.n_bars,
        probabilistic=probabilistic_sharpe_ratio(estimate),
        deflated=by_variance[0],
        deflated_by_spread=by_variance[1],
        minimum_bars=_minimum_bars(estimate),
        intervals=intervals,
    )


def bootstrap_intervals(
    bot: FloatArray, hodl: FloatArray, *, bars_per_year: float
) -> dict[str, ConfidenceInterval] | None:
    """Bound Sharpe ratio, excess and drawdown; None where resamples have no Sharpe ratio."""
    random = np.random.default_rng(_SEED)
    try:
        found = return_intervals(
            bot, hodl, bars_per_year=bars_per_year, random=random, n_draws=_N_DRAWS
        )
    except ValueError:  # an agent that hardly trades has resamples without any trade
        return None
    names = ("sharpe_ratio", "excess_sharpe_ratio", "sharpe_ratio_of_excess", "max_drawdown")
    return {name: getattr(found, name) for name in names}


def _minimum_bars(estimate: SharpeEstimate) -> int | None:
    if estimate.sharpe_ratio <= 0:
        return None
    return min_track_record_bars(estimate, confidence=CONFIDENCE)


def _overfitting(files: Mapping[str, Path], bars_per_year: float) -> Overfitting | None:
    if len(files) < 2:
        return None
    matrix = _matrix(files)
    returns = matrix.bot_returns[:, moved_in_every_half(matrix.bot_returns)]
    n_bars, n_trials = returns.shape
    if n_trials < 2:
        return None
    found = probability_of_backtest_overfitting(
        returns, bars_per_year=bars_per_year, n_blocks=N_BLOCKS
    )
    null = pbo_of_noise(
        n_bars,
        n_trials,
        n_draws=_N_NULL_DRAWS,
        random=np.random.default_rng(_SEED),
        n_blocks=N_BLOCKS,
    )
    low, high = np.quantile(null, [0.05, 0.95])
    counted = np.unique(found.logits, return_counts=True)
    return Overfitting(
        pbo=found.pbo,
        null_low=float(low),
        null_high=float(high),
        n_compared=n_trials,
        n_bars=n_bars,
        logits=tuple(zip(*(each.tolist() for each in counted), strict=True)),
    )


def moved_in_every_half(returns: FloatArray) -> BoolArray:
    """Tell which trials have a Sharpe ratio whichever half of the blocks is chosen, shape (N,)."""
    edges = block_edges(len(returns), N_BLOCKS)
    spans = [returns[start:stop] for start, stop in pairwise(edges)]
    n_still = np.sum([np.ptp(span, axis=0) == 0 for span in spans], axis=0)
    moved: BoolArray = n_still < N_BLOCKS // 2
    return moved


def _matrix(files: Mapping[str, Path]) -> ReturnMatrix:
    """Every trial may lack the bars that its first observations of each block look back to."""
    bars = pl.read_parquet(next(iter(files.values())), columns=["group", "open_time"])
    times = bars["open_time"].dt.epoch("s").unique().sort()
    n_gaps = int((times.diff().drop_nulls() > times.diff().min()).sum())
    max_left_out = (_LONGEST_LOOKBACK - 1) * (bars["group"].n_unique() + n_gaps)
    return study_returns(files, max_left_out=max_left_out)


def _name(trial: Json) -> str:
    return f"{trial['number']} of {trial['study_name']}"


def _returns(warehouse: Warehouse, trial: Json) -> Path:
    return warehouse.layout.trial(trial["study_name"], trial["number"]) / _RETURNS
