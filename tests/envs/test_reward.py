import math

import pytest
import torch

from cappuccino_assets.envs.reward import PaidBar, RewardConfig, RewardFunction
from cappuccino_assets.errors import ConfigurationError

QUIET = {
    "equity_before": 100.0,
    "equity": 100.0,
    "peak_before": 100.0,
    "peak": 100.0,
    "benchmark_before": 1.0,
    "benchmark": 1.0,
    "cash": 100.0,
    "value": [0.0, 0.0],
    "bar": 0,
    "n_bars": 11,
}


def bar_of(shape=(1, 1), **changes):
    values = QUIET | changes
    tensors = {
        name: torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)
        for name, value in values.items()
    }
    return PaidBar(**{name: each.expand(*shape, *each.shape) for name, each in tensors.items()})


def reward_of(config, *, min_cash_reserve=0.0, **changes):
    function = RewardFunction([config], min_cash_reserve=[min_cash_reserve], device="cpu")
    return function(bar_of(**changes)).item()


def test_the_reward_is_the_excess_log_return():
    reward = reward_of(RewardConfig(), equity=102.0, benchmark_before=2.0, benchmark=2.1)
    assert reward == pytest.approx(math.log(1.02) - math.log(1.05), rel=1e-6)


@pytest.mark.parametrize(("bar", "share"), [(0, 1.0), (5, 0.6), (10, 0.2)])
def test_the_excess_decays_linearly_to_its_floor(bar, share):
    config = RewardConfig(time_decay_floor=0.2)
    assert reward_of(config, equity=100 * math.e, bar=bar) == pytest.approx(share)


def test_the_only_bar_of_an_episode_counts_fully():
    config = RewardConfig(time_decay_floor=0.2)
    assert reward_of(config, equity=100 * math.e, n_bars=1) == pytest.approx(1.0)


FALLEN = {"equity": 70.0, "benchmark": 0.7}  # no excess: both lost 30 %


@pytest.mark.parametrize(
    ("config", "changes", "expected"),
    [
        (
            {"volatility_penalty": 0.5},
            {"equity": 100 * math.exp(0.2), "benchmark": math.exp(0.2)},
            -0.02,
        ),
        ({"max_drawdown_penalty": 0.5}, FALLEN, -0.15),
        ({"max_drawdown_penalty": 0.5}, FALLEN | {"peak_before": 200.0, "peak": 200.0}, -0.075),
        ({"max_drawdown_penalty": 0.5}, {"equity_before": 50.0, "benchmark_before": 0.5}, 0.0),
        ({"concentration_penalty": 0.5}, {"value": [60.0, 20.0]}, -0.1),
        ({"concentration_penalty": 0.5}, {"value": [40.0, 40.0]}, 0.0),
        ({"cash_reserve_penalty": 0.5}, {"cash": 20.0, "min_cash_reserve": 0.3}, -0.05),
        ({"cash_reserve_penalty": 0.5}, {"cash": 30.0, "min_cash_reserve": 0.3}, 0.0),
        ({"cash_reserve_penalty": 0.5}, {"cash": 0.0}, 0.0),
        ({"norm_reward_exp": 3}, {"equity": 100 * math.exp(0.1)}, 0.8),
        ({"norm_reward_exp": -1}, {"equity": 100 * math.exp(0.1)}, 0.05),
    ],
)
def test_each_term_by_hand(config, changes, expected):
    assert reward_of(RewardConfig(**config), **changes) == pytest.approx(expected, abs=1e-7)


def test_penalties_do_not_decay():
    config = RewardConfig(max_drawdown_penalty=1.0, time_decay_floor=0.0)
    assert reward_of(config, equity=75.0, benchmark=0.75, bar=10) == -0.25


def test_members_have_rewards_of_their_own():
    configs = [
        RewardConfig(),
        RewardConfig(norm_reward_exp=2),
        RewardConfig(time_decay_floor=0.5),
        RewardConfig(volatility_penalty=2.0),
        RewardConfig(cash_reserve_penalty=1.0),
    ]
    reserves = [0.0, 0.0, 0.0, 0.0, 0.25]
    function = RewardFunction(configs, min_cash_reserve=reserves, device="cpu")
    reward = function(bar_of((5, 3), equity=100 * math.e, bar=10, cash=0.0))
    assert reward.dtype == torch.float32
    expected = torch.tensor([[1.0], [4.0], [0.5], [-1.0], [0.75]]).expand(5, 3)
    assert torch.allclose(reward, expected)


@pytest.mark.parametrize(
    "change",
    [
        {"time_decay_floor": 1.1},
        {"time_decay_floor": float("nan")},
        {"volatility_penalty": -0.1},
        {"max_drawdown_penalty": float("nan")},
        {"concentration_penalty": float("inf")},
        {"cash_reserve_penalty": -1},
        {"norm_reward_exp": float("inf")},
    ],
)
def test_impossible_rewards_are_refused(change):
    with pytest.raises(ConfigurationError):
        RewardConfig(**change)
