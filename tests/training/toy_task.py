"""A real task whose best policy is known: trade in the direction that the state shows."""

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.task import Transition

EPISODE_STEPS = 4


class SignTask:
    """Each step shows a sign in {-1, 1}; the reward is the sign times the first trade."""

    observation_size = 1

    def __init__(self, *, seeds: list[int], n_envs: int):
        self.n_members = len(seeds)
        self.n_envs = n_envs
        self._random = MemberRandom(seeds)
        self._age = torch.zeros(self.n_members, n_envs, dtype=torch.int64)
        self._sign = self._draw()

    def state(self) -> Tensor:
        return self._sign[..., None].clone()

    def observe(self, state: Tensor) -> Tensor:
        return state

    def step(self, action: Tensor) -> Transition:
        reward = self._sign * action[..., 0]
        self._sign = self._draw()
        self._age += 1
        ended = self._age >= EPISODE_STEPS
        next_state = self.state()
        self._age[ended] = 0
        return Transition(
            reward=reward,
            terminated=ended,
            truncated=torch.zeros_like(ended),
            next_state=next_state,
        )

    def _draw(self) -> Tensor:
        return (self._random.uniform(self.n_envs) < 0.5).float() * 2 - 1
