"""What accounts remember from bar to bar, and what a step of an environment tells."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.execution.account import Account


class State(NamedTuple):
    """What accounts carry from bar to bar; a restart replaces all of it.

    Attributes:
        bar: Row of the next decision, int64, shape (M, E), as are the next four.
        start: Row of the first decision.
        end: Row of the last bar of the episode.
        age: Bars since the first decision.
        into_cycle: Bars of the running cycle that are closed.
        finished: Whether the episode is over, bool, shape (M, E).
        account: Ledger and what goes with it.
        equity: At the close of `bar`, in USD, shape (M, E).
        traded_usd: Gross value of all fills so far, shape (M, E).
        seen: What an agent sees of its account, float32, shape (M, E, A).
    """

    bar: Tensor
    start: Tensor
    end: Tensor
    age: Tensor
    into_cycle: Tensor
    finished: Tensor
    account: Account
    equity: Tensor
    traded_usd: Tensor
    seen: Tensor


class Step(NamedTuple):
    """What one bar brought; every shape is (M, E), and a finished environment has zeros.

    Attributes:
        reward: Float32.
        terminated: The episode has no future: its cycle is over.
        truncated: The episode was cut short by the end of its block.
        traded_usd: Gross value of the bar's fills.
    """

    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    traded_usd: Tensor


def restarted(
    state: State, mask: Tensor, *, start: Tensor, end: Tensor, cash: Tensor, seen: Tensor
) -> State:
    """Begin anew where the mask says so.

    Entry prices and highs are left: they mean nothing where nothing is held.

    Args:
        state: Before.
        mask: Bool, shape (M, E).
        start: Row of the first decision, shape (M, E).
        end: Row of the last bar, shape (M, E).
        cash: Of a new account, shape (M, 1).
        seen: What is seen of a new account, shape (A,).
    """
    going_on = ~mask
    keep, begun = going_on.double(), mask.float().unsqueeze(-1)
    keep_symbols = keep.unsqueeze(-1)
    account, ledger = state.account, state.account.ledger
    return State(
        bar=start.where(mask, state.bar),
        start=start.where(mask, state.start),
        end=end.where(mask, state.end),
        age=state.age * going_on,
        into_cycle=state.into_cycle * going_on,
        finished=state.finished & going_on,
        account=account._replace(
            ledger=ledger._replace(
                cash=cash.where(mask, ledger.cash),
                quantity=ledger.quantity * keep_symbols,
                fees=ledger.fees * keep,
                realised=ledger.realised * keep,
            ),
            overdue=account.overdue * keep_symbols,
        ),
        equity=cash.where(mask, state.equity),
        traded_usd=state.traded_usd * keep,
        seen=torch.lerp(state.seen, seen, begun),
    )


def flattened(state: Any, name: str = "") -> dict[str, Tensor]:
    """Name every tensor of nested tuples: `bar`, `account.ledger.cash` and so on."""
    if isinstance(state, Tensor):
        return {name: state}
    parts = (flattened(getattr(state, each), _below(name, each)) for each in state._fields)
    return {path: tensor for part in parts for path, tensor in part.items()}


def rebuilt(state: Any, tensors: Mapping[str, Tensor], name: str = "") -> Any:
    """Make nested tuples like these from copies of tensors that `flattened` named."""
    if isinstance(state, Tensor):
        return tensors[name].to(state.device, copy=True)
    return type(state)(
        *(rebuilt(getattr(state, each), tensors, _below(name, each)) for each in state._fields)
    )


def _below(name: str, field: str) -> str:
    return f"{name}.{field}" if name else field
