"""Our batched tasks against Gymnasium's single ones, step by step."""

import gymnasium
import numpy as np
import pytest
import torch

from cappuccino_assets.agents.random import MemberRandom
from tests.training.classic_tasks import CartPole, ClassicTask, Pendulum


def _oracle(task: ClassicTask, name: str) -> gymnasium.Env:  # type: ignore[type-arg]
    env = gymnasium.make(name)
    env.reset(seed=0)
    env.unwrapped.state = task.physical[0, 0].numpy()  # type: ignore[attr-defined]
    return env


def _balancing(task: ClassicTask) -> torch.Tensor:
    """Push against the fall, so that the pole stands until the time is over."""
    _, _, theta, theta_dot = task.physical.unbind(dim=-1)
    return (theta + 0.5 * theta_dot)[..., None]


def _random(task: ClassicTask, draws: MemberRandom) -> torch.Tensor:
    return draws.uniform(task.n_envs, 1) * 2 - 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("balances", [True, False])
def test_cartpole_is_gymnasiums(seed: int, balances: bool) -> None:
    task, draws = CartPole(seeds=[seed], n_envs=1), MemberRandom([seed + 50])
    env = _oracle(task, "CartPole-v1")
    for _ in range(CartPole.TIME_LIMIT):
        action = _balancing(task) if balances else _random(task, draws)
        observation, reward, terminated, truncated, _ = env.step(int(action.item() > 0))
        transition = task.step(action)
        seen = task.observe(transition.next_state)[0, 0].numpy() * CartPole.UNITS
        np.testing.assert_allclose(seen, observation, rtol=1e-6, atol=1e-7)
        assert transition.reward.item() == reward
        assert transition.terminated.item() == terminated
        assert transition.truncated.item() == truncated
        if terminated or truncated:
            break
    assert terminated is not balances
    assert truncated is balances


@pytest.mark.parametrize("seed", range(6))
def test_pendulum_is_gymnasiums(seed: int) -> None:
    task, draws = Pendulum(seeds=[seed], n_envs=1), MemberRandom([seed + 50])
    env = _oracle(task, "Pendulum-v1")
    for _ in range(Pendulum.TIME_LIMIT):
        action = _random(task, draws)
        observation, reward, terminated, truncated, _ = env.step(2 * action[0, 0].numpy())
        transition = task.step(action)
        seen = task.observe(transition.next_state)[0, 0].numpy()
        np.testing.assert_allclose(seen, observation, rtol=1e-5, atol=1e-5)
        assert transition.reward.item() == pytest.approx(reward, rel=1e-6, abs=1e-6)
        assert transition.terminated.item() == terminated
        assert transition.truncated.item() == truncated
    assert truncated


@pytest.mark.parametrize("kind", [CartPole, Pendulum])
def test_only_ended_environments_restart_and_from_the_starts_of_gymnasium(
    kind: type[ClassicTask],
) -> None:
    task, draws = kind(seeds=[1, 2], n_envs=50), MemberRandom([3, 4])
    n_ended = 0
    bounds = torch.tensor(kind.START_BOUNDS)
    for _ in range(kind.TIME_LIMIT):
        transition = task.step(_random(task, draws))
        ended = transition.terminated | transition.truncated
        assert torch.equal(task.state()[~ended], transition.next_state[~ended])
        assert (task.state()[ended].abs() <= bounds).all()
        n_ended += int(ended.sum())
    assert n_ended >= 100


def test_rewards_are_scaled() -> None:
    plain, scaled = (Pendulum(seeds=[1], n_envs=1, reward_scale=s) for s in (1.0, 0.25))
    action = torch.ones(1, 1, 1)
    assert scaled.step(action).reward == 0.25 * plain.step(action).reward


def test_a_member_restarts_the_same_alone_and_in_company() -> None:
    alone, together = CartPole(seeds=[7], n_envs=3), CartPole(seeds=[5, 7], n_envs=3)
    for _ in range(60):
        alone.step(torch.ones(1, 3, 1))
        together.step(torch.ones(2, 3, 1))
        assert torch.equal(alone.physical[0], together.physical[1])
