"""Double deep Q-learning of a population over discrete trades."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.checks import require_fraction, require_positive
from cappuccino_assets.agents.networks import PopulationMLP
from cappuccino_assets.agents.optimiser import LearningRateSchedule, PopulationAdam, rate_factor
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.errors import ConfigurationError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DDQNBatch:
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
        config: Hyper-parameters of all members.
        observation_size: Width of the observation, O.
        action_space: Must be discrete.
        random: One stream per member.

    References:
        van Hasselt et al., "Deep Reinforcement Learning with Double Q-learning" (2016), eq. 4.
    """

    def __init__(
        self,
        config: DDQNConfig,
        *,
        observation_size: int,
        action_space: ActionSpace,
        random: MemberRandom,
    ):
        sizes = [observation_size, config.net_dimension, config.net_dimension]
        self.config = config
        self.action_space = action_space
        self._online = PopulationMLP.initialise(
            [*sizes, action_space.n_outputs], random, output_gain=0.01
        )
        self._target = self._online.clone()
        self._optimiser = PopulationAdam(
            self._online.parameters,
            learning_rate=config.learning_rate,
            epsilon=config.adam_epsilon,
            max_grad_norm=config.max_grad_norm,
        )

    @torch.no_grad()
    def sample(self, observation: Tensor, draws: Tensor, *, epsilon: float) -> Tensor:
        """Choose the best-known trade, or with probability `epsilon` any.

        Args:
            observation: Shape (M, E, O).
            draws: Uniform on (0, 1), shape (M, E, 2): whether to explore, and where.
            epsilon: Probability of exploring.

        Returns:
            Indices of trades, int64, shape (M, E).
        """
        greedy = self._online(observation).argmax(dim=2)
        random = (draws[..., 1] * self.action_space.n_outputs).long()
        return torch.where(draws[..., 0] < epsilon, random, greedy)

    def epsilon(self, progress: float) -> float:
        """Probability of exploring after a share `progress` of the training."""
        decayed = min(progress / self.config.epsilon_decay_fraction, 1.0)
        return 1.0 - (1.0 - self.config.epsilon_end) * decayed

    def update(self, batch: DDQNBatch, *, progress: float) -> dict[str, Tensor]:
        """Move every member's action values towards their targets by one step.

        Returns:
            Diagnostics by name, each of shape (M,).
        """
        target = double_q_target(
            batch.n_step_return,
            batch.discount,
            online=self._online_values(batch.next_observation),
            target=self._target_values(batch.next_observation),
        )
        value = self._online(batch.observation).gather(2, batch.action[..., None])[..., 0]
        loss = smooth_l1_loss(value, target, reduction="none").mean(dim=1)
        factor = rate_factor(self.config.lr_schedule, self.config.lr_schedule_factor, progress)
        norm = self._optimiser.minimise(loss, rate_factor=factor)
        return {
            "value_loss": loss.detach(),
            "mean_value": value.detach().mean(dim=1),
            "gradient_norm": norm,
        }

    def copy_to_target(self) -> None:
        """Let the target networks catch up with the online ones."""
        self._target.copy_from(self._online)

    def policy(self) -> Policy:
        """Copy the online networks as they are now."""
        return Policy(self._online.clone(), self.action_space)

    @torch.no_grad()
    def _online_values(self, observation: Tensor) -> Tensor:
        return self._online(observation)

    @torch.no_grad()
    def _target_values(self, observation: Tensor) -> Tensor:
        return self._target(observation)


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
    choice = online.argmax(dim=2, keepdim=True)
    return n_step_return + discount * target.gather(2, choice)[..., 0]
