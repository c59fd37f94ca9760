"""A replay buffer of compact states, with n-step returns formed when they are drawn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.task import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySample:
    """Drawn transitions; state and next_state have shape (M, B, S), the others (M, B)."""

    state: Tensor
    action: Tensor
    n_step_return: Tensor
    next_state: Tensor
    discount: Tensor


class ReplayBuffer:
    """The last steps of E environments of M members, in a ring.

    Args:
        n_members: M.
        n_envs: E.
        state_size: S.
        capacity: Transitions kept per member.
        device: Where they are kept.
    """

    def __init__(
        self, *, n_members: int, n_envs: int, state_size: int, capacity: int, device: torch.device
    ):
        self._length = max(1, capacity // n_envs)
        ring = (n_members, self._length, n_envs)
        self._state = torch.zeros(*ring, state_size, device=device)
        self._next_state = torch.zeros(*ring, state_size, device=device)
        self._action = torch.zeros(ring, dtype=torch.int64, device=device)
        self._reward = torch.zeros(ring, device=device)
        self._terminated = torch.zeros(ring, dtype=torch.bool, device=device)
        self._ended = torch.zeros(ring, dtype=torch.bool, device=device)
        self._n_written = 0

    @property
    def n_transitions(self) -> int:
        """Transitions held for each member."""
        return min(self._n_written, self._length) * self._reward.shape[2]

    def append(self, state: Tensor, action: Tensor, transition: Transition) -> None:
        """Store one step of all environments, over the oldest one when the ring is full."""
        row = self._n_written % self._length
        self._state[:, row] = state
        self._action[:, row] = action
        self._reward[:, row] = transition.reward
        self._terminated[:, row] = transition.terminated
        self._ended[:, row] = transition.terminated | transition.truncated
        self._next_state[:, row] = transition.next_state
        self._n_written += 1

    def sample(
        self, random: MemberRandom, *, batch_size: int, gamma: float, n_step: int
    ) -> ReplaySample:
        """Draw transitions with replacement, and look up to `n_step` steps ahead.

        The sum of rewards stops where the episode ends, or where the ring does; the bootstrap
        looks from the last step reached, and weighs nothing after a termination.
        """
        n_held = min(self._n_written, self._length)
        age, env = self._draw(random, batch_size, n_held)
        row = (self._n_written - 1 - age) % self._length
        members = torch.arange(row.shape[0], device=row.device)[:, None]
        total = torch.zeros(row.shape, device=row.device)
        discount = torch.ones_like(total)
        last = row
        alive = torch.ones_like(row, dtype=torch.bool)
        for ahead in range(min(n_step, n_held)):
            there = (row + ahead) % self._length
            alive = alive & (age >= ahead)
            total = total + alive * discount * self._reward[members, there, env]
            last = torch.where(alive, there, last)
            discount = torch.where(alive, discount * gamma, discount)
            alive = alive & ~self._ended[members, there, env]
        return ReplaySample(
            state=self._state[members, row, env],
            action=self._action[members, row, env],
            n_step_return=total,
            next_state=self._next_state[members, last, env],
            discount=discount * ~self._terminated[members, last, env],
        )

    def _draw(self, random: MemberRandom, batch_size: int, n_held: int) -> tuple[Tensor, Tensor]:
        draws = random.uniform(2, batch_size)
        age = (draws[:, 0] * n_held).long()
        env = (draws[:, 1] * self._reward.shape[2]).long()
        return age, env
