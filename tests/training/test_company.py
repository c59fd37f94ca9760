"""A member trained in company becomes what it becomes alone, bit for bit."""

import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNConfig
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.ddqn import train_ddqn
from cappuccino_assets.training.ppo import train_ppo
from tests.training.toy_task import SignTask

# Members differ in whatever may differ; batches are no multiple of anything.
PPO = [
    PPOConfig(
        net_dimension=40,
        batch_size=300,
        target_step=1000,
        learning_rate=rate,
        kl_target=kl_target,
        gamma=gamma,
        entropy_coef=entropy_coef,
    )
    for rate, kl_target, gamma, entropy_coef in (
        (3e-3, 1.0, 0.9, 1e-3),
        (1e-2, 0.003, 0.99, 1e-2),
        (1e-3, 0.02, 0.5, 1e-4),
    )
]
DDQN = [
    DDQNConfig(
        net_dimension=40,
        batch_size=100,
        learning_rate=rate,
        gamma=gamma,
        epsilon_end=epsilon_end,
        train_frequency=8,
        target_update=256,
    )
    for rate, gamma, epsilon_end in ((3e-3, 0.9, 0.1), (1e-3, 0.99, 0.01), (1e-2, 0.5, 0.3))
]
SEEDS = [11, 12, 13]


def _ppo(members: list[int]) -> Policy:
    seeds = [SEEDS[m] for m in members]
    agent = PPOAgent(
        [PPO[m] for m in members],
        observation_size=1,
        action_space=ActionSpace(kind="continuous", n_symbols=1),
        random=MemberRandom(seeds),
    )
    task = SignTask(seeds=seeds, n_envs=8)
    train_ppo(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=8000)
    return agent.policy()


def _ddqn(members: list[int]) -> Policy:
    seeds = [SEEDS[m] for m in members]
    agent = DDQNAgent(
        [DDQN[m] for m in members],
        observation_size=1,
        action_space=ActionSpace(kind="discrete", n_symbols=1),
        random=MemberRandom(seeds),
    )
    task = SignTask(seeds=seeds, n_envs=8)
    train_ddqn(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=4000)
    return agent.policy()


@pytest.mark.parametrize("train", [_ppo, _ddqn])
def test_a_member_in_company_is_the_same_as_alone(train: object) -> None:
    together: Policy = train([0, 1, 2])  # type: ignore[operator]
    for member in range(3):
        alone: Policy = train([member])  # type: ignore[operator]
        for name, tensor in alone.member_tensors(0).items():
            assert torch.equal(tensor, together.member_tensors(member)[name])
