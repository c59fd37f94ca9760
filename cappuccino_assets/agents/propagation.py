"""Forward and backward passes of a population's networks, in buffers that are used again."""

from math import prod
from typing import Final

import torch
from torch import Tensor

from cappuccino_assets.agents.architecture import Architecture, Weights

MICRO_BATCH: Final = 1024  # samples of a member in one pass: about what a cache holds


class Workspace:
    """Scratch tensors by name, made once and handed out again.

    Args:
        device: Where they are.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        """Hand out a tensor that stays valid until the same name is asked for again."""
        n = prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < n:
            self._buffers[name] = torch.empty(n, device=self._device)
        return self._buffers[name][:n].view(shape)


class Propagation:
    """The two passes of one architecture; what the forward pass leaves, the backward pass reads.

    The derivatives are written out, for autograd would allocate every intermediate result anew and
    multiply where a mask suffices. Autograd is the oracle of the tests.

    Args:
        architecture: Shape of the networks.
        device: Where they are.
    """

    def __init__(self, architecture: Architecture, device: torch.device):
        self._architecture = architecture
        self._connections = architecture.connections(device)
        self._take = Workspace(device)

    @property
    def take(self) -> Workspace:
        """Scratch tensors, also for whoever computes losses between the two passes."""
        return self._take

    def head(self, weights: Weights, x: Tensor, head: int) -> Tensor:
        """Evaluate one head on inputs (M, B, O); a new tensor (M, B, outputs of that head)."""
        trunk, columns = self._architecture.trunk(head), self._architecture.columns(head)
        hidden = torch.baddbmm(weights.input_bias[..., trunk], x, weights.input[..., trunk]).relu_()
        hidden = torch.baddbmm(
            weights.hidden_bias[..., trunk], hidden, weights.hidden[head]
        ).relu_()
        return torch.baddbmm(weights.output_bias, hidden, weights.output[:, trunk])[..., columns]

    def forward(self, weights: Weights, x: Tensor) -> Tensor:
        """Evaluate all heads.

        Args:
            weights: Of M members.
            x: Inputs, shape (M, B, O).

        Returns:
            Outputs of all heads side by side, shape (M, B, Z), valid until the next pass.
        """
        shape, n_outputs = (*x.shape[:2], self._architecture.width), self._architecture.n_outputs
        first, second = self._take("first", *shape), self._take("second", *shape)
        torch.bmm(x, weights.input, out=first)
        first.add_(weights.input_bias).relu_()
        for head in range(len(self._architecture.heads)):
            trunk = self._architecture.trunk(head)
            torch.bmm(first[..., trunk], weights.hidden[head], out=second[..., trunk])
        second.add_(weights.hidden_bias).relu_()
        output = self._take("output", *x.shape[:2], n_outputs)
        torch.bmm(second, weights.output, out=output)
        return output.add_(weights.output_bias)

    def backward(
        self, weights: Weights, x: Tensor, output_gradient: Tensor, *, onto: Weights
    ) -> None:
        """Propagate the derivative by the outputs of the last forward pass.

        Args:
            weights: Those of the forward pass.
            x: Its inputs, shape (M, B, O).
            output_gradient: Shape (M, B, Z); zero in the columns that no head has.
            onto: What the derivatives by the weights are added to.
        """
        n_members, n_rows, _ = x.shape
        shape = (n_members, n_rows, self._architecture.width)
        first, second = self._take("first", *shape), self._take("second", *shape)
        first_gradient = self._take("first gradient", *shape)
        second_gradient = self._take("second gradient", *shape)
        ones = self._take("ones", n_members, 1, n_rows).fill_(1.0)
        self._reach_output(second, output_gradient, onto=onto)
        onto.output_bias.baddbmm_(ones, output_gradient)
        torch.bmm(output_gradient, weights.output.mT, out=second_gradient)
        _pass_relu(second_gradient, second)
        onto.hidden_bias.baddbmm_(ones, second_gradient)
        for head in range(len(self._architecture.heads)):
            trunk = self._architecture.trunk(head)
            onto.hidden[head].baddbmm_(first[..., trunk].mT, second_gradient[..., trunk])
            torch.bmm(
                second_gradient[..., trunk],
                weights.hidden[head].mT,
                out=first_gradient[..., trunk],
            )
        _pass_relu(first_gradient, first)
        onto.input_bias.baddbmm_(ones, first_gradient)
        onto.input.baddbmm_(x.mT, first_gradient)

    def _reach_output(self, second: Tensor, output_gradient: Tensor, *, onto: Weights) -> None:
        """Accumulate by the last layer; its transpose is the faster product, for it is thin."""
        transposed = self._take("output weights", *onto.output.mT.shape)
        torch.bmm(output_gradient.mT, second, out=transposed)
        onto.output.addcmul_(transposed.mT, self._connections)


def _pass_relu(gradient: Tensor, activation: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(gradient, activation, 0, grad_input=gradient)
