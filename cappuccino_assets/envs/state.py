"""What an environment remembers, and what a step of it tells."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from cappuccino_assets.execution.account import Account


class State(NamedTuple):
    """What an environment carries from bar to bar; a restart replaces all of it.

    Attributes:
        bar: Row of the next decision, int64, shape (M, E), as are the next three.
        start: Row of the first decision.
        last: Row of the last bar.
        into_cycle: Bars of the running cycle that are closed.
        finished: Whether the episode is over, bool, shape (M, E).
        account: Ledger and what goes with it.
        close: Prices at `bar`, in USD, shape (M, E, N).
        observed: Whether they are those of a real bar, bool, shape (M, E, N).
        equity: At the close of `bar`, in USD, shape (M, E).
        peak: Highest equity so far, shape (M, E).
        traded_usd: Gross value of all fills so far, shape (M, E).
        benchmark_quantity: Held by a buy and hold of 1 USD, shape (M, E, N).
        benchmark: Value of that buy and hold, shape (M, E).
    """

    bar: Tensor
    start: Tensor
    last: Tensor
    into_cycle: Tensor
    finished: Tensor
    account: Account
    close: Tensor
    observed: Tensor
    equity: Tensor
    peak: Tensor
    traded_usd: Tensor
    benchmark_quantity: Tensor
    benchmark: Tensor


class Step(NamedTuple):
    """What one bar brought; every shape is (M, E), and a finished environment has zeros.

    Attributes:
        reward: Float32.
        terminated: The episode has no future: its cycle is over.
        truncated: The episode was cut short by the end of its block.
        equity_return: Simple return of the equity over the bar, costs included, float64.
        benchmark_return: The same of equal-weight buy and hold.
        fee_usd: Paid in the bar.
        traded_usd: Gross value of the bar's fills.
    """

    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    equity_return: Tensor
    benchmark_return: Tensor
    fee_usd: Tensor
    traded_usd: Tensor


def restarted(state: State, mask: Tensor, fresh: State) -> State:
    """Take every tensor from `fresh` where the mask (M, E) says so, and from `state` elsewhere."""
    masks = {2: mask, 3: mask[..., None]}  # by the tensor's dimensions
    chosen: State = _choose(masks, fresh, state)
    return chosen


def _choose(masks: dict[int, Tensor], new: Any, old: Any) -> Any:
    if isinstance(new, Tensor):
        return new.where(masks[new.dim()], old)
    return type(new)(*(_choose(masks, *pair) for pair in zip(new, old, strict=True)))


def flattened(state: Any, name: str = "") -> dict[str, Tensor]:
    """Name every tensor of a state: `bar`, `account.ledger.cash` and so on."""
    if isinstance(state, Tensor):
        return {name: state}
    parts = (flattened(getattr(state, each), _below(name, each)) for each in state._fields)
    return {path: tensor for part in parts for path, tensor in part.items()}


def rebuilt(state: Any, tensors: Mapping[str, Tensor], name: str = "") -> Any:
    """Make a state like this one from copies of tensors that `flattened` named."""
    if isinstance(state, Tensor):
        return tensors[name].to(state.device, copy=True)
    return type(state)(
        *(rebuilt(getattr(state, each), tensors, _below(name, each)) for each in state._fields)
    )


def _below(name: str, field: str) -> str:
    return f"{name}.{field}" if name else field
