"""Multilayer perceptrons of a whole population, evaluated by batched matrix products."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom


class PopulationMLP:
    """M independent perceptrons of one shape, with ReLU between their layers.

    Args:
        weights: One tensor per layer, shape (M, n_inputs, n_outputs).
        biases: One tensor per layer, shape (M, 1, n_outputs).
    """

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]):
        self.weights = list(weights)
        self.biases = list(biases)

    @classmethod
    def initialise(
        cls, sizes: Sequence[int], random: MemberRandom, *, output_gain: float
    ) -> "PopulationMLP":
        """Draw orthogonal weights (gain sqrt 2 in hidden layers) and zero biases.

        Args:
            sizes: Width of every layer, the input first.
            random: One stream per member.
            output_gain: Gain of the last layer.
        """
        gains = [math.sqrt(2.0)] * (len(sizes) - 2) + [output_gain]
        weights = [
            _orthogonal(random, rows, columns) * gain
            for (rows, columns), gain in zip(pairwise(sizes), gains, strict=True)
        ]
        biases = [weight.new_zeros(weight.shape[0], 1, weight.shape[2]) for weight in weights]
        return cls(weights, biases)

    @classmethod
    def from_members(cls, members: Sequence[Mapping[str, Tensor]]) -> "PopulationMLP":
        """Stack members saved by `member_tensors`; all must have the same shapes."""
        n_layers = sum(name.endswith(".weight") for name in members[0])
        weights = [torch.stack([m[f"{i}.weight"] for m in members]) for i in range(n_layers)]
        biases = [torch.stack([m[f"{i}.bias"] for m in members])[:, None] for i in range(n_layers)]
        return cls(weights, biases)

    @property
    def n_members(self) -> int:
        """Number of perceptrons, M."""
        return self.weights[0].shape[0]

    @property
    def n_inputs(self) -> int:
        """Width of the input."""
        return self.weights[0].shape[1]

    @property
    def parameters(self) -> list[Tensor]:
        """All tensors that are learned."""
        return [*self.weights, *self.biases]

    def __call__(self, x: Tensor) -> Tensor:
        """Map inputs of shape (M, B, n_inputs) to outputs of shape (M, B, n_outputs)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.baddbmm(bias, x, weight).relu_()
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])

    def member_tensors(self, member: int) -> dict[str, Tensor]:
        """Copy one member: `0.weight` (n_inputs, n_outputs), `0.bias` (n_outputs,), ..."""
        tensors = {}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tensors[f"{i}.weight"] = weight[member].detach().clone()
            tensors[f"{i}.bias"] = bias[member, 0].detach().clone()
        return tensors

    def clone(self) -> "PopulationMLP":
        """Copy all members, without their gradients."""
        return PopulationMLP(
            [weight.detach().clone() for weight in self.weights],
            [bias.detach().clone() for bias in self.biases],
        )

    def copy_from(self, other: "PopulationMLP") -> None:
        """Overwrite all members with those of another population of the same shape."""
        with torch.no_grad():
            for mine, theirs in zip(self.parameters, other.parameters, strict=True):
                mine.copy_(theirs)


def _orthogonal(random: MemberRandom, rows: int, columns: int) -> Tensor:
    """Draw (M, rows, columns) with orthonormal rows or columns, uniform (Mezzadri 2007)."""
    draws = random.normal(max(rows, columns), min(rows, columns))
    factors = torch.linalg.qr(draws)
    q: Tensor = factors.Q * factors.R.diagonal(dim1=1, dim2=2).sign()[:, None, :]
    return q if rows >= columns else q.transpose(1, 2).contiguous()
