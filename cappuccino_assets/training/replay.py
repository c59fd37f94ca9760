"""A replay buffer of compact states, with n-step returns formed when they are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.state import State, counters
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
        self, random: MemberRandom, *, batch_size: int, gamma: float | Tensor, n_step: int
    ) -> ReplaySample:
        """Draw transitions with replacement, and look up to `n_step` steps ahead.

        The sum of rewards stops where the episode ends, or where the ring does; the bootstrap
        looks from the last step reached, and weighs nothing after a termination.
        """
        n_held = min(self._n_written, self._length)
        age, env = self._draw(random, batch_size, n_held)
        ahead = torch.arange(min(n_step, n_held), device=age.device)
        row = (self._n_written - 1 - age[..., None] + ahead) % self._length
        path = self._place(row, env[..., None])  # (M, B, n): the steps that follow each other
        ended = _at(self._ended, path) | (age[..., None] <= ahead)
        before = torch.cat([torch.zeros_like(ended[..., :1]), ended[..., :-1]], dim=2)
        reached = before.cumsum(dim=2) == 0  # also the step that ends an episode
        weight = gamma[..., None] ** ahead if isinstance(gamma, Tensor) else gamma**ahead
        n_reached = reached.sum(dim=2)
        last = path.gather(2, n_reached[..., None] - 1)[..., 0]
        return ReplaySample(
            state=_at(self._state, path[..., 0]),
            action=_at(self._action, path[..., 0]),
            n_step_return=(_at(self._reward, path) * weight * reached).sum(dim=2),
            next_state=_at(self._next_state, last),
            discount=gamma**n_reached * ~_at(self._terminated, last),
        )

    def state_dict(self) -> State:
        """Copy all that is held."""
        return {name: ring.clone() for name, ring in self._rings.items()} | counters(
            written=self._n_written
        )

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        for name, ring in self._rings.items():
            ring.copy_(state[name])
        self._n_written = int(state["written"])

    @property
    def _rings(self) -> State:
        return {
            "state": self._state,
            "next_state": self._next_state,
            "action": self._action,
            "reward": self._reward,
            "terminated": self._terminated,
            "ended": self._ended,
        }

    def _place(self, row: Tensor, env: Tensor) -> Tensor:
        """Number transitions (M, ...) through all members, rows and environments."""
        n_members, length, n_envs = self._reward.shape
        member = torch.arange(n_members, device=row.device)[:, None, None]
        return (member * length + row) * n_envs + env

    def _draw(self, random: MemberRandom, batch_size: int, n_held: int) -> tuple[Tensor, Tensor]:
        draws = random.uniform(2, batch_size)
        age = (draws[:, 0] * n_held).long()
        env = (draws[:, 1] * self._reward.shape[2]).long()
        return age, env


def _at(ring: Tensor, place: Tensor) -> Tensor:
    """Look transitions up in a ring (M, T, E, ...)."""
    return ring.flatten(0, 2).index_select(0, place.flatten()).view(*place.shape, *ring.shape[3:])
