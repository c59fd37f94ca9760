"""On-policy training: collect a rollout of every member, estimate advantages, update."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.advantages import generalized_advantage
from cappuccino_assets.agents.ppo import PPOAgent, PPOBatch
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.task import Task, Transition


@dataclass(slots=True, kw_only=True)
class Rollout:
    """What T steps of every member left; shapes begin with (M, T, E)."""

    observation: Tensor
    latent_action: Tensor
    log_probability: Tensor
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    next_state: Tensor


def train_ppo(
    task: Task, agent: PPOAgent, random: MemberRandom, *, n_steps: int
) -> list[dict[str, Tensor]]:
    """Train every member for at least `n_steps` environment steps.

    Args:
        task: The environments.
        agent: The members; changed in place.
        random: Streams of the exploration noise.
        n_steps: Environment steps of one member; whole rollouts are made.

    Returns:
        Diagnostics of each update, tensors of shape (M,).
    """
    length = max(1, agent.config.target_step // task.n_envs)
    n_updates = max(1, -(-n_steps // (length * task.n_envs)))
    curve = []
    for number in range(n_updates):
        rollout = collect_rollout(task, agent, random, length=length)
        batch = ppo_batch(rollout, task, agent)
        diagnostics = agent.update(
            batch, progress=number / n_updates, next_progress=(number + 1) / n_updates
        )
        curve.append({"mean_reward": rollout.reward.mean(dim=(1, 2)), **diagnostics})
    return curve


def collect_rollout(task: Task, agent: PPOAgent, random: MemberRandom, *, length: int) -> Rollout:
    """Act for `length` steps in every environment of every member."""
    noise = random.normal(length, task.n_envs, agent.n_noise)
    steps: list[tuple[Tensor, Tensor, Tensor, Transition]] = []
    for t in range(length):
        observation = task.observe(task.state())
        latent, log_probability = agent.sample(observation, noise[:, t])
        steps.append((observation, latent, log_probability, task.step(latent.tanh())))
    observations, latents, log_probabilities, transitions = zip(*steps, strict=True)
    return Rollout(
        observation=torch.stack(observations, dim=1),
        latent_action=torch.stack(latents, dim=1),
        log_probability=torch.stack(log_probabilities, dim=1),
        reward=torch.stack([t.reward for t in transitions], dim=1),
        terminated=torch.stack([t.terminated for t in transitions], dim=1),
        truncated=torch.stack([t.truncated for t in transitions], dim=1),
        next_state=torch.stack([t.next_state for t in transitions], dim=1),
    )


def ppo_batch(rollout: Rollout, task: Task, agent: PPOAgent) -> PPOBatch:
    """Estimate advantages and value targets, and lay all samples of a member in one row."""
    shape = rollout.reward.shape
    value = agent.value(rollout.observation.flatten(1, 2)).view(shape)
    advantage = generalized_advantage(
        rollout.reward,
        value,
        next_values(rollout, value, task, agent),
        rollout.terminated,
        rollout.truncated,
        gamma=agent.config.gamma,
        gae_lambda=agent.config.gae_lambda,
    )
    return PPOBatch(
        observation=rollout.observation.flatten(1, 2),
        latent_action=rollout.latent_action.flatten(1, 2),
        log_probability=rollout.log_probability.flatten(1, 2),
        advantage=advantage.flatten(1, 2),
        value_target=(advantage + value).flatten(1, 2),
    )


def next_values(rollout: Rollout, value: Tensor, task: Task, agent: PPOAgent) -> Tensor:
    """Value the state that each step reached, before any restart; shape (M, T, E).

    Within an episode that is the value of the following step. Only where an episode was cut short,
    and at the rollout's end, a state is valued that the rollout has not seen.
    """
    reached = torch.empty_like(value)
    reached[:, :-1] = value[:, 1:]
    reached[:, -1] = agent.value(task.observe(rollout.next_state[:, -1]))
    cut = rollout.truncated[:, :-1].any(dim=2).any(dim=0).nonzero()[:, 0]
    if cut.numel():
        states = rollout.next_state[:, cut]  # (M, K, E, S)
        seen = agent.value(task.observe(states.flatten(1, 2))).view(states.shape[:-1])
        reached[:, cut] = torch.where(rollout.truncated[:, cut], seen, reached[:, cut])
    return reached
