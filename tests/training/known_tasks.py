"""Two tasks whose values can be written down: a bandit and a chain of two states."""

from typing import Literal

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.task import Transition


class Bandit:
    """Episodes of one step; the reward is 1 - (action - best)^2, and symmetric noise.

    Args:
        best: Best action of each member, M in all.
        noise: Half of the distance between the two equally likely outcomes of an action.
    """

    observation_size = 1

    def __init__(self, *, best: list[float], n_envs: int, noise: float, seeds: list[int]):
        self.n_members = len(best)
        self.n_envs = n_envs
        self._best = torch.tensor(best)[:, None]
        self._noise = noise
        self._random = MemberRandom(seeds)

    def state(self) -> Tensor:
        return torch.ones(self.n_members, self.n_envs, 1)

    def observe(self, state: Tensor) -> Tensor:
        return state

    def step(self, action: Tensor) -> Transition:
        sign = (self._random.uniform(self.n_envs) < 0.5).float() * 2 - 1
        ended = torch.ones(self.n_members, self.n_envs, dtype=torch.bool)
        return Transition(
            reward=1.0 - (action[..., 0] - self._best).square() + self._noise * sign,
            terminated=ended,
            truncated=~ended,
            next_state=self.state(),
        )


class Chain:
    """State 0 leads to state 1, and that to state 0, where the episode ends in a stated way.

    The next episode starts in either state, so that the state after a restart is often not the
    one that was reached. A step earns the reward of its state, and `trade_reward` x the action.

    Args:
        end: Whether the end has no future, or cuts the chain short.
        rewards: What the two states earn.
    """

    observation_size = 2

    def __init__(
        self,
        *,
        end: Literal["terminated", "truncated"],
        rewards: tuple[float, float],
        trade_reward: float = 0.0,
        n_envs: int,
        seeds: list[int],
    ):
        self.n_members = len(seeds)
        self.n_envs = n_envs
        self._end = end
        self._rewards = torch.tensor(rewards)
        self._trade_reward = trade_reward
        self._random = MemberRandom(seeds)
        self._at = self._draw()

    def state(self) -> Tensor:
        return self._at[..., None].float()

    def observe(self, state: Tensor) -> Tensor:
        return torch.cat([1.0 - state, state], dim=-1)

    def step(self, action: Tensor) -> Transition:
        reward = self._rewards[self._at] + self._trade_reward * action[..., 0]
        ended = self._at == 1
        self._at = 1 - self._at
        reached = self.state()
        self._at = torch.where(ended, self._draw(), self._at)
        never = torch.zeros_like(ended)
        return Transition(
            reward=reward,
            terminated=ended if self._end == "terminated" else never,
            truncated=ended if self._end == "truncated" else never,
            next_state=reached,
        )

    def _draw(self) -> Tensor:
        return self._random.integers(2, self.n_envs)
