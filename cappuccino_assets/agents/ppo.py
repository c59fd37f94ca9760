"""Proximal policy optimisation of a population, with a squashed Gaussian policy."""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.checks import require_fraction, require_positive
from cappuccino_assets.agents.networks import PopulationMLP
from cappuccino_assets.agents.optimiser import LearningRateSchedule, PopulationAdam, rate_factor
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.random import MemberRandom

_INITIAL_LOG_STD: Final = -1.0
_LOG_STD_BOUNDS: Final = (-4.0, 0.5)
# Exploration that buys or sells all symbols together: independent noise cannot leave the market,
# for the cash of one sale is spent by the other symbols' purchases of the same bar.
_NOISE_CORRELATION: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Hyper-parameters, under the names of the search spaces."""

    net_dimension: int = 128
    batch_size: int = 512
    learning_rate: float = 3e-4
    gamma: float = 0.99
    target_step: int = 2048
    clip_range: float = 0.2
    entropy_coef: float = 1e-3
    value_loss_coef: float = 0.5
    max_grad_norm: float = 0.5
    gae_lambda: float = 0.95
    ppo_epochs: int = 8
    kl_target: float = 0.02
    adam_epsilon: float = 1e-5
    lr_schedule: LearningRateSchedule = "linear"
    lr_schedule_factor: float = 0.3

    def __post_init__(self) -> None:
        require_positive(
            net_dimension=self.net_dimension,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            target_step=self.target_step,
            clip_range=self.clip_range,
            max_grad_norm=self.max_grad_norm,
            ppo_epochs=self.ppo_epochs,
            kl_target=self.kl_target,
            adam_epsilon=self.adam_epsilon,
            lr_schedule_factor=self.lr_schedule_factor,
        )
        require_fraction(gamma=self.gamma, gae_lambda=self.gae_lambda)
        rate_factor(self.lr_schedule, self.lr_schedule_factor, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOBatch:
    """What a rollout leaves for the update; B = T x E samples of each of M members.

    Args:
        observation: Shape (M, B, O).
        latent_action: Gaussian draw before the squashing tanh, shape (M, B, N).
        log_probability: Of the draw, under the policy that made it, shape (M, B).
        advantage: Shape (M, B).
        value_target: Shape (M, B).
    """

    observation: Tensor
    latent_action: Tensor
    log_probability: Tensor
    advantage: Tensor
    value_target: Tensor


class PPOAgent:
    """M actors and critics that learn together and share nothing.

    Args:
        config: Hyper-parameters of all members.
        observation_size: Width of the observation, O.
        action_space: Must be continuous.
        random: One stream per member.

    References:
        Schulman et al., "Proximal Policy Optimization Algorithms" (2017), eq. 7 and 9.
    """

    def __init__(
        self,
        config: PPOConfig,
        *,
        observation_size: int,
        action_space: ActionSpace,
        random: MemberRandom,
    ):
        hidden = [observation_size, config.net_dimension, config.net_dimension]
        n_actions = action_space.n_outputs
        self.config = config
        self.action_space = action_space
        self._random = random
        self._actor = PopulationMLP.initialise([*hidden, n_actions], random, output_gain=0.01)
        self._critic = PopulationMLP.initialise([*hidden, 1], random, output_gain=1.0)
        self._log_std = torch.full_like(self._actor.biases[-1].detach(), _INITIAL_LOG_STD)
        self._optimiser = PopulationAdam(
            [*self._actor.parameters, self._log_std, *self._critic.parameters],
            learning_rate=config.learning_rate,
            epsilon=config.adam_epsilon,
            max_grad_norm=config.max_grad_norm,
        )

    @property
    def n_noise(self) -> int:
        """Normal draws that one action needs: one per symbol, and one that they share."""
        return self.action_space.n_outputs + 1

    @torch.no_grad()
    def sample(self, observation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draw actions.

        Args:
            observation: Shape (M, E, O).
            noise: Independent standard normal draws, shape (M, E, N + 1).

        Returns:
            Latent actions (their tanh is the trade vector), shape (M, E, N), and their log
            probabilities, shape (M, E).
        """
        scaled = _correlated(noise)
        latent = self._actor(observation) + self._std() * scaled
        return latent, self._log_probability(scaled)

    @torch.no_grad()
    def value(self, observation: Tensor) -> Tensor:
        """Estimate the discounted return from observations (M, B, O); shape (M, B)."""
        return self._critic(observation)[..., 0]

    def update(
        self, batch: PPOBatch, *, progress: float, next_progress: float
    ) -> dict[str, Tensor]:
        """Improve every member by several passes over its own samples.

        Each pass sees every sample once, in minibatches of `batch_size` and a smaller last one. A
        member whose policy has moved further than `kl_target` stops for this update.

        Args:
            batch: Samples of one rollout.
            progress: Share of the training done before this update, in [0, 1].
            next_progress: Share done after it.

        Returns:
            Diagnostics by name, each of shape (M,).
        """
        n_samples = batch.advantage.shape[1]
        size = self.config.batch_size
        active = torch.ones(
            batch.advantage.shape[0], dtype=torch.bool, device=batch.advantage.device
        )
        diagnostics: dict[str, Tensor] = {}
        for epoch in range(self.config.ppo_epochs):
            done = progress + (next_progress - progress) * epoch / self.config.ppo_epochs
            factor = rate_factor(self.config.lr_schedule, self.config.lr_schedule_factor, done)
            order = self._random.permutations(n_samples)
            for first in range(0, n_samples, size):
                rows = order[:, first : first + size]
                diagnostics = self._descend(batch, rows, factor=factor, active=active)
                active = active & (diagnostics["approximate_kl"] <= self.config.kl_target)
        return diagnostics

    def policy(self) -> Policy:
        """Copy the actors as they are now."""
        return Policy(self._actor.clone(), self.action_space)

    def _descend(
        self, batch: PPOBatch, rows: Tensor, *, factor: float, active: Tensor
    ) -> dict[str, Tensor]:
        observation = _take(batch.observation, rows)
        mean = self._actor(observation)
        value = self._critic(observation)[..., 0]
        scaled = (_take(batch.latent_action, rows) - mean) / self._std()
        log_ratio = self._log_probability(scaled) - batch.log_probability.gather(1, rows)
        policy_loss = _clipped_loss(
            log_ratio, batch.advantage.gather(1, rows), self.config.clip_range
        )
        value_loss = 0.5 * (value - batch.value_target.gather(1, rows)).square().mean(dim=1)
        entropy = self._log_std.clamp(*_LOG_STD_BOUNDS).sum(
            dim=(1, 2)
        )  # of the latent Gaussian, up to a constant
        loss = (
            policy_loss
            + self.config.value_loss_coef * value_loss
            - self.config.entropy_coef * entropy
        )
        norm = self._optimiser.minimise(loss, rate_factor=factor, active=active)
        with torch.no_grad():
            kl = (log_ratio.exp() - 1.0 - log_ratio).mean(dim=1)
        return {
            "policy_loss": policy_loss.detach(),
            "value_loss": value_loss.detach(),
            "entropy": entropy.detach(),
            "approximate_kl": kl,
            "gradient_norm": norm,
        }

    def _std(self) -> Tensor:
        return self._log_std.clamp(*_LOG_STD_BOUNDS).exp()

    def _log_probability(self, scaled: Tensor) -> Tensor:
        """Log density of the latent action, without the terms that cancel in every ratio.

        These are the normalising constant and the logarithm of the tanh's derivative: both depend
        on the latent action alone, which is the same in numerator and denominator.
        """
        log_std = self._log_std.clamp(*_LOG_STD_BOUNDS)
        density: Tensor = -0.5 * _squared_length(scaled) - log_std.sum(dim=2)
        return density


def _correlated(noise: Tensor) -> Tensor:
    own, shared = noise[..., :-1], noise[..., -1:]
    return own * math.sqrt(1.0 - _NOISE_CORRELATION) + shared * math.sqrt(_NOISE_CORRELATION)


def _squared_length(scaled: Tensor) -> Tensor:
    """Mahalanobis length of equally correlated draws (..., N), by Sherman and Morrison."""
    n, weight = scaled.shape[-1], _NOISE_CORRELATION
    shared = weight / (1.0 + (n - 1) * weight)
    squares: Tensor = scaled.square().sum(dim=-1) - shared * scaled.sum(dim=-1).square()
    return squares / (1.0 - weight)


def _clipped_loss(log_ratio: Tensor, advantage: Tensor, clip_range: float) -> Tensor:
    std, mean = torch.std_mean(advantage, dim=1, keepdim=True, correction=0)
    advantage = (advantage - mean) / (std + 1e-8)
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(ratio * advantage, clipped * advantage).mean(dim=1)


def _take(samples: Tensor, rows: Tensor) -> Tensor:
    """Gather rows (M, R) of samples (M, B, K) into (M, R, K)."""
    n_members, n_samples, width = samples.shape
    first = torch.arange(n_members, device=rows.device)[:, None] * n_samples
    flat = samples.reshape(n_members * n_samples, width)
    return flat.index_select(0, (first + rows).flatten()).view(*rows.shape, width)
