"""Adam for a population: every member has its own gradient norm, step count and on-off switch."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

LearningRateSchedule = Literal["linear", "exponential"]


class PopulationAdam:
    """Adam with gradient-norm clipping, over M members at once.

    The parameters are moved into one buffer of shape (M, P), and keep being views of it, so that
    an update is a handful of operations whatever the number of members and layers.

    Args:
        parameters: Tensors whose first axis is the member.
        learning_rate: Initial step size.
        epsilon: Added to the root of the second moment.
        max_grad_norm: Largest Euclidean norm of one member's gradient.

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        *,
        learning_rate: float,
        epsilon: float,
        max_grad_norm: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ):
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._max_grad_norm = max_grad_norm
        self._betas = betas
        self._parameters = tuple(parameters)
        self._values = _flatten(parameters)
        self._gradients = torch.empty_like(self._values)
        self._mean = torch.zeros_like(self._values)
        self._square = torch.zeros_like(self._values)
        self._n_steps = self._values.new_zeros(self._values.shape[0], 1)

    def minimise(self, loss: Tensor, *, rate_factor: float, active: Tensor | None = None) -> Tensor:
        """Move every active member against the clipped gradient of its own loss.

        Args:
            loss: One loss per member, shape (M,).
            rate_factor: Learning rate as a fraction of the initial one.
            active: Members that move, bool, shape (M,); all when None.

        Returns:
            Gradient norms before clipping, shape (M,).
        """
        gradients = torch.autograd.grad(loss.sum(), self._parameters)
        n_members = loss.shape[0]
        torch.cat([g.reshape(n_members, -1) for g in gradients], dim=1, out=self._gradients)
        norms: Tensor = torch.linalg.vector_norm(self._gradients, dim=1, keepdim=True)
        self._gradients.mul_((self._max_grad_norm / (norms + 1e-6)).clamp_(max=1.0))
        moving = torch.ones_like(norms) if active is None else active[:, None].to(norms.dtype)
        self._advance(moving, self._learning_rate * rate_factor)
        return norms[:, 0]

    @torch.no_grad()
    def _advance(self, moving: Tensor, learning_rate: float) -> None:
        beta_1, beta_2 = self._betas
        self._n_steps.add_(moving)
        self._mean.lerp_(self._gradients, (1.0 - beta_1) * moving)
        self._square.lerp_(self._gradients.square(), (1.0 - beta_2) * moving)
        n_steps = self._n_steps.clamp(min=1.0)
        step_size = moving * learning_rate / (1.0 - beta_1**n_steps)
        scale = self._square.sqrt().div_((1.0 - beta_2**n_steps).sqrt_()).add_(self._epsilon)
        self._values.sub_(scale.reciprocal_().mul_(self._mean).mul_(step_size))


def rate_factor(schedule: LearningRateSchedule, final_factor: float, progress: float) -> float:
    """Decay a learning rate from 1 to `final_factor` as `progress` goes from 0 to 1.

    Raises:
        ValueError: If the schedule is not known.
    """
    if schedule == "linear":
        return 1.0 - (1.0 - final_factor) * progress
    if schedule == "exponential":
        return float(final_factor**progress)
    known = ", ".join(get_args(LearningRateSchedule))
    raise ValueError(f"The learning-rate schedule must be one of {known}, but got {schedule=}.")


def _flatten(parameters: Sequence[Tensor]) -> Tensor:
    n_members = parameters[0].shape[0]
    values = torch.cat([p.detach().reshape(n_members, -1) for p in parameters], dim=1)
    first = 0
    for parameter in parameters:
        last = first + parameter[0].numel()
        parameter.data = values[:, first:last].view(parameter.shape)
        parameter.requires_grad_(True)
        first = last
    return values
