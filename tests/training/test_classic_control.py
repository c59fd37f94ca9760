"""Both agents solve CartPole and Pendulum, several members at once."""

from typing import Any

import pytest
import torch

from cappuccino_assets.agents.policy import Policy
from tests.training.classic_tasks import CartPole, ClassicTask, Pendulum, greedy_returns
from tests.training.learners import trained_ddqn, trained_ppo

SEEDS = [1, 2, 3]
N_EPISODES = 100
SOLVED_CARTPOLE = 475.0  # of 500, by Gymnasium's own measure
SOLVED_PENDULUM = -220.0  # PPO's members reach -204 to -167, DDQN's -168 to -142

PPO_CARTPOLE: dict[str, Any] = {
    "net_dimension": 32,
    "batch_size": 256,
    "target_step": 1024,
    "learning_rate": 5e-3,
    "lr_schedule_factor": 0.05,
    "ppo_epochs": 10,
    "kl_target": 0.1,
}
PPO_PENDULUM: dict[str, Any] = {
    "net_dimension": 64,
    "batch_size": 128,
    "target_step": 2048,
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "kl_target": 0.05,
}
DDQN_CARTPOLE: dict[str, Any] = {
    "net_dimension": 64,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "lr_schedule_factor": 0.1,
    "buffer_size": 20_000,
    "train_frequency": 8,
    "target_update": 1000,
    "n_step": 10,
    "epsilon_decay_fraction": 0.7,
    "epsilon_end": 0.01,
    "max_grad_norm": 1.0,
}
DDQN_PENDULUM: dict[str, Any] = {
    "net_dimension": 64,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "lr_schedule_factor": 0.1,
    "train_frequency": 8,
    "target_update": 200,
    "n_step": 1,
    "gamma": 0.97,
    "epsilon_decay_fraction": 0.3,
    "max_grad_norm": 10.0,
}


def _training_task(
    kind: type[ClassicTask], *, n_envs: int = 16, seeds: list[int] = SEEDS
) -> ClassicTask:
    return kind(seeds=[s + 100 for s in seeds], n_envs=n_envs, reward_scale=0.1)


def _mean_returns(policy: Policy, kind: type[ClassicTask]) -> torch.Tensor:
    """Average the returns of episodes that nobody trained in, for each member."""
    seeds = [900 + member for member in range(policy.n_members)]
    return greedy_returns(policy, kind(seeds=seeds, n_envs=N_EPISODES)).mean(dim=1)


def test_ppo_solves_cartpole() -> None:
    task = _training_task(CartPole)
    agent = trained_ppo(task, SEEDS, n_steps=25_000, **PPO_CARTPOLE)
    reached = _mean_returns(agent.policy(), CartPole)
    assert (reached >= SOLVED_CARTPOLE).all(), reached


@pytest.mark.slow
def test_ddqn_solves_cartpole() -> None:
    # One member in ten or so ends on a policy that lets the cart drift out of bounds.
    seeds = [1, 2, 3, 4, 5]
    task = _training_task(CartPole, n_envs=32, seeds=seeds)
    agent = trained_ddqn(task, seeds, n_steps=80_000, **DDQN_CARTPOLE)
    reached = _mean_returns(agent.policy(), CartPole)
    assert (reached >= SOLVED_CARTPOLE).sum() >= 3, reached


@pytest.mark.slow
def test_ppo_solves_pendulum() -> None:
    task = _training_task(Pendulum)
    agent = trained_ppo(task, SEEDS, n_steps=100_000, **PPO_PENDULUM)
    reached = _mean_returns(agent.policy(), Pendulum)
    assert (reached >= SOLVED_PENDULUM).all(), reached


@pytest.mark.slow
def test_ddqn_solves_pendulum() -> None:
    task = _training_task(Pendulum)
    agent = trained_ddqn(task, SEEDS, n_steps=30_000, **DDQN_PENDULUM)
    reached = _mean_returns(agent.policy(), Pendulum)
    assert (reached >= SOLVED_PENDULUM).all(), reached
