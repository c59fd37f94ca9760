"""The trading environment as a trainer's task."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.training.state import State, counters, joined, part_of
from cappuccino_assets.training.task import Transition


class MarketTask:
    """Episodes of one timeframe cycle, begun at random bars of each member's training blocks.

    The compact state is (bar, cash weight, position weights, clock), so the market's features are
    stored once and not once per sample. A bar's number is exact in float32 up to 2^24.

    Args:
        environment: Restarted here whenever an episode ends.
        observe: Builder of the members' observations.
        starts: Bars from which each member's episodes may start.
        random: Streams that choose among them.
        cycle_bars: Length of a whole episode; None where only blocks end it.
    """

    def __init__(
        self,
        environment: TradingEnvironment,
        observe: ObservationBuilder,
        starts: StartTable,
        random: MemberRandom,
        *,
        cycle_bars: int | None,
    ):
        self._environment = environment
        self._observe = observe
        self._starts = starts
        self._random = random
        self._cycle_bars = cycle_bars
        environment.reset(*self._draw_cut())

    @property
    def n_members(self) -> int:
        """Number of members, M."""
        return self._environment.n_members

    @property
    def n_envs(self) -> int:
        """Number of environments of each member, E."""
        return self._environment.n_envs

    @property
    def observation_size(self) -> int:
        """Width of the observation, O."""
        return self._observe.size

    def state(self) -> Tensor:
        """Return (bar, account) of every environment, shape (M, E, 1 + A)."""
        bar = self._environment.bar[..., None].float()
        return torch.cat([bar, self._environment.account], dim=2)

    def observe(self, state: Tensor) -> Tensor:
        """Turn states (M, B, 1 + A) into observations (M, B, O)."""
        return self._observe(state[..., 0].long(), state[..., 1:])

    def step(self, action: Tensor) -> Transition:
        """Trade one bar in every environment, and restart those whose episode ended."""
        step = self._environment.step(action)
        transition = Transition(
            reward=step.reward,
            terminated=step.terminated,
            truncated=step.truncated,
            next_state=self.state(),
        )
        # Drawn at every step, so that a member's stream does not depend on its company.
        self._environment.restart(self._environment.finished, *self._draw())
        return transition

    def state_dict(self) -> State:
        """Copy all that a step changes."""
        return joined(
            environment=self._environment.state_dict(), count=counters(draws=self._random.counter)
        )

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._environment.load_state_dict(part_of(state, "environment"))
        self._random.counter = int(state["count.draws"])

    def _draw(self) -> tuple[Tensor, Tensor]:
        return self._starts.draw(self._random.uniform(self._environment.n_envs))

    def _draw_cut(self) -> tuple[Tensor, Tensor]:
        """Cut the first episodes short at random, or all would end their cycles at one time."""
        start, stop = self._draw()
        left = stop - start - 2
        if self._cycle_bars is not None:
            left = left.clamp(max=self._cycle_bars - 1)
        share = self._random.uniform(self._environment.n_envs)
        return start, start + 2 + (share * (left + 1)).long().minimum(left)
