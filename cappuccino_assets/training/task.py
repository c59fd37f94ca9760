"""What a trainer asks of the world: M members, each in E environments that never stop."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one step of all environments did.

    Args:
        reward: Shape (M, E), float32.
        terminated: Episodes that have no future, bool, shape (M, E).
        truncated: Episodes cut short, which still bootstrap, bool, shape (M, E).
        next_state: Compact state reached, before any restart, shape (M, E, S).
    """

    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    next_state: Tensor


class Task(Protocol):
    """Environments that restart by themselves, with a state that is small to store.

    A state is kept compact (for a market: the bar's number and the account's weights), and turned
    into the observation that a network sees only when it is needed.
    """

    @property
    def n_members(self) -> int:
        """Number of members, M."""
        ...

    @property
    def n_envs(self) -> int:
        """Number of environments of each member, E."""
        ...

    @property
    def observation_size(self) -> int:
        """Width of the observation, O."""
        ...

    def state(self) -> Tensor:
        """Return the compact states, shape (M, E, S)."""
        ...

    def observe(self, state: Tensor) -> Tensor:
        """Turn states (M, B, S) into observations (M, B, O)."""
        ...

    def step(self, action: Tensor) -> Transition:
        """Act in every environment, and restart those whose episode ended.

        Args:
            action: Trade vectors in [-1, 1], shape (M, E, N).
        """
        ...
