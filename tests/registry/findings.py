"""Findings that pass every point of the gate, to be spoiled one at a time."""

from dataclasses import replace

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.registry.evidence import CampaignEvidence, Overfitting, TrialEvidence
from cappuccino_assets.registry.findings import Findings, Retrain

FAILED_SEED = Retrain(
    seed=9, score=None, sharpe_bot=None, sharpe_hodl=None, exposure=None, no_trades=False
)


def retrain(seed: int, excess: float, *, exposure: float = 0.5, no_trades: bool = False) -> Retrain:
    return Retrain(
        seed=seed,
        score=excess,
        sharpe_bot=excess,
        sharpe_hodl=0.0,
        exposure=exposure,
        no_trades=no_trades,
    )


HOLDOUT = Performance(
    n_bars=1000,
    n_trades=50,
    sharpe_bot=1.5,
    sharpe_hodl=0.5,
    total_return=0.1,
    hodl_return=0.02,
    max_drawdown=0.05,
    turnover=0.8,
    fees_usd=12.0,
    exposure=0.4,
)
CAMPAIGN = CampaignEvidence(
    campaign="c",
    n_trials=70,
    n_bars=25_000,
    bars_per_year=8760,
    sharpe_variance=0.4,
    luck_variance=0.35,
    expected_best=1.5,
    smallest_certifiable=2.4,
    overfitting=Overfitting(
        pbo=0.1,
        null_low=0.2,
        null_high=0.8,
        n_compared=60,
        n_bars=25_000,
        logits=((-0.5, 1), (1.0, 2)),
    ),
)
TRIAL = TrialEvidence(
    sharpe_excess=3.0,
    skew=0.1,
    kurtosis=5.0,
    n_bars=25_000,
    probabilistic=0.999,
    deflated=0.97,
    deflated_by_spread=0.2,
    minimum_bars=900,
    intervals=None,
)
SOUND = Findings(
    campaign=CAMPAIGN,
    trial=TRIAL,
    turnover=0.7,
    exposure=0.5,
    holdout=HOLDOUT,
    holdout_excess=ConfidenceInterval(estimate=1.0, low=-0.5, high=2.5, confidence=0.95),
    at_higher_costs=replace(HOLDOUT, sharpe_bot=0.9),
    retrains=tuple(retrain(seed, excess) for seed, excess in enumerate([0.8, 0.9, 1.0, 1.1, 1.2])),
    faults=(),
)


def of_excesses(*excesses: float) -> tuple[Retrain, ...]:
    return tuple(retrain(seed, excess) for seed, excess in enumerate(excesses))
