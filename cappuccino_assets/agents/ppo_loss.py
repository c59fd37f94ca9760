"""The clipped surrogate of PPO and its derivatives by the networks' outputs."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from cappuccino_assets.agents.exploration import Spread, density_slope, log_density


class CoefficientConfig(Protocol):
    """What of a member's configuration weighs its loss."""

    @property
    def clip_range(self) -> float:
        """Largest step of a probability ratio away from 1."""
        ...

    @property
    def entropy_coef(self) -> float:
        """Weight of the entropy bonus."""
        ...

    @property
    def value_loss_coef(self) -> float:
        """Weight of the critic's loss."""
        ...


class PPOCoefficients(NamedTuple):
    """Weights of the losses of each member, float32, shape (M, 1)."""

    clip_range: Tensor
    entropy_coef: Tensor
    value_loss_coef: Tensor

    @classmethod
    def collect(
        cls, configs: Sequence[CoefficientConfig], device: torch.device
    ) -> "PPOCoefficients":
        """Read them from one configuration per member."""
        rows = [[getattr(config, name) for config in configs] for name in cls._fields]
        return cls(*torch.tensor(rows, device=device)[..., None])


class PPOSamples(NamedTuple):
    """Samples of a rollout that one pass learns from.

    Attributes:
        latent_action: Shape (M, B, N).
        log_probability: Under the policy that acted, shape (M, B).
        advantage: Standardised, shape (M, B).
        value_target: Shape (M, B).
    """

    latent_action: Tensor
    log_probability: Tensor
    advantage: Tensor
    value_target: Tensor


class PPOGradient(NamedTuple):
    """Derivatives of the summed loss, and sums over the samples that tell how it goes.

    Attributes:
        mean: By the policy's means, shape (M, B, N).
        value: By the critic's values, shape (M, B).
        log_std: By the logarithms of the standard deviations, shape (M, 1, N).
        totals: Policy loss, value loss and approximate Kullback-Leibler divergence, shape (3, M).
    """

    mean: Tensor
    value: Tensor
    log_std: Tensor
    totals: Tensor


def ppo_gradient(
    mean: Tensor,
    value: Tensor,
    spread: Spread,
    samples: PPOSamples,
    coefficients: PPOCoefficients,
) -> PPOGradient:
    """Differentiate -min(r A, clip(r) A) + c_v (V - target)^2 / 2 - c_e H, summed over samples.

    Args:
        mean: The policy's means, shape (M, B, N).
        value: The critic's values, shape (M, B).
        spread: Standard deviations of the policy.
        samples: B samples of each member.
        coefficients: Weights of the losses.

    References:
        Schulman et al., "Proximal Policy Optimization Algorithms" (2017), eq. 7 and 9.
    """
    scaled = (samples.latent_action - mean).div_(spread.std)
    slope = density_slope(scaled)
    log_ratio = log_density(scaled, slope, spread).sub_(samples.log_probability)
    ratio = log_ratio.exp()
    gain = ratio * samples.advantage
    clip_range = coefficients.clip_range
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range).mul_(samples.advantage)
    by_log_density = gain.mul(gain <= clipped).neg_()[..., None]  # no slope where the clip holds
    error = value - samples.value_target
    return PPOGradient(
        mean=(slope / spread.std).mul_(by_log_density).neg_(),
        value=error * coefficients.value_loss_coef,
        log_std=_by_log_std(scaled, slope, by_log_density, coefficients.entropy_coef),
        totals=torch.stack(
            [
                -torch.minimum(gain, clipped).sum(dim=1),
                0.5 * error.square().sum(dim=1),
                (ratio - 1.0 - log_ratio).sum(dim=1),
            ]
        ),
    )


def _by_log_std(
    scaled: Tensor, slope: Tensor, by_log_density: Tensor, entropy_coef: Tensor
) -> Tensor:
    """Sum over samples, entropy included."""
    by_density = slope.mul_(scaled).add_(1.0).mul_(by_log_density).sum(dim=1, keepdim=True)
    return by_density.add_(entropy_coef[..., None] * scaled.shape[1]).neg_()
