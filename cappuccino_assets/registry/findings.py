"""What is found out of a finalist, for the gate to hold against its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
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
    """

    seed: int
    score: float | None
    sharpe_bot: float | None
    sharpe_hodl: float | None

    @property
    def excess_sharpe(self) -> float | None:
        """Sharpe ratio above that of buy and hold, mean over splits."""
        if self.sharpe_bot is None or self.sharpe_hodl is None:
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


def excess_sharpes(retrains: Sequence[Retrain]) -> list[float] | None:
    """Excess Sharpe ratio of each seed; None where there is no seed, or one failed."""
    found = [value for each in retrains if (value := each.excess_sharpe) is not None]
    return found if found and len(found) == len(retrains) else None


def retrain_bound(retrains: Sequence[Retrain], *, confidence: float) -> float | None:
    """Bound the mean excess Sharpe ratio over seeds from below, by Student's t.

    Args:
        retrains: Of one configuration.
        confidence: One-sided.

    Returns:
        The bound; None where there are fewer than two seeds, or one of them failed.
    """
    values = excess_sharpes(retrains)
    if values is None or len(values) < 2:
        return None
    quantile = float(student_t.ppf(confidence, len(values) - 1))
    return fmean(values) - quantile * stdev(values) / sqrt(len(values))
