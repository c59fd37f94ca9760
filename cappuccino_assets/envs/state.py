"""All that an environment remembers."""

from typing import Any, NamedTuple

from torch import Tensor

from cappuccino_assets.envs.market import Bars
from cappuccino_assets.execution.account import Account


class State(NamedTuple):
    """What an environment carries from bar to bar; a restart replaces all of it.

    Attributes:
        bar: Row of the next decision, int64, shape (M, E), as are `start` and `stop`.
        start: Row of the first decision.
        stop: Row after the last one.
        finished: Whether the episode is over, bool, shape (M, E).
        account: Ledger and what goes with it.
        bars: Prices at `bar`.
        equity: At the close of `bar`, in USD, shape (M, E).
        peak: Highest equity so far, shape (M, E).
        traded_usd: Gross value of all fills so far, shape (M, E).
        benchmark_quantity: Held by a buy and hold of 1 USD, shape (M, E, N).
        benchmark: Value of that buy and hold, shape (M, E).
    """

    bar: Tensor
    start: Tensor
    stop: Tensor
    finished: Tensor
    account: Account
    bars: Bars
    equity: Tensor
    peak: Tensor
    traded_usd: Tensor
    benchmark_quantity: Tensor
    benchmark: Tensor


def restarted(state: State, mask: Tensor, fresh: State) -> State:
    """Take every tensor from `fresh` where the mask (M, E) says so, and from `state` elsewhere."""
    chosen: State = _choose(mask, fresh, state)
    return chosen


def _choose(mask: Tensor, new: Any, old: Any) -> Any:
    if isinstance(new, Tensor):
        return new.where(mask.view(*mask.shape, *[1] * (new.dim() - mask.dim())), old)
    return type(new)(*(_choose(mask, *pair) for pair in zip(new, old, strict=True)))
