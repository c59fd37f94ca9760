"""Agents of both kinds, made and trained the way the product does it, in one call."""

from typing import Any

from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNConfig
from cappuccino_assets.agents.networks import PopulationMLP
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.ddqn import train_ddqn
from cappuccino_assets.training.ppo import train_ppo
from cappuccino_assets.training.task import Task


def trained_ppo(task: Task, seeds: list[int], *, n_steps: int, **settings: Any) -> PPOAgent:
    agent = PPOAgent(
        [PPOConfig(**settings)] * len(seeds),
        observation_size=task.observation_size,
        action_space=ActionSpace(kind="continuous", n_symbols=1),
        random=MemberRandom(seeds),
    )
    train_ppo(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=n_steps)
    return agent


def trained_ddqn(task: Task, seeds: list[int], *, n_steps: int, **settings: Any) -> DDQNAgent:
    agent = DDQNAgent(
        [DDQNConfig(**settings)] * len(seeds),
        observation_size=task.observation_size,
        action_space=ActionSpace(kind="discrete", n_symbols=1),
        random=MemberRandom(seeds),
    )
    train_ddqn(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=n_steps)
    return agent


def action_values(agent: DDQNAgent, observation: Tensor) -> Tensor:
    """Value every action of observations (M, B, O); shape (M, B, A)."""
    policy = agent.policy()
    members = [policy.member_tensors(m) for m in range(policy.n_members)]
    return PopulationMLP.from_members(members)(observation)
