"""Adam for a population: every member has its own rates, gradient norm and step count."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

LearningRateSchedule = Literal["linear", "exponential"]
_BETAS: Final = (0.9, 0.999)
_NORM_EPSILON: Final = 1e-6
_CHANGED: Final = ("values", "mean", "square", "n_steps")


class OptimiserConfig(Protocol):
    """What of a member's configuration concerns its optimiser."""

    @property
    def learning_rate(self) -> float:
        """Initial step size."""
        ...

    @property
    def adam_epsilon(self) -> float:
        """Added to the root of the second moment."""
        ...

    @property
    def max_grad_norm(self) -> float:
        """Largest Euclidean norm of the gradient."""
        ...

    @property
    def lr_schedule(self) -> LearningRateSchedule:
        """Form of the decay."""
        ...

    @property
    def lr_schedule_factor(self) -> float:
        """Share of the initial step size that is left in the end."""
        ...


class Adam:
    """Adam with gradient-norm clipping, over M members at once.

    Args:
        values: Parameters, shape (M, P); changed in place.
        configs: One per member.

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    def __init__(self, values: Tensor, configs: Sequence[OptimiserConfig]):
        names = ("learning_rate", "adam_epsilon", "max_grad_norm")
        rows = [[getattr(config, name) for config in configs] for name in names]
        constants = torch.tensor(rows, dtype=torch.float64, device=values.device)
        self._state = _AdamState(
            values=values,
            mean=torch.zeros_like(values),
            square=torch.zeros_like(values),
            n_steps=constants.new_zeros(len(configs), 1),
            constants=constants.mT.contiguous(),
            member=torch.arange(len(configs), device=values.device),
        )

    @property
    def values(self) -> Tensor:
        """Parameters, shape (M, P)."""
        return self._state.values

    def step(self, gradient: Tensor, rates: Sequence[float]) -> Tensor:
        """Move every member against its clipped gradient.

        Args:
            gradient: Shape (M, P); overwritten.
            rates: Learning rate of each member of the population as a fraction of its initial one.

        Returns:
            Gradient norms before clipping, shape (M,).
        """
        beta_1, beta_2 = _BETAS
        state = self._state
        learning_rate, epsilon, max_grad_norm = state.constants[..., None].unbind(1)  # (M, 1)
        norm: Tensor = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient.mul_((max_grad_norm / (norm + _NORM_EPSILON)).clamp_(max=1.0).float())
        state.n_steps.add_(1.0)
        state.mean.lerp_(gradient, 1.0 - beta_1)
        state.square.mul_(beta_2).addcmul_(gradient, gradient, value=1.0 - beta_2)
        # mean / bias_1 / (sqrt(square / bias_2) + epsilon), without a pass for each correction
        root = (1.0 - beta_2**state.n_steps).sqrt_()
        factor = learning_rate.new_tensor(rates)[state.member, None]
        step_size = learning_rate * factor * root / (1.0 - beta_1**state.n_steps)
        torch.sqrt(state.square, out=gradient)
        gradient.add_((epsilon * root).float())
        torch.div(state.mean, gradient, out=gradient)
        state.values.addcmul_(gradient, -step_size.float())
        return norm[:, 0]

    def of(self, members: Tensor) -> "Adam":
        """Copy some members, by their numbers (K,)."""
        copy = Adam.__new__(Adam)
        copy._state = _AdamState(*(each.index_select(0, members) for each in self._state))
        return copy

    def put(self, members: Tensor, adam: "Adam") -> None:
        """Overwrite some members with what became of their copies."""
        for mine, theirs in zip(self._state, adam._state, strict=True):
            mine.index_copy_(0, members, theirs)

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that a step changes."""
        return {name: getattr(self._state, name).clone() for name in _CHANGED}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        for name in _CHANGED:
            getattr(self._state, name).copy_(state[name])


class _AdamState(NamedTuple):
    values: Tensor  # (M, P)
    mean: Tensor  # of the gradients, (M, P)
    square: Tensor  # mean of their squares, (M, P)
    n_steps: Tensor  # float64, (M, 1)
    constants: Tensor  # learning rate, epsilon, largest norm; float64, (M, 3)
    member: Tensor  # number in the population, (M,)


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


def rate_factors(configs: Sequence[OptimiserConfig], progress: float) -> list[float]:
    """Evaluate the schedule of every member."""
    return [rate_factor(each.lr_schedule, each.lr_schedule_factor, progress) for each in configs]
