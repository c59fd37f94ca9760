"""What is found out of a finalist, for the gate to hold against its limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean, stdev

from scipy.stats import t as student_t

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.registry.evidence import CampaignEvidence, TrialEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrain:
    """What a configuration came to with another seed, on the same splits.

    Attributes:
        seed: Of the campaign that would have trained it so.
        score: Its score; None where the training failed.
        sharpe_bot: Mean over its splits.
        sharpe_hodl: The same of buy and hold.
        exposure: Mean fraction of the equity that was not cash, mean over its splits.
        no_trades: Whether it stood aside in some split; a Sharpe ratio of 0 there shows nothing.
    """

    seed: int
    score: float | None
    sharpe_bot: float | None
    sharpe_hodl: float | None
    exposure: float | None
    no_trades: bool

    def __post_init__(self) -> None:
        """Refuse what is no result.

        Raises:
            ValueError: If a number is not finite.
        """
        _require_finite([self.score, self.sharpe_bot, self.sharpe_hodl, self.exposure])

    @property
    def excess_sharpe(self) -> float | None:
        """Sharpe ratio above that of buy and hold, mean over splits.

        None where the training failed, or it stood aside in some split.
        """
        if self.sharpe_bot is None or self.sharpe_hodl is None or self.no_trades:
            return None
        return self.sharpe_bot - self.sharpe_hodl


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that the gate looks at, of one finalist.

    Attributes:
        campaign: What its search as a whole shows.
        trial: What its test returns are worth; None where they do not differ from buy and hold's.
        turnover: Per day, in multiples of equity, mean over its splits.
        exposure: Mean fraction of the equity that was not cash, mean over its splits.
        holdout: What it did on the hold-out.
        holdout_excess: Interval of its excess Sharpe ratio there; None where it hardly traded.
        at_higher_costs: What it did there at the limits' multiple of all costs.
        retrains: Its configuration with other seeds; empty where none was asked for.
        faults: What is wrong with its files or its money, a line each; none if all is whole.
    """

    campaign: CampaignEvidence
    trial: TrialEvidence | None
    turnover: float
    exposure: float
    holdout: Performance
    holdout_excess: ConfidenceInterval | None
    at_higher_costs: Performance
    retrains: tuple[Retrain, ...]
    faults: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what nothing could be decided from.

        Raises:
            ValueError: If a number is not finite, or two trainings have the same seed.
        """
        performances = (self.holdout.to_json(), self.at_higher_costs.to_json())
        _require_finite([self.turnover, self.exposure])
        _require_finite(value for each in performances for value in each.values())
        seeds = [each.seed for each in self.retrains]
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"Each seed counts once, but got {seeds}.")


def excess_sharpes(retrains: Sequence[Retrain]) -> list[float] | None:
    """Excess Sharpe ratio of each seed; None where there is none, or one failed or stood aside."""
    found = [value for each in retrains if (value := each.excess_sharpe) is not None]
    return found if found and len(found) == len(retrains) else None


def retrain_bound(retrains: Sequence[Retrain], *, confidence: float) -> float | None:
    """Bound the mean excess Sharpe ratio over seeds from below, by Student's t.

    Args:
        retrains: Of one configuration.
        confidence: One-sided.

    Returns:
        The bound; None where there are fewer than two seeds, or one of them failed or stood aside.
    """
    values = excess_sharpes(retrains)
    if values is None or len(values) < 2:
        return None
    quantile = float(student_t.ppf(confidence, len(values) - 1))
    return fmean(values) - quantile * stdev(values) / sqrt(len(values))


def _require_finite(values: Iterable[float | None]) -> None:
    for value in values:
        if value is not None and not isfinite(value):
            raise ValueError(f"What the gate looks at is finite, but got {value}.")
