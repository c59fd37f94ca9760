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

    def standardised_advantage(self, rows: Tensor) -> Tensor:
        """Gather the advantages of a minibatch, and give each member's mean 0 and deviation 1.

        Args:
            rows: Numbers (K, R) of samples, counted through all members: m B + b.
        """
        advantage = self.advantage.flatten()[rows]
        std, mean = torch.std_mean(advantage, dim=1, keepdim=True, correction=0)
        return (advantage - mean) / (std + 1e-8)

    def samples(self, rows: Tensor, advantage: Tensor) -> PPOSamples:
        """Gather samples (K, R), counted through all members, with their advantages."""
        return PPOSamples(
            latent_action=self.latent_action.flatten(0, 1)[rows],
            log_probability=self.log_probability.flatten()[rows],
            advantage=advantage,
            value_target=self.value_target.flatten()[rows],
        )
