"""Double deep Q-learning of a population over discrete trades."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.architecture import Architecture
from cappuccino_assets.agents.checks import require_fraction, require_positive, require_same
from cappuccino_assets.agents.optimiser import (
    Adam,
    LearningRateSchedule,
    rate_factor,
    rate_factors,
)
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.propagation import MICRO_BATCH, Propagation
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.errors import ConfigurationError

_OUTPUT_GAIN: Final = 0.01
_SHARED: Final = (
    "net_dimension",
    "batch_size",
    "buffer_size",
    "target_update",
    "train_frequency",
    "n_step",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DDQNConfig:
    """Hyper-parameters, under the names of the search spaces.

    Args:
        target_update: Environment steps between two copies to the target network.
        train_frequency: Environment steps to each gradient step.
        epsilon_decay_fraction: Share of the training in which epsilon falls from 1.
    """

    net_dimension: int = 128
    batch_size: int = 256
    learning_rate: float = 3e-4
    gamma: float = 0.99
    buffer_size: int = 50_000
    target_update: int = 1000
    train_frequency: int = 8
    epsilon_end: float = 0.05
    epsilon_decay_fraction: float = 0.5
    n_step: int = 3
    max_grad_norm: float = 0.5
    adam_epsilon: float = 1e-5
    lr_schedule: LearningRateSchedule = "linear"
    lr_schedule_factor: float = 0.3

    def __post_init__(self) -> None:
        require_positive(
            net_dimension=self.net_dimension,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            buffer_size=self.buffer_size,
            target_update=self.target_update,
            train_frequency=self.train_frequency,
            epsilon_decay_fraction=self.epsilon_decay_fraction,
            n_step=self.n_step,
            max_grad_norm=self.max_grad_norm,
            adam_epsilon=self.adam_epsilon,
            lr_schedule_factor=self.lr_schedule_factor,
        )
        require_fraction(
            gamma=self.gamma,
            epsilon_end=self.epsilon_end,
            epsilon_decay_fraction=self.epsilon_decay_fraction,
        )
        rate_factor(self.lr_schedule, self.lr_schedule_factor, 0.0)
        if self.batch_size > self.buffer_size:
            raise ConfigurationError(
                f"batch_size must not be above buffer_size, but got {self.batch_size} "
                f"and {self.buffer_size}."
            )


class DDQNBatch(NamedTuple):
    """Replayed transitions, B of each of M members.

    Args:
        observation: Shape (M, B, O).
        action: Index of the trade, int64, shape (M, B).
        n_step_return: Discounted rewards up to the bootstrap, shape (M, B).
        next_observation: Where the bootstrap looks, shape (M, B, O).
        discount: Weight of the bootstrap; zero where the episode terminated, shape (M, B).
    """

    observation: Tensor
    action: Tensor
    n_step_return: Tensor
    next_observation: Tensor
    discount: Tensor


class DDQNAgent:
    """M pairs of online and target networks that learn together and share nothing.

    Args:
        configs: Hyper-parameters, one set per member. What counts steps or shapes the tensors is
            the same in all: net_dimension, batch_size, buffer_size, target_update,
            train_frequency and n_step.
        observation_size: Width of the observation, O.
        action_space: Must be discrete.
        random: One stream per member.
        micro_batch: Samples of a member in one pass; a minibatch is the sum of its passes.

    Raises:
        ConfigurationError: If there is no member, or members do not fit each other.

    References:
        van Hasselt et al., "Deep Reinforcement Learning with Double Q-learning" (2016), eq. 4.
    """

    def __init__(
        self,
        configs: Sequence[DDQNConfig],
        *,
        observation_size: int,
        action_space: ActionSpace,
        random: MemberRandom,
        micro_batch: int = MICRO_BATCH,
    ):
        require_same(configs, *_SHARED)
        self.configs = tuple(configs)
        self.action_space = action_space
        self._micro_batch = micro_batch
        self._architecture = Architecture(
            n_inputs=observation_size,
            net_dimension=configs[0].net_dimension,
            heads=(action_space.n_outputs,),
        )
        online = self._architecture.initialise(random, gains=(_OUTPUT_GAIN,))
        self._target = online.clone()
        self._propagation = Propagation(self._architecture, online.device)
        self._adam = Adam(online, configs)

    def discounts(self) -> Tensor:
        """Return gamma of every member, shape (M, 1)."""
        return torch.tensor([[c.gamma] for c in self.configs], device=self._target.device)

    @torch.no_grad()
    def sample(self, observation: Tensor, draws: Tensor, *, epsilon: Tensor) -> Tensor:
        """Choose the best-known trade, or with probability `epsilon` any, often of the basket.

        Args:
            observation: Shape (M, E, O).
            draws: Uniform on (0, 1), shape (M, E, 2): whether to explore, and where.
            epsilon: Probability of exploring, shape (M, 1).

        Returns:
            Indices of trades, int64, shape (M, E).
        """
        weights = self._architecture.views(self._adam.values)
        greedy = self._propagation.head(weights, observation, 0).max(dim=2).indices
        explored = self.action_space.explore(draws[..., 1])
        return torch.where(draws[..., 0] < epsilon, explored, greedy)

    def epsilon(self, progress: float) -> Tensor:
        """Probability of exploring after a share `progress` of the training, shape (M, 1)."""
        decayed = [
            1.0 - (1.0 - each.epsilon_end) * min(progress / each.epsilon_decay_fraction, 1.0)
            for each in self.configs
        ]
        return torch.tensor(decayed, dtype=torch.float64, device=self._target.device)[:, None]

    @torch.no_grad()
    def update(self, batch: DDQNBatch, *, progress: float) -> dict[str, Tensor]:
        """Move every member's action values towards their targets by one step.

        Returns:
            Diagnostics by name, each of shape (M,).
        """
        n_members, n_samples = batch.action.shape
        gradient = self._propagation.take("gradient", *self._adam.values.shape).zero_()
        totals = torch.zeros(2, n_members, device=gradient.device)
        for first in range(0, n_samples, self._micro_batch):
            rows = slice(first, first + self._micro_batch)
            part = DDQNBatch(*(each[:, rows] for each in batch))
            totals += self._differentiate(part, onto=gradient)
        loss, value = totals / n_samples
        norm = self._adam.step(gradient.div_(n_samples), rate_factors(self.configs, progress))
        return {"value_loss": loss, "mean_value": value, "gradient_norm": norm}

    def copy_to_target(self) -> None:
        """Let the target networks catch up with the online ones."""
        self._target.copy_(self._adam.values)

    def policy(self) -> Policy:
        """Copy the online networks as they are now."""
        return Policy(self._architecture.perceptron(self._adam.values, 0), self.action_space)

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that an update changes."""
        return {**self._adam.state_dict(), "target": self._target.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._adam.load_state_dict(state)
        self._target.copy_(state["target"])

    def _differentiate(self, batch: DDQNBatch, *, onto: Tensor) -> Tensor:
        """Accumulate the gradient of the Huber loss summed over samples (Mnih et al. 2015)."""
        forward, views = self._propagation.forward, self._architecture.views
        online = views(self._adam.values)
        n_actions = self.action_space.n_outputs
        target = double_q_target(
            batch.n_step_return,
            batch.discount,
            online=forward(online, batch.next_observation)[..., :n_actions].clone(),
            target=forward(views(self._target), batch.next_observation)[..., :n_actions],
        )
        output = forward(online, batch.observation)
        value = output.gather(2, batch.action[..., None])[..., 0]
        error = value - target
        by_output = self._propagation.take("output gradient", *output.shape).zero_()
        by_output.scatter_(2, batch.action[..., None], error.clamp(-1.0, 1.0)[..., None])
        self._propagation.backward(online, batch.observation, by_output, onto=views(onto))
        loss = torch.where(error.abs() < 1.0, 0.5 * error.square(), error.abs() - 0.5)
        return torch.stack([loss.sum(dim=1), value.sum(dim=1)])


def double_q_target(
    n_step_return: Tensor, discount: Tensor, *, online: Tensor, target: Tensor
) -> Tensor:
    """Bootstrap from the target network's value of the online network's choice.

    Args:
        n_step_return: Discounted rewards up to the bootstrap, shape (M, B).
        discount: Weight of the bootstrap, shape (M, B).
        online: Online action values of the next observation, shape (M, B, A).
        target: Target action values of the next observation, shape (M, B, A).

    Returns:
        Targets, shape (M, B).

    References:
        van Hasselt et al., "Deep Reinforcement Learning with Double Q-learning" (2016), eq. 4.
    """
    choice = online.max(dim=2, keepdim=True).indices  # faster than argmax
    return n_step_return + discount * target.gather(2, choice)[..., 0]
