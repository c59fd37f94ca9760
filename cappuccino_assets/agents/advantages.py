"""Estimates of how much better an action was than expected."""

import torch
from torch import Tensor


def generalized_advantage(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    *,
    gamma: float | Tensor,
    gae_lambda: float | Tensor,
) -> Tensor:
    """Estimate advantages by exponentially weighted temporal-difference errors.

    A terminated step has no future, so nothing is bootstrapped from it. A truncated step
    bootstraps from `next_value`, and the trace stops there.

    Args:
        reward: Rewards, shape (M, T, E).
        value: Critic's estimate at step t, shape (M, T, E).
        next_value: Critic's estimate at step t+1, shape (M, T, E), taken before any reset.
        terminated: Steps without a future, bool, shape (M, T, E).
        truncated: Steps cut short, bool, shape (M, T, E).
        gamma: Discount factor per bar, in [0, 1]; one, or shape (M, 1, 1).
        gae_lambda: Weight of longer traces, in [0, 1]; one, or shape (M, 1, 1).

    Returns:
        Advantages, shape (M, T, E).

    Raises:
        ValueError: If the shapes differ.

    References:
        Schulman et al., "High-Dimensional Continuous Control Using GAE" (2016), eq. 16.
    """
    shapes = {x.shape for x in (reward, value, next_value, terminated, truncated)}
    if len(shapes) != 1:
        raise ValueError(f"All inputs must have one shape, but got {sorted(map(tuple, shapes))}.")
    error = reward + gamma * next_value * ~terminated - value
    decay = gamma * gae_lambda * ~(terminated | truncated)
    advantage = torch.empty_like(error)
    trace = torch.zeros_like(error[:, 0])
    for t in reversed(range(error.shape[1])):
        trace = torch.addcmul(error[:, t], decay[:, t], trace)
        advantage[:, t] = trace
    return advantage
