"""The Gaussian that PPO explores with: before the squashing, and partly shared by all symbols."""

import math
from typing import Final, NamedTuple

from torch import Tensor

_LOG_STD_BOUNDS: Final = (-4.0, 0.5)
# Exploration that buys or sells all symbols together: independent noise cannot leave the market,
# for the cash of one sale is spent by the other symbols' purchases of the same bar.
_NOISE_CORRELATION: Final = 0.5


def correlated(noise: Tensor) -> Tensor:
    """Mix independent draws (..., N + 1), the last one shared, to equally correlated (..., N)."""
    own, shared = noise[..., :-1], noise[..., -1:]
    return own * math.sqrt(1.0 - _NOISE_CORRELATION) + shared * math.sqrt(_NOISE_CORRELATION)


class Spread(NamedTuple):
    """How widely each member explores.

    Attributes:
        std: Standard deviations of the latent actions, shape (M, 1, N).
        entropy: Of the latent Gaussian up to a constant: their logarithms' sum, shape (M, 1).
    """

    std: Tensor
    entropy: Tensor


def spread_of(log_std: Tensor) -> Spread:
    """Evaluate the logarithms of standard deviations, shape (M, 1, N)."""
    return Spread(log_std.exp(), log_std.sum(dim=2))


def bound(log_std: Tensor) -> None:
    """Take deviations that a step took too far back to their bounds, from where they may return."""
    log_std.clamp_(*_LOG_STD_BOUNDS)


def log_density(scaled: Tensor, slope: Tensor, spread: Spread) -> Tensor:
    """Log density of latent actions, without the terms that cancel in every ratio.

    These are the normalising constant and the logarithm of the tanh's derivative: both depend on
    the latent action alone, which is the same in numerator and denominator.

    Args:
        scaled: Distances from the mean in standard deviations, shape (M, B, N).
        slope: What `density_slope` says of them.
        spread: Of the members.

    Returns:
        Shape (M, B).
    """
    density: Tensor = (scaled * slope).sum(dim=2).mul_(0.5)
    return density.sub_(spread.entropy)


def density_slope(scaled: Tensor) -> Tensor:
    """Derivative of the log density by `scaled`, of the same shape.

    It is minus the inverse correlation matrix times `scaled`, by Sherman and Morrison.
    """
    n, weight = scaled.shape[-1], _NOISE_CORRELATION
    shared = weight / (1.0 + (n - 1) * weight)
    slope: Tensor = scaled.sum(dim=-1, keepdim=True).mul(shared).sub(scaled)
    return slope.div_(1.0 - weight)
