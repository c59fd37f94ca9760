"""A market, a profile and plans that are small enough for tests."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.holdout import EPOCH, holdout_start
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import MINI
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Constant, Consumer
from tests.envs.markets import arrays_of, random_arrays

SMALL = replace(
    MINI, combinations=((Timeframe.D3, Interval.H4),), n_phase1_trials=2, n_phase2_trials=2
)


def small_arrays(
    n_bars: int = 1500, *, enhanced: bool = False, drift: float = 0.0, seed: int = 0
) -> FeatureArrays:
    """Eight months of 4h bars of three symbols, with features of pure noise."""
    drawn = random_arrays(n_bars, 3, seed=seed, volatility=0.02, interval=Interval.H4)
    trend = np.exp(drift * np.arange(n_bars))[:, None]
    return arrays_of(
        drawn.close * trend,
        open_price=drawn.open * trend,
        observed=drawn.observed,
        interval=Interval.H4,
        enhanced=enhanced,
        seed=seed,
    )


def small_plan(
    arrays: FeatureArrays, *, phase: int = 1, algorithm: str = "ppo", **changes: object
) -> StudyPlan:
    """A study of two trials; phase 1 trains for a moment only."""
    space = search_space(phase=phase, algorithm=algorithm, ranges="mini")
    if phase == 1:
        short = (
            Constant(name="break_step", value=512, consumer=Consumer.TRIAL),
            Constant(name="target_step", value=256, consumer=Consumer.AGENT),
        )
        space = replace(space, constants=short)
    bar = timedelta(seconds=arrays.interval.seconds)
    history_from = EPOCH - arrays.contract.warm_up_bars * bar  # before the first row, at 1970
    history_to = EPOCH + arrays.n_bars * bar
    plan = StudyPlan(
        study_name=f"small/phase{phase}_{algorithm}",
        campaign="small",
        profile=SMALL,
        space=space,
        symbols=arrays.symbols,
        timeframe=Timeframe.D3,
        interval=arrays.interval,
        n_trials=2,
        seed=0,
        fees="flat_0.006" if phase == 1 else "coinbase_progressive",
        dataset_digest=arrays.dataset_digest,
        history_from=history_from,
        holdout_from=holdout_start(history_from, history_to, fraction=SMALL.holdout_fraction),
        arrays=Path("nowhere"),
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


PPO = {
    "learning_rate": 3e-3,
    "batch_size": 256,
    "gamma": 0.98,
    "net_dimension": 64,
    "lookback": 3,
    "trailing_stop_pct": 0.05,
    "trade_fraction": 0.5,
    "entropy_coef": 1e-3,
    "clip_range": 0.2,
    "norm_reward_exp": 3,
}
SHARED = {
    "learning_rate": 3e-3,
    "batch_size": 256,
    "gamma": 0.98,
    "net_dimension": 64,
    "break_step": 1024,
    "lookback": 2,
    "norm_tech_exp": 0,
    "norm_reward_exp": 7,
    "trade_fraction": 0.5,
    "time_decay_floor": 0.2,
    "trailing_stop_pct": 0.05,
    "min_cash_reserve": 0.1,
    "concentration_penalty": 0.05,
    "max_drawdown_penalty": 0.05,
    "volatility_penalty": 0.02,
    "max_grad_norm": 0.5,
    "adam_epsilon": 1e-6,
    "lr_schedule": "linear",
    "lr_schedule_factor": 0.3,
}
PPO_PHASE2 = SHARED | {
    "batch_size": 128,
    "break_step": 1280,
    "norm_reward_exp": 3,
    "target_step": 256,
    "clip_range": 0.2,
    "entropy_coef": 1e-3,
    "value_loss_coef": 0.5,
    "gae_lambda": 0.95,
    "ppo_epochs": 4,
    "kl_target": 0.03,
}
DDQN_PHASE2 = SHARED | {
    "batch_size": 64,
    "epsilon_end": 0.05,
    "epsilon_decay_fraction": 0.5,
    "buffer_size": 512,
    "target_update": 200,
    "train_frequency": 4,  # with less, it learns to hold what it began with: nothing
    "n_step": 3,
}
