"""What a rollout leaves for PPO to learn from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.ppo_loss import PPOSamples


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

    def table(self) -> Tensor:
        """Lay out all that a loss reads of a sample, the observation apart; shape (M B, N + 3)."""
        scalars = (self.log_probability, self.advantage, self.value_target)
        return torch.cat([self.latent_action, torch.stack(scalars, dim=2)], dim=2).flatten(0, 1)


def minibatch(table: Tensor, rows: Tensor) -> PPOSamples:
    """Gather samples, with each member's advantages at mean 0 and deviation 1.

    Args:
        table: All samples, as `PPOBatch.table` lays them out.
        rows: Numbers (K, R) of samples, counted through all members: m B + b.
    """
    drawn = table.index_select(0, rows.flatten()).view(*rows.shape, -1)
    log_probability, advantage, value_target = drawn[..., -3:].unbind(2)
    std, mean = torch.std_mean(advantage, dim=1, keepdim=True, correction=0)
    return PPOSamples(
        latent_action=drawn[..., :-3],
        log_probability=log_probability,
        advantage=(advantage - mean) / (std + 1e-8),
        value_target=value_target,
    )
