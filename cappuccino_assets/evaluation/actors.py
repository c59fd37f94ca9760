"""Whoever acts in a backtest: learned policies and scripted ones, one behind the other."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.observation import ObservationBuilder


class Actor(Protocol):
    """Some members of a backtest."""

    @property
    def n_members(self) -> int:
        """Number of members, M."""
        ...

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Decide at the close of a bar.

        Args:
            bar: Row of the decision, int64, shape (M, E).
            account: Cash weight, position weights, and the fraction of the cycle that is left;
                float32, shape (M, E, A).

        Returns:
            Trade vectors in [-1, 1], shape (M, E, N).
        """
        ...


class PolicyActor:
    """Learned policies, acting greedily on what they observe."""

    def __init__(self, policy: Policy, observe: ObservationBuilder):
        self._policy = policy
        self._observe = observe

    @property
    def n_members(self) -> int:
        """Number of policies."""
        return self._policy.n_members

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Choose the best-known trade."""
        return self._policy.act_greedily(self._observe(bar, account))


class SharedActor:
    """One actor for several members, each of which sees an account of its own.

    Args:
        actor: Decides for one member.
        n_members: Number of members that act like it.
    """

    def __init__(self, actor: Actor, *, n_members: int):
        self._actor = actor
        self._n_members = n_members

    @property
    def n_members(self) -> int:
        """Number of members."""
        return self._n_members

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Decide for all accounts as if one member had them."""
        trades = self._actor.act(bar.reshape(1, -1), account.reshape(1, bar.numel(), -1))
        return trades.view(*bar.shape, -1)


class CycleHolder:
    """Buys at the first bar of every cycle and holds until the deadline sells.

    Args:
        weights: What to buy of each symbol, in [0, 1], shape (N,); zeros stay in cash.
        n_members: Number of members.
    """

    def __init__(self, weights: Tensor, *, n_members: int = 1):
        self._weights = weights
        self._n_members = n_members

    @property
    def n_members(self) -> int:
        """Number of members."""
        return self._n_members

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Buy when a whole cycle is left."""
        begins = account[..., -1:] == 1.0
        return begins * self._weights


class RandomActor:
    """Trades each symbol at random bars by random amounts.

    Args:
        rate: Probability that a symbol is traded in a bar.
        seeds: One per member.
        n_symbols: Number of symbols, N.
    """

    def __init__(self, *, rate: float, seeds: Sequence[int], n_symbols: int):
        self._rate = rate
        self._random = MemberRandom(seeds)
        self._n_symbols = n_symbols

    @property
    def n_members(self) -> int:
        """Number of members."""
        return self._random.n_members

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Draw a trade."""
        trades, amount = self._random.uniform(bar.shape[1], self._n_symbols, 2).unbind(-1)
        return torch.where(trades < self._rate, 2.0 * amount - 1.0, 0.0)


class SideBySide:
    """Several actors as one: the members of the first, then those of the second, and so on."""

    def __init__(self, actors: Sequence[Actor]):
        self._actors = tuple(actors)
        self._sizes = [actor.n_members for actor in actors]

    @property
    def n_members(self) -> int:
        """Members of all actors."""
        return sum(self._sizes)

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Let each decide for its own members."""
        bars, accounts = bar.split_with_sizes(self._sizes), account.split_with_sizes(self._sizes)
        decided = [
            actor.act(*seen) for actor, *seen in zip(self._actors, bars, accounts, strict=True)
        ]
        return torch.cat(decided)
