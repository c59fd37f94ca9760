"""Policies that act: what is evaluated, archived and traded."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.networks import PopulationMLP


class Policy:
    """M greedy policies of one shape.

    Args:
        network: Means of the squashed Gaussian (continuous), or action values (discrete).
        action_space: What the outputs mean.
    """

    def __init__(self, network: PopulationMLP, action_space: ActionSpace):
        n_outputs = network.n_outputs
        if n_outputs != action_space.n_outputs:
            raise ValueError(
                f"A policy over this action space has {action_space.n_outputs} outputs, "
                f"but got {n_outputs=}."
            )
        self._network = network
        self.action_space = action_space
        self._table = action_space.trade_table(network.device)

    @classmethod
    def from_members(
        cls, members: Sequence[Mapping[str, Tensor]], action_space: ActionSpace
    ) -> "Policy":
        """Stack saved members; all must have the same shapes."""
        return cls(PopulationMLP.from_members(members), action_space)

    @property
    def n_members(self) -> int:
        """Number of policies, M."""
        return self._network.n_members

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._network.device

    @property
    def observation_size(self) -> int:
        """Width of the observation."""
        return self._network.n_inputs

    @torch.inference_mode()
    def act_greedily(self, observation: Tensor) -> Tensor:
        """Choose the best-known trade.

        Args:
            observation: Observations, shape (M, B, O).

        Returns:
            Trade vectors in [-1, 1], shape (M, B, N).
        """
        output = self._network(observation)
        if self.action_space.kind == "continuous":
            return output.tanh()
        return self._table[output.argmax(dim=2)]

    def member_tensors(self, member: int) -> dict[str, Tensor]:
        """Copy one member's weights, for a model file."""
        return self._network.member_tensors(member)

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return self._network.is_finite
