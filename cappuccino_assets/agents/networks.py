"""Multilayer perceptrons of a whole population, evaluated by batched matrix products."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from cappuccino_assets.agents.random import MemberRandom

# Outputs are computed in multiples of these many: matrix products of a thin matrix are slow, and
# may add up in another order when members are stacked than when each is alone.
COLUMNS: Final = 16


class PopulationMLP:
    """M independent perceptrons of one shape, with ReLU between their layers; for acting only.

    Args:
        weights: One tensor per layer, shape (M, n_inputs, n_outputs).
        biases: One tensor per layer, shape (M, 1, n_outputs).
    """

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]):
        self.n_outputs = weights[-1].shape[2]
        filled = (0, -self.n_outputs % COLUMNS)
        self._weights = [*weights[:-1], pad(weights[-1], filled)]
        self._biases = [*biases[:-1], pad(biases[-1], filled)]

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
        return self._weights[0].shape[0]

    @property
    def n_inputs(self) -> int:
        """Width of the input."""
        return self._weights[0].shape[1]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._weights[0].device

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(each.isfinite().all()) for each in [*self._weights, *self._biases])

    def __call__(self, x: Tensor) -> Tensor:
        """Map inputs of shape (M, B, n_inputs) to outputs of shape (M, B, n_outputs)."""
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            x = torch.baddbmm(bias, x, weight).relu_()
        return torch.baddbmm(self._biases[-1], x, self._weights[-1])[..., : self.n_outputs]

    def member_tensors(self, member: int) -> dict[str, Tensor]:
        """Copy one member: `0.weight` (n_inputs, n_outputs), `0.bias` (n_outputs,), ..."""
        tensors = {}
        for i, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            last = i == len(self._weights) - 1
            columns = slice(self.n_outputs) if last else slice(None)
            tensors[f"{i}.weight"] = weight[member, :, columns].clone()
            tensors[f"{i}.bias"] = bias[member, 0, columns].clone()
        return tensors


def orthogonal(random: MemberRandom, rows: int, columns: int) -> Tensor:
    """Draw matrices with orthonormal rows or columns, uniformly.

    Returns:
        Shape (M, rows, columns).

    References:
        Mezzadri, "How to generate random matrices from the classical compact groups" (2007).
    """
    draws = random.normal(max(rows, columns), min(rows, columns))
    factors = torch.linalg.qr(draws)
    q: Tensor = factors.Q * factors.R.diagonal(dim1=1, dim2=2).sign()[:, None, :]
    return q if rows >= columns else q.transpose(1, 2).contiguous()
