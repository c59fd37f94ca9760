"""The power of the gate alone: how often it lets a skill pass that a search has found."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from cappuccino_assets.evaluation.certification import (
    noise_variance,
    smallest_certifiable_sharpe_ratio,
)
from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.evaluation.overfitting import probability_of_backtest_overfitting
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.evaluation.sharpe_statistics import (
    expected_max_sharpe_ratio,
)
from cappuccino_assets.placebo.outcomes import Variance, by_variance
from cappuccino_assets.placebo.timers import (
    CASES,
    INTERVAL,
    SKILLED,
    Case,
    TimedMarket,
    Timer,
    draw_timers,
)
from cappuccino_assets.registry.evidence import (
    N_BLOCKS,
    CampaignEvidence,
    Overfitting,
    excess_evidence,
    moved_in_every_half,
)
from cappuccino_assets.registry.findings import Findings, Retrain
from cappuccino_assets.registry.gate import GateDecision, decide
from cappuccino_assets.registry.limits import DEFAULT_LIMITS
from cappuccino_assets.registry.selection import ArchiveRule
from cappuccino_assets.storage.files import read_object, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.types import FloatArray, Json

N_TRIALS: Final = 70  # of a medium search, those of phase 1 included
_BATCH: Final = 50
# The gate asks that there is one, which there is of whoever trades, and not how wide it is.
_SOME_INTERVAL: Final = ConfidenceInterval(estimate=0.0, low=0.0, high=0.0, confidence=0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the gate said of one drawn search.

    Attributes:
        n_finalists: Who were judged.
        passed: Points that the skilled one passed, and by which variance the deflated Sharpe ratio
            did; None where it was no finalist.
        promoted: By variance, whether the skilled one would be promoted.
        n_false: By variance, how many of the others would be.
    """

    n_finalists: int
    passed: tuple[str, ...] | None
    promoted: dict[str, bool]
    n_false: dict[str, int]

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `asdict` wrote."""
        passed = value["passed"]
        return cls(**value | {"passed": None if passed is None else tuple(passed)})


def measure_gate(
    layout: WarehouseLayout,
    *,
    n_draws: int,
    on_batch: Callable[[Case, int], None],
    cases: Sequence[Case] = CASES,
) -> None:
    """Draw searches that are not drawn yet, and keep what the gate says of them.

    Args:
        layout: Of the warehouse that keeps them.
        n_draws: Of each case; whole batches are drawn.
        cases: What is drawn.
        on_batch: Told of every batch: its case, and how many are drawn.
    """
    for begin in range(0, n_draws, _BATCH):
        for case in cases:
            path = _batch_path(layout, case, begin)
            if not path.exists():
                drawn = [draw_search(case, seed) for seed in range(begin, begin + _BATCH)]
                write_json(path, {"drawn": [asdict(each) for each in drawn]})
                on_batch(case, begin + _BATCH)


def _batch_path(layout: WarehouseLayout, case: Case, begin: int) -> Path:
    return layout.placebo / "gate" / case.name / f"{begin:06d}.json"


def read_draws(layout: WarehouseLayout, case: Case) -> list[Drawn]:
    """Read what is drawn of a case."""
    batches = sorted((layout.placebo / "gate" / case.name).glob("*.json"))
    return [Drawn.from_json(each) for path in batches for each in read_object(path)["drawn"]]


def draw_search(case: Case, seed: int) -> Drawn:
    """Draw a search of timers, choose the best tenth, and hold them against the gate's own limits.

    The score is the Sharpe ratio above buy and hold's, without its spread over splits.
    """
    market = draw_timers(case, seed)
    campaign = _campaign(market)
    trials = [
        {"number": number, "no_trades": not np.ptp(timer.seen), "score": _excess(timer, market)}
        for number, timer in enumerate(market.timers)
    ]
    best_first = sorted(trials, key=lambda trial: -trial["score"])
    chosen = [trial["number"] for trial in ArchiveRule(keep_best=True).select(best_first)]
    found = {n: _findings(market.timers[n], market, campaign) for n in chosen}
    decisions = {n: decide(each, DEFAULT_LIMITS) for n, each in found.items()}
    passed = {n: _passed(decisions[n], found[n]) for n in chosen}
    promoted = {
        each: {n: {*_points(decisions[n]), f"deflated by {each}"} <= passed[n] for n in chosen}
        for each in Variance
    }
    return Drawn(
        n_finalists=len(chosen),
        passed=tuple(sorted(passed[SKILLED])) if SKILLED in passed else None,
        promoted={each.value: promoted[each].get(SKILLED, False) for each in Variance},
        n_false={
            each.value: sum(promoted[each][n] for n in chosen if n != SKILLED) for each in Variance
        },
    )


def _points(decision: GateDecision) -> set[str]:
    """All points but the deflated Sharpe ratio, which is looked at by each variance."""
    return {reason.name for reason in decision.reasons} - {"deflated_sharpe_ratio"}


def _passed(decision: GateDecision, findings: Findings) -> set[str]:
    passed = {reason.name for reason in decision.reasons if reason.passed} & _points(decision)
    trial, floor = findings.trial, decision.limits.min_deflated_sharpe_ratio
    if trial is not None:
        values = by_variance(trial.deflated_by_spread, trial.deflated)
        passed |= {f"deflated by {each}" for each, value in values.items() if value >= floor}
    return passed


def _campaign(market: TimedMarket) -> CampaignEvidence:
    per_year, n_bars = INTERVAL.bars_per_year, len(market.seen)
    sharpes = [_sharpe(timer.seen - market.seen) for timer in market.timers]
    variance = float(np.var(sharpes, ddof=1))
    luck = noise_variance(n_bars=n_bars, bars_per_year=per_year)
    return CampaignEvidence(
        campaign="drawn",
        n_trials=N_TRIALS,
        n_bars=n_bars,
        bars_per_year=per_year,
        sharpe_variance=variance,
        luck_variance=luck,
        expected_best=expected_max_sharpe_ratio(n_trials=N_TRIALS, variance=luck),
        smallest_certifiable=smallest_certifiable_sharpe_ratio(
            n_bars=n_bars, bars_per_year=per_year, n_trials=N_TRIALS, variance=luck
        ),
        overfitting=_overfitting(market),
    )


def _overfitting(market: TimedMarket) -> Overfitting:
    returns = np.stack([timer.seen for timer in market.timers], axis=1)
    returns = returns[:, moved_in_every_half(returns)]
    found = probability_of_backtest_overfitting(
        returns, bars_per_year=INTERVAL.bars_per_year, n_blocks=N_BLOCKS
    )
    n_bars, n_compared = returns.shape
    return Overfitting(
        pbo=found.pbo,
        null_low=0.0,
        null_high=1.0,
        n_compared=n_compared,
        n_bars=n_bars,
        logits=(),
    )


def _findings(timer: Timer, market: TimedMarket, campaign: CampaignEvidence) -> Findings:
    unseen, dearer = timer.unseen, timer.unseen_at_twice_the_costs
    return Findings(
        campaign=campaign,
        trial=excess_evidence(timer.seen - market.seen, campaign, intervals=None),
        turnover=0.0,
        exposure=timer.exposure,
        holdout=_performance(unseen, market.unseen, exposure=timer.exposure),
        holdout_excess=_SOME_INTERVAL,
        at_higher_costs=_performance(dearer, market.unseen, exposure=timer.exposure),
        retrains=tuple(
            Retrain(
                seed=seed,
                score=None,
                sharpe_bot=_sharpe(returns),
                sharpe_hodl=_sharpe(market.seen),
                exposure=timer.exposure,
                no_trades=False,
            )
            for seed, returns in enumerate(timer.seeds)
        ),
        faults=(),
    )


def _performance(returns: FloatArray, market: FloatArray, *, exposure: float) -> Performance:
    """Only what the gate looks at; nothing but timing is drawn."""
    return Performance(
        n_bars=len(returns),
        n_trades=1,
        sharpe_bot=_sharpe(returns),
        sharpe_hodl=_sharpe(market),
        total_return=0.0,
        hodl_return=0.0,
        max_drawdown=0.0,
        turnover=0.0,
        fees_usd=0.0,
        exposure=exposure,
    )


def _excess(timer: Timer, market: TimedMarket) -> float:
    return _sharpe(timer.seen) - _sharpe(market.seen)


def _sharpe(returns: FloatArray) -> float:
    moved = bool(np.ptp(returns))
    return sharpe_ratio(returns, bars_per_year=INTERVAL.bars_per_year) if moved else 0.0
