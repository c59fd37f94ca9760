"""The Gaussian that PPO explores with: before the squashing, and partly shared by all symbols."""

import math
from typing import Final

from torch import Tensor

LOG_STD_BOUNDS: Final = (-4.0, 0.5)
# Exploration that buys or sells all symbols together: independent noise cannot leave the market,
# for the cash of one sale is spent by the other symbols' purchases of the same bar.
_NOISE_CORRELATION: Final = 0.5


def correlated(noise: Tensor) -> Tensor:
    """Mix independent draws (..., N + 1), the last one shared, to equally correlated (..., N)."""
    own, shared = noise[..., :-1], noise[..., -1:]
    return own * math.sqrt(1.0 - _NOISE_CORRELATION) + shared * math.sqrt(_NOISE_CORRELATION)


def standard_deviation(log_std: Tensor) -> Tensor:
    """Bound and exponentiate."""
    return log_std.clamp(*LOG_STD_BOUNDS).exp_()


def log_density(scaled: Tensor, log_std: Tensor) -> Tensor:
    """Log density of latent actions, without the terms that cancel in every ratio.

    These are the normalising constant and the logarithm of the tanh's derivative: both depend on
    the latent action alone, which is the same in numerator and denominator.

    Args:
        scaled: Distances from the mean in standard deviations, shape (M, B, N).
        log_std: Shape (M, 1, N).

    Returns:
        Shape (M, B).
    """
    density: Tensor = (scaled * density_slope(scaled)).sum(dim=2).mul_(0.5)
    return density.sub_(log_std.clamp(*LOG_STD_BOUNDS).sum(dim=2))


def density_slope(scaled: Tensor) -> Tensor:
    """Derivative of the log density by `scaled`, of the same shape.

    It is minus the inverse correlation matrix times `scaled`, by Sherman and Morrison.
    """
    n, weight = scaled.shape[-1], _NOISE_CORRELATION
    shared = weight / (1.0 + (n - 1) * weight)
    slope: Tensor = scaled.sum(dim=-1, keepdim=True).mul(shared).sub(scaled)
    return slope.div_(1.0 - weight)
