"""The environment's rewards against their definition, worked out from what its accounts show."""

import math

import pytest

from cappuccino_assets.envs.reward import RewardConfig
from tests.envs.environments import (
    costly_rules,
    environment_of,
    measured_step,
    random_actions,
    rows,
)
from tests.envs.markets import random_arrays

CONFIG = RewardConfig(
    time_decay_floor=0.25,
    volatility_penalty=0.5,
    max_drawdown_penalty=0.4,
    concentration_penalty=0.3,
    cash_reserve_penalty=0.2,
    norm_reward_exp=2,
)
RESERVE = 0.3


@pytest.mark.parametrize("cycle_bars", [20, None])  # None: the episode is the whole block
def test_rewards_follow_their_definition_bar_by_bar(cycle_bars):
    arrays = random_arrays(40, 2, volatility=0.08)
    changes = {"cycle_bars": cycle_bars, "trade_fraction": 0.7, "min_cash_reserve": RESERVE}
    environment = environment_of(arrays, costly_rules(arrays, **changes), reward=CONFIG)
    environment.reset(rows(0), rows(27))
    n_bars = cycle_bars or 26
    equity = peak = 1_000.0
    terms_seen = set()
    for t, action in enumerate(random_actions(26, 1, 1, 2, seed=6)):
        step = measured_step(environment, action)
        growth = environment.equity.item() / equity
        fallen = 1 - equity / peak
        equity, peak = equity * growth, max(peak, equity * growth)
        cash_weight, *weights = environment.account[0, 0, :3].tolist()
        progress = (t % n_bars) / (n_bars - 1)
        terms = {
            "excess": (1 - 0.75 * progress)
            * (math.log(growth) - math.log(1 + step.benchmark_return.item())),
            "volatility": -0.5 * math.log(growth) ** 2,
            "drawdown": -0.4 * max(0.0, (1 - equity / peak) - fallen),
            "concentration": -0.3 * max(0.0, max(weights) - 0.4),
            "reserve": -0.2 * max(0.0, RESERVE - cash_weight),
        }
        terms_seen |= {name for name, value in terms.items() if value}
        assert step.equity_return.item() == pytest.approx(growth - 1, abs=1e-12)
        assert step.reward.item() == pytest.approx(4 * math.fsum(terms.values()), abs=1e-6)
    assert len(terms_seen) == 5
