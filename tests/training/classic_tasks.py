"""CartPole-v1 and Pendulum-v1 for a whole population, each held against Gymnasium's own."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.task import Transition


class ClassicTask(ABC):
    """M x E environments, which restart by themselves; an episode is cut at `TIME_LIMIT` steps.

    Physics run in float64, as Gymnasium's do. What trainers see of it is float32.

    Args:
        seeds: One seed of the restarts per member, M in all.
        n_envs: E.
        reward_scale: Multiplies every reward.
    """

    TIME_LIMIT: ClassVar[int]
    START_BOUNDS: ClassVar[tuple[float, ...]]
    observation_size: ClassVar[int]

    def __init__(self, *, seeds: list[int], n_envs: int, reward_scale: float = 1.0):
        self.n_members = len(seeds)
        self.n_envs = n_envs
        self._reward_scale = reward_scale
        self._random = MemberRandom(seeds)
        self._bounds = torch.tensor(self.START_BOUNDS, dtype=torch.float64)
        self.physical = self._draw()  # float64, (M, E, S)
        self._age = torch.zeros(self.n_members, n_envs, dtype=torch.int64)

    def state(self) -> Tensor:
        return self.physical.float()

    def step(self, action: Tensor) -> Transition:
        self.physical, reward, terminated = self._move(self.physical, action[..., 0].double())
        self._age += 1
        truncated = self._age >= self.TIME_LIMIT
        transition = Transition(
            reward=(reward * self._reward_scale).float(),
            terminated=terminated,
            truncated=truncated,
            next_state=self.state(),
        )
        ended = terminated | truncated
        # Drawn at every step, so that a member's stream does not depend on its company.
        self.physical = torch.where(ended[..., None], self._draw(), self.physical)
        self._age.masked_fill_(ended, 0)
        return transition

    @abstractmethod
    def observe(self, state: Tensor) -> Tensor:
        """Turn states (M, B, S) into observations (M, B, O)."""

    @abstractmethod
    def _move(self, physical: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the next state, the reward and whether the episode has no future."""

    def _draw(self) -> Tensor:
        return (self._random.uniform(self.n_envs, len(self._bounds)) * 2 - 1) * self._bounds


class CartPole(ClassicTask):
    """A pole on a cart; an action above zero pushes right, any other left.

    Observations are divided by `UNITS`, as a market's features are by their spread: in metres and
    radians the angle that decides everything is a tenth of the speeds beside it.

    References:
        gymnasium.envs.classic_control.cartpole, explicit Euler steps of 0.02 s.
    """

    TIME_LIMIT = 500
    START_BOUNDS = (0.05, 0.05, 0.05, 0.05)
    UNITS = (2.4, 2.0, 0.2095, 2.0)
    observation_size = 4

    def observe(self, state: Tensor) -> Tensor:
        return state / torch.tensor(self.UNITS)

    def _move(self, physical: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, x_dot, theta, theta_dot = physical.unbind(dim=-1)
        force = torch.where(action > 0, 10.0, -10.0)
        cos, sin = theta.cos(), theta.sin()
        push = (force + 0.05 * theta_dot.square() * sin) / 1.1
        theta_acc = (9.8 * sin - cos * push) / (0.5 * (4.0 / 3.0 - 0.1 * cos.square() / 1.1))
        x_acc = push - 0.05 * theta_acc * cos / 1.1
        change = torch.stack([x_dot, x_acc, theta_dot, theta_acc], dim=-1)
        reached = physical + 0.02 * change
        fallen = reached[..., 2].abs() > 12 * 2 * math.pi / 360
        return reached, torch.ones_like(x), fallen | (reached[..., 0].abs() > 2.4)


class Pendulum(ClassicTask):
    """A pendulum to be swung up and held, with a torque of twice the action.

    References:
        gymnasium.envs.classic_control.pendulum, steps of 0.05 s.
    """

    TIME_LIMIT = 200
    START_BOUNDS = (math.pi, 1.0)
    observation_size = 3

    def observe(self, state: Tensor) -> Tensor:
        angle, speed = state.unbind(dim=-1)
        return torch.stack([angle.cos(), angle.sin(), speed], dim=-1)

    def _move(self, physical: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        angle, speed = physical.unbind(dim=-1)
        torque = 2.0 * action.clamp(-1.0, 1.0)
        from_top = (angle + math.pi) % (2 * math.pi) - math.pi
        cost = from_top.square() + 0.1 * speed.square() + 0.001 * torque.square()
        speed = (speed + (15.0 * angle.sin() + 3.0 * torque) * 0.05).clamp(-8.0, 8.0)
        reached = torch.stack([angle + speed * 0.05, speed], dim=-1)
        return reached, -cost, torch.zeros_like(angle, dtype=torch.bool)


def greedy_returns(policy: Policy, task: ClassicTask) -> Tensor:
    """Sum the rewards of each environment's first episode, acting greedily; shape (M, E)."""
    total = torch.zeros(task.n_members, task.n_envs)
    running = torch.ones_like(total, dtype=torch.bool)
    while running.any():
        transition = task.step(policy.act_greedily(task.observe(task.state())))
        total += transition.reward * running
        running &= ~(transition.terminated | transition.truncated)
    return total
