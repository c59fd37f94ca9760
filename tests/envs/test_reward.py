import math

import pytest
import torch

from cappuccino_assets.envs.reward import RewardConfig, RewardFunction
from cappuccino_assets.errors import ConfigurationError

QUIET = {
    "growth": 1.0,
    "benchmark_growth": 1.0,
    "progress": 0.0,
    "drawdown_increase": 0.0,
    "largest_weight": 0.0,
    "cash_shortfall": 0.0,
}


def reward_of(config, **changes):
    terms = {
        name: torch.tensor([[value]], dtype=torch.float64)
        for name, value in (QUIET | changes).items()
    }
    return RewardFunction([config], "cpu")(**terms).item()


def test_the_reward_is_the_excess_log_return():
    reward = reward_of(RewardConfig(), growth=1.02, benchmark_growth=1.05)
    assert reward == pytest.approx(math.log(1.02) - math.log(1.05), rel=1e-6)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.5, 0.6), (1.0, 0.2)])
def test_the_excess_decays_linearly_to_its_floor(progress, share):
    config = RewardConfig(time_decay_floor=0.2)
    assert reward_of(config, growth=math.e, progress=progress) == pytest.approx(share)


@pytest.mark.parametrize(
    ("config", "terms", "expected"),
    [
        (
            {"volatility_penalty": 0.5},
            {"growth": math.exp(0.2), "benchmark_growth": math.exp(0.2)},
            -0.02,
        ),
        ({"max_drawdown_penalty": 0.5}, {"drawdown_increase": 0.3}, -0.15),
        ({"concentration_penalty": 0.5}, {"largest_weight": 0.6}, -0.1),
        ({"concentration_penalty": 0.5}, {"largest_weight": 0.4}, 0.0),
        ({"cash_reserve_penalty": 0.5}, {"cash_shortfall": 0.1}, -0.05),
        ({"norm_reward_exp": 3}, {"growth": math.exp(0.1)}, 0.8),
        ({"norm_reward_exp": -1}, {"growth": math.exp(0.1)}, 0.05),
    ],
)
def test_each_term_by_hand(config, terms, expected):
    assert reward_of(RewardConfig(**config), **terms) == pytest.approx(expected, abs=1e-7)


def test_penalties_do_not_decay():
    config = RewardConfig(max_drawdown_penalty=1.0)
    assert reward_of(config, drawdown_increase=0.25, progress=1.0) == -0.25


def test_members_have_rewards_of_their_own():
    function = RewardFunction([RewardConfig(), RewardConfig(norm_reward_exp=2)], "cpu")
    terms = {name: torch.full((2, 3), value).double() for name, value in QUIET.items()}
    reward = function(**(terms | {"growth": torch.full((2, 3), math.e).double()}))
    assert reward.dtype == torch.float32
    assert torch.allclose(reward, torch.tensor([[1.0] * 3, [4.0] * 3]))


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
