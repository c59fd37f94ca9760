"""PPO in one file, in the style of CleanRL: plain modules, autograd, torch.optim.Adam."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from bench.peers.vec_env import MarketVecEnv
from bench.peers.work import Work
from cappuccino_assets.agents.ppo import PPOConfig


class ActorCritic(nn.Module):
    """Two separate networks and one standard deviation per action."""

    def __init__(self, n_inputs: int, n_actions: int, width: int):
        super().__init__()
        self.actor = _mlp(n_inputs, width, n_actions, gain=0.01)
        self.critic = _mlp(n_inputs, width, 1, gain=1.0)
        self.log_std = nn.Parameter(torch.full((1, n_actions), -1.0))

    def distribution(self, observation: Tensor) -> Normal:
        mean = self.actor(observation)
        return Normal(mean, self.log_std.expand_as(mean).exp(), validate_args=False)

    def value(self, observation: Tensor) -> Tensor:
        value: Tensor = self.critic(observation).squeeze(-1)
        return value


@dataclass(slots=True)
class Samples:
    """A rollout; shapes begin with (T, E), or (T x E,) once flat."""

    observation: Tensor
    action: Tensor
    log_probability: Tensor
    reward: Tensor
    next_value: Tensor
    done: Tensor
    value: Tensor


def train_single_file(work: Work, env: MarketVecEnv, seed: int) -> int:
    """Train; returns the number of gradient steps."""
    torch.manual_seed(seed)
    config = work.config()
    n_inputs, n_actions = env.observation_space.shape[0], env.action_space.shape[0]
    agent = ActorCritic(n_inputs, n_actions, work.width)
    adam = torch.optim.Adam(agent.parameters(), lr=config.learning_rate, eps=config.adam_epsilon)
    observation = torch.from_numpy(env.reset())
    n_gradient_steps = 0
    for _ in range(work.n_rollouts):
        samples, observation = _rollout(agent, env, observation, work)
        advantage = _advantages(samples, config)
        n_gradient_steps += _update(agent, adam, samples, advantage, work, config)
    return n_gradient_steps


@torch.no_grad()
def _rollout(
    agent: ActorCritic, env: MarketVecEnv, observation: Tensor, work: Work
) -> tuple[Samples, Tensor]:
    length, n_envs = work.rollout // work.n_envs, work.n_envs
    held = Samples(
        torch.zeros(length, *observation.shape),
        torch.zeros(length, n_envs, env.action_space.shape[0]),
        *(torch.zeros(length, n_envs) for _ in range(5)),
    )
    for t in range(length):
        distribution = agent.distribution(observation)
        action = distribution.sample()
        held.observation[t], held.action[t] = observation, action
        held.log_probability[t] = distribution.log_prob(action).sum(-1)
        held.value[t] = agent.value(observation)
        reached, reward, done, infos = env.step(action.numpy())
        observation = torch.from_numpy(reached)
        held.reward[t], held.done[t] = torch.from_numpy(reward), torch.from_numpy(done)
        if t > 0:
            held.next_value[t - 1] += held.value[t] * (1.0 - held.done[t - 1])
        _bootstrap_truncated(agent, infos, held.next_value[t], done)
    held.next_value[-1] += agent.value(observation) * (1.0 - held.done[-1])
    return held, observation


def _bootstrap_truncated(
    agent: ActorCritic, infos: list[dict[str, object]], next_value: Tensor, done: np.ndarray
) -> None:
    for i in np.flatnonzero(done):
        if infos[i]["TimeLimit.truncated"]:
            next_value[i] = agent.value(torch.from_numpy(infos[i]["terminal_observation"]))


def _advantages(samples: Samples, config: PPOConfig) -> Tensor:
    error = samples.reward + config.gamma * samples.next_value - samples.value
    advantage = torch.zeros_like(error)
    trace = torch.zeros_like(error[0])
    for t in reversed(range(len(error))):
        trace = error[t] + config.gamma * config.gae_lambda * (1.0 - samples.done[t]) * trace
        advantage[t] = trace
    return advantage


def _update(
    agent: ActorCritic,
    adam: torch.optim.Adam,
    samples: Samples,
    advantage: Tensor,
    work: Work,
    config: PPOConfig,
) -> int:
    target = (advantage + samples.value).flatten()
    advantage = advantage.flatten()
    observation, action = samples.observation.flatten(0, 1), samples.action.flatten(0, 1)
    old = samples.log_probability.flatten()
    n_gradient_steps = 0
    for _ in range(work.n_epochs):
        for rows in torch.randperm(work.rollout).split(work.minibatch):
            distribution = agent.distribution(observation[rows])
            log_ratio = distribution.log_prob(action[rows]).sum(-1) - old[rows]
            gain = advantage[rows]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            ratio = log_ratio.exp()
            clipped = ratio.clamp(1 - config.clip_range, 1 + config.clip_range)
            policy_loss = -torch.minimum(ratio * gain, clipped * gain).mean()
            value_loss = 0.5 * (agent.value(observation[rows]) - target[rows]).square().mean()
            entropy = distribution.entropy().sum(-1).mean()
            loss = policy_loss + config.value_loss_coef * value_loss
            adam.zero_grad()
            (loss - config.entropy_coef * entropy).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), config.max_grad_norm)
            adam.step()
            n_gradient_steps += 1
    return n_gradient_steps


def _mlp(n_inputs: int, width: int, n_outputs: int, *, gain: float) -> nn.Sequential:
    layers = [nn.Linear(n_inputs, width), nn.Linear(width, width), nn.Linear(width, n_outputs)]
    for layer, of_layer in zip(layers, (math.sqrt(2), math.sqrt(2), gain), strict=True):
        nn.init.orthogonal_(layer.weight, of_layer)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
