"""Shape of the networks that learn: a two-layer trunk for every head, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod, sqrt
from typing import Final, NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.agents.networks import COLUMNS, PopulationMLP, orthogonal
from cappuccino_assets.agents.random import MemberRandom


class Weights(NamedTuple):
    """The parameters of M members as matrices; all are views of one tensor (M, P).

    Attributes:
        input: Shape (M, O, K H).
        input_bias: Shape (M, 1, K H).
        hidden: One matrix (M, H, H) of each trunk.
        hidden_bias: Shape (M, 1, K H).
        output: Shape (M, K H, Z); a trunk's rows are zero in the columns of other heads.
        output_bias: Shape (M, 1, Z).
        free: Parameters of no layer, shape (M, 1, X).
    """

    input: Tensor
    input_bias: Tensor
    hidden: tuple[Tensor, ...]
    hidden_bias: Tensor
    output: Tensor
    output_bias: Tensor
    free: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """K perceptrons with two hidden layers, which read the same input and share nothing.

    Their first layers are one matrix, and so are their last: few and wide products are what a
    processor is fast at. The columns Z of the last one are filled up to a multiple of 16.

    Attributes:
        n_inputs: Width of the observation, O.
        net_dimension: Width of a hidden layer, H.
        heads: Outputs of each perceptron, K numbers.
        n_free: Learned numbers that are no layer's, X.
    """

    n_inputs: int
    net_dimension: int
    heads: tuple[int, ...]
    n_free: int = 0

    @property
    def width(self) -> int:
        """Neurons of a hidden layer of all trunks, K H."""
        return len(self.heads) * self.net_dimension

    @property
    def n_outputs(self) -> int:
        """Columns of the last layer, Z."""
        return -(-sum(self.heads) // COLUMNS) * COLUMNS

    @property
    def n_parameters(self) -> int:
        """Numbers of one member, P."""
        return sum(map(prod, self._shapes()))

    def trunk(self, head: int) -> slice:
        """Neurons that belong to a head."""
        return slice(head * self.net_dimension, (head + 1) * self.net_dimension)

    def columns(self, head: int) -> slice:
        """Outputs that belong to a head."""
        ends = [0, *accumulate(self.heads)]
        return slice(ends[head], ends[head + 1])

    def views(self, values: Tensor) -> Weights:
        """Look at parameters (M, P) as matrices."""
        shapes = self._shapes()
        parts = torch.split_with_sizes(values, [prod(shape) for shape in shapes], dim=1)
        first, first_bias, *hidden, hidden_bias, output, output_bias, free = (
            part.view(values.shape[0], *shape) for part, shape in zip(parts, shapes, strict=True)
        )
        return Weights(first, first_bias, tuple(hidden), hidden_bias, output, output_bias, free)

    def _shapes(self) -> list[tuple[int, int]]:
        """Shape of every matrix of one member, in their order."""
        width, z = self.width, self.n_outputs
        hidden = [(self.net_dimension, self.net_dimension)] * len(self.heads)
        rest = [(1, width), (width, z), (1, z), (1, self.n_free)]
        return [(self.n_inputs, width), (1, width), *hidden, *rest]

    def initialise(self, random: MemberRandom, *, gains: Sequence[float]) -> Tensor:
        """Draw orthogonal weights (gain sqrt 2 in hidden layers); everything else is zero.

        Args:
            random: One stream per member.
            gains: Gain of the last layer of every head.

        Returns:
            Parameters, shape (M, P).
        """
        values = torch.zeros(random.n_members, self.n_parameters, device=random.device)
        weights, width = self.views(values), self.net_dimension
        for head, gain in enumerate(gains):
            trunk, columns = self.trunk(head), self.columns(head)
            weights.input[:, :, trunk] = orthogonal(random, self.n_inputs, width) * _HIDDEN_GAIN
            weights.hidden[head].copy_(orthogonal(random, width, width) * _HIDDEN_GAIN)
            weights.output[:, trunk, columns] = orthogonal(random, width, self.heads[head]) * gain
        return values

    def connections(self, device: torch.device) -> Tensor:
        """Mark which trunk reaches which output: ones and zeros, shape (K H, Z)."""
        reached = torch.zeros(self.width, self.n_outputs, device=device)
        for head in range(len(self.heads)):
            reached[self.trunk(head), self.columns(head)] = 1.0
        return reached

    def perceptron(self, values: Tensor, head: int) -> PopulationMLP:
        """Copy the perceptron of one head out of parameters (M, P)."""
        weights, trunk, columns = self.views(values), self.trunk(head), self.columns(head)
        return PopulationMLP(
            [
                weights.input[:, :, trunk].clone(),
                weights.hidden[head].clone(),
                weights.output[:, trunk, columns].clone(),
            ],
            [
                weights.input_bias[:, :, trunk].clone(),
                weights.hidden_bias[:, :, trunk].clone(),
                weights.output_bias[:, :, columns].clone(),
            ],
        )


_HIDDEN_GAIN: Final = sqrt(2.0)
