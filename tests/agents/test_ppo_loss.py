from math import log

import pytest
import torch

from cappuccino_assets.agents.exploration import density_slope, log_density, spread_of
from cappuccino_assets.agents.ppo_loss import (
    PPOCoefficients,
    PPOGradient,
    PPOSamples,
    ppo_gradient,
)

M, B, N = 2, 40, 3
COEFFICIENTS = PPOCoefficients(
    clip_range=torch.tensor([[0.2], [0.1]]),
    entropy_coef=torch.tensor([[0.01], [0.3]]),
    value_loss_coef=torch.tensor([[0.5], [1.0]]),
)


def _samples() -> PPOSamples:
    generator = torch.Generator().manual_seed(3)
    return PPOSamples(
        latent_action=torch.randn(M, B, N, generator=generator),
        log_probability=torch.randn(M, B, generator=generator) * 0.3 + 3.0,
        advantage=torch.randn(M, B, generator=generator),
        value_target=torch.randn(M, B, generator=generator),
    )


def _outputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    mean = torch.randn(M, B, N, generator=generator).requires_grad_()
    value = torch.randn(M, B, generator=generator).requires_grad_()
    log_std = torch.tensor([[[-1.0, -0.5, 0.2]], [[-4.0, 0.0, 0.5]]]).requires_grad_()
    return mean, value, log_std


def _loss(mean: torch.Tensor, value: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """The sum that is differentiated, written for autograd."""
    samples, c = _samples(), COEFFICIENTS
    spread = spread_of(log_std)
    scaled = (samples.latent_action - mean) / spread.std
    log_density_now = log_density(scaled, density_slope(scaled), spread)
    log_ratio = log_density_now - samples.log_probability
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - c.clip_range, 1 + c.clip_range)
    policy = -torch.minimum(ratio * samples.advantage, clipped * samples.advantage)
    critic = 0.5 * c.value_loss_coef * (value - samples.value_target).square()
    bonus = c.entropy_coef * spread.entropy * B
    return (policy + critic).sum() - bonus.sum()


def _found() -> PPOGradient:
    with torch.no_grad():
        mean, value, log_std = _outputs()
        return ppo_gradient(mean, value, spread_of(log_std), _samples(), COEFFICIENTS)


def test_the_written_derivatives_are_those_of_autograd() -> None:
    outputs = _outputs()
    expected = torch.autograd.grad(_loss(*outputs), outputs)
    found = _found()
    for mine, oracle in zip((found.mean, found.value, found.log_std), expected, strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-4, atol=1e-5)
    moved = (found.mean != 0).any(dim=2)
    assert moved.any()
    assert not moved.all()  # some samples lie within the clip, some beyond


@pytest.mark.parametrize(
    ("ratio", "loss"),
    # Advantages +1 and -1. At 1.5 they count 1.2 and -1.5, at 0.5 they count 0.5 and -0.8.
    [(1.5, 0.3), (0.5, 0.3), (1.1, 0.0)],
)
def test_a_ratio_beyond_the_clip_earns_no_more_and_costs_in_full(ratio: float, loss: float) -> None:
    samples = PPOSamples(
        latent_action=torch.zeros(1, 2, 1),
        log_probability=torch.full((1, 2), -log(ratio)),
        advantage=torch.tensor([[1.0, -1.0]]),
        value_target=torch.zeros(1, 2),
    )
    each = PPOCoefficients(*(c[:1] for c in COEFFICIENTS))
    found = ppo_gradient(
        torch.zeros(1, 2, 1), torch.zeros(1, 2), spread_of(torch.zeros(1, 1, 1)), samples, each
    )
    torch.testing.assert_close(found.totals[0], torch.tensor([loss]), rtol=1e-5, atol=1e-6)
