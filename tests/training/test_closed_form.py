"""Values and choices that can be worked out by hand, reached through the trainers."""

from typing import Any, Literal

import pytest
import torch

from cappuccino_assets.agents.actions import TRADE_LEVELS
from cappuccino_assets.agents.advantages import generalized_advantage
from tests.training.known_tasks import Bandit, Chain
from tests.training.learners import action_values, trained_ddqn, trained_ppo

End = Literal["terminated", "truncated"]
SEEDS = [1, 2]
STATES = torch.eye(2).expand(2, 2, 2)  # both states, as both members see them

# State 0 earns 1 and state 1 earns 3; a future counts gamma = 0.5.
# Terminated: V1 = 3 and V0 = 1 + 3 / 2. Truncated, the future is state 0 again:
# V1 = 3 + V0 / 2 and V0 = 1 + V1 / 2, so V0 = 10 / 3 and V1 = 14 / 3.
REWARDS = (1.0, 3.0)
VALUES = {"terminated": [2.5, 3.0], "truncated": [10 / 3, 14 / 3]}
# With half of a trade's level on top and the best trade (1.0) ever after: V1 = 3.5 and
# V0 = 1.5 + 1.75; truncated V0 = 1.5 + 1.75 + V0 / 4 = 13 / 3 and V1 = 3.5 + 13 / 6.
BEST_VALUES = {"terminated": [3.25, 3.5], "truncated": [13 / 3, 17 / 3]}

DDQN: dict[str, Any] = {
    "net_dimension": 16,
    "batch_size": 64,
    "learning_rate": 1e-2,
    "lr_schedule_factor": 0.01,
    "buffer_size": 8192,
    "train_frequency": 16,
    "target_update": 256,
    "n_step": 1,
    "gamma": 0.5,
    "epsilon_end": 1.0,  # every trade is tried equally often to the end
    "max_grad_norm": 10.0,
}
PPO: dict[str, Any] = {
    "net_dimension": 16,
    "batch_size": 128,
    "learning_rate": 1e-2,
    "lr_schedule_factor": 0.01,
    "target_step": 256,
    "ppo_epochs": 4,
    "kl_target": 1.0,
    "gamma": 0.5,
}


def _chain(end: End, *, trade_reward: float = 0.0) -> Chain:
    return Chain(end=end, rewards=REWARDS, trade_reward=trade_reward, n_envs=32, seeds=SEEDS)


def test_ddqn_values_every_arm_of_a_bandit_at_its_mean() -> None:
    best = [-0.5, 0.75]
    task = Bandit(best=best, n_envs=32, noise=0.2, seeds=SEEDS)
    agent = trained_ddqn(task, SEEDS, n_steps=12_000, **DDQN)
    levels = torch.tensor(TRADE_LEVELS)
    mean = 1.0 - (levels - torch.tensor(best)[:, None]).square()
    values = action_values(agent, torch.ones(2, 1, 1))[:, 0]
    torch.testing.assert_close(values, mean, rtol=0.0, atol=0.05)
    greedy = agent.policy().act_greedily(torch.ones(2, 1, 1))
    assert greedy.flatten().tolist() == best


def test_ppo_finds_the_best_arm_of_a_bandit_and_its_worth() -> None:
    best = [-0.5, 0.75]
    task = Bandit(best=best, n_envs=32, noise=0.2, seeds=SEEDS)
    agent = trained_ppo(task, SEEDS, n_steps=12_000, entropy_coef=0.0, **PPO)
    greedy = agent.policy().act_greedily(torch.ones(2, 1, 1)).flatten()
    torch.testing.assert_close(greedy, torch.tensor(best), rtol=0.0, atol=0.08)
    value = agent.value(torch.ones(2, 1, 1)).flatten()
    torch.testing.assert_close(value, torch.ones(2), rtol=0.0, atol=0.05)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_ddqn_values_a_chain_over_several_steps(end: End) -> None:
    agent = trained_ddqn(_chain(end), SEEDS, n_steps=6_000, **{**DDQN, "n_step": 3})
    expected = torch.tensor(VALUES[end])[None, :, None].expand(2, 2, 10)
    torch.testing.assert_close(action_values(agent, STATES), expected, rtol=0.0, atol=0.03)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_ddqn_values_a_trade_by_the_best_that_may_follow_it(end: End) -> None:
    agent = trained_ddqn(_chain(end, trade_reward=0.5), SEEDS, n_steps=6_000, **DDQN)
    of_best = torch.tensor(BEST_VALUES[end])[:, None]
    expected = of_best + 0.5 * (torch.tensor(TRADE_LEVELS) - 1.0)
    values = action_values(agent, STATES)
    torch.testing.assert_close(values, expected.expand(2, 2, 10), rtol=0.0, atol=0.05)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
@pytest.mark.parametrize("gae_lambda", [0.0, 1.0])
def test_ppos_critic_values_a_chain(end: End, gae_lambda: float) -> None:
    agent = trained_ppo(_chain(end), SEEDS, n_steps=6_000, gae_lambda=gae_lambda, **PPO)
    expected = torch.tensor(VALUES[end]).expand(2, 2)
    torch.testing.assert_close(agent.value(STATES), expected, rtol=0.0, atol=0.03)


# A critic that says 4 of every state, rewards of 1, gamma 1/2, lambda 1/2: each error is
# 1 + 2 - 4 = -1, and traces decay by 1/4; a step without a future errs by 1 - 4 = -3.
@pytest.mark.parametrize(
    ("end", "at", "expected"),
    [
        ("truncated", 2, [-1 - 5 / 16, -1 - 1 / 4, -1.0]),
        ("terminated", 2, [-1 - 7 / 16, -1 - 3 / 4, -3.0]),
        ("truncated", 1, [-1 - 1 / 4, -1.0, -1.0]),
        ("terminated", 1, [-1 - 3 / 4, -3.0, -1.0]),
    ],
)
def test_advantages_over_a_constant_critic(end: End, at: int, expected: list[float]) -> None:
    critic = torch.full((1, 3, 1), 4.0)
    last = (torch.arange(3) == at).view(1, 3, 1)
    never = torch.zeros_like(last)
    advantage = generalized_advantage(
        torch.ones(1, 3, 1),
        critic,
        critic,
        last if end == "terminated" else never,
        last if end == "truncated" else never,
        gamma=0.5,
        gae_lambda=0.5,
    )
    assert advantage.flatten().tolist() == expected


def test_a_constant_critic_that_is_right_leaves_no_advantage() -> None:
    # Rewards of 1 for ever are worth 1 / (1 - 3/4) = 4.
    critic = torch.full((1, 5, 2), 4.0)
    never = torch.zeros(1, 5, 2, dtype=torch.bool)
    advantage = generalized_advantage(
        torch.ones(1, 5, 2), critic, critic, never, never, gamma=0.75, gae_lambda=0.9
    )
    assert (advantage == 0.0).all()
