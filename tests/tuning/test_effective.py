"""Incident 11: every parameter that is searched changes what a trial comes to."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import pytest
import torch

from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.tuning.config import trial_config
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.outcome import train_and_test
from cappuccino_assets.tuning.ranges import search_space
from tests.tuning.small import DDQN_PHASE2, PPO, PPO_PHASE2, small_arrays, small_plan

# Bases in which every parameter can act: batches below the rollout's length, gradients above the
# largest norm, policies that move further than the target, a replay buffer that fills up.
BASES: dict[tuple[int, str], Mapping[str, Value]] = {
    (1, "ppo"): PPO,
    (2, "ppo"): PPO_PHASE2,
    (2, "ddqn"): DDQN_PHASE2,
}
OTHER: Mapping[str, Value] = {
    "learning_rate": 2e-3,
    "batch_size": 100,
    "gamma": 0.97,
    "net_dimension": 96,
    "break_step": 768,
    "target_step": 512,
    "lookback": 4,
    "norm_tech_exp": 1,
    "norm_reward_exp": 5,
    "trade_fraction": 0.4,
    "time_decay_floor": 0.4,
    "trailing_stop_pct": 0.1,
    "min_cash_reserve": 0.2,
    "concentration_penalty": 0.1,
    "max_drawdown_penalty": 0.1,
    "volatility_penalty": 0.05,
    "max_grad_norm": 1.0,
    "adam_epsilon": 1e-5,
    "lr_schedule": "exponential",
    "lr_schedule_factor": 0.9,
    "clip_range": 0.3,
    "entropy_coef": 5e-3,
    "value_loss_coef": 1.0,
    "gae_lambda": 0.9,
    "ppo_epochs": 5,
    "kl_target": 0.005,
    "epsilon_end": 0.1,
    "epsilon_decay_fraction": 0.2,
    "buffer_size": 256,
    "target_update": 100,
    "train_frequency": 16,
    "n_step": 1,
}
SEARCHED = [
    (phase, algorithm, name)
    for phase, algorithm in BASES
    for name in search_space(phase=phase, algorithm=algorithm, ranges="full").names
]


@cache
def market(*, enhanced: bool) -> FeatureArrays:
    return small_arrays(360, enhanced=enhanced, drift=0.005)  # who never buys loses


class Outcome(NamedTuple):
    returns: list[float]  # on bars that the policy was not trained on
    weights: list[float]


def outcome_of(phase: int, algorithm: str, params: Mapping[str, Value]) -> Outcome:
    arrays = market(enhanced=phase == 2)
    config = trial_config(params, small_plan(arrays, phase=phase, algorithm=algorithm))
    splits = CombinatorialPurgedSplits(n_groups=2, n_test_groups=1, purge_bars=6)
    split = splits.split(arrays.segment)[0]
    outcome = train_and_test(config, arrays, [split], seeds=[1])
    weights = outcome.population.policy.member_tensors(0).values()
    return Outcome(
        returns=outcome.tests[0][0].bot_returns.tolist(),
        weights=torch.cat([tensor.flatten() for tensor in weights]).tolist(),
    )


@cache
def base_outcome(phase: int, algorithm: str) -> Outcome:
    return outcome_of(phase, algorithm, BASES[phase, algorithm])


@pytest.mark.parametrize(("phase", "algorithm", "name"), SEARCHED)
def test_incident_11_a_parameter_varied_alone_changes_training_and_returns(
    phase: int, algorithm: str, name: str
) -> None:
    base = BASES[phase, algorithm]
    assert OTHER[name] != base[name]
    before = base_outcome(phase, algorithm)
    assert any(before.returns)

    after = outcome_of(phase, algorithm, {**base, name: OTHER[name]})

    assert after.weights != before.weights
    assert after.returns != before.returns


@pytest.mark.parametrize(("phase", "algorithm"), BASES)
def test_incident_11_the_same_values_have_the_same_outcome(phase: int, algorithm: str) -> None:
    again = outcome_of(phase, algorithm, dict(BASES[phase, algorithm]))

    assert again == base_outcome(phase, algorithm)
