"""States of trainings: tensors by name, so that a file of them holds nothing that could run."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

State = dict[str, Tensor]
Curve = list[dict[str, Tensor]]


def joined(**parts: Mapping[str, Tensor]) -> State:
    """Join the states of parts; each name begins with its part's."""
    return {f"{part}.{name}": x for part, state in parts.items() for name, x in state.items()}


def part_of(state: Mapping[str, Tensor], part: str) -> State:
    """Look the state of one part up in what `joined` made."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}


def counters(**counts: int) -> State:
    """Write counts as tensors."""
    return {name: torch.tensor(count, dtype=torch.int64) for name, count in counts.items()}


def stacked(curve: Sequence[Mapping[str, Tensor]]) -> State:
    """Stack a learning curve of n entries; tensors (n, M)."""
    names = curve[0] if curve else ()
    return {name: torch.stack([entry[name] for entry in curve]) for name in names}


def unstacked(state: Mapping[str, Tensor], device: torch.device) -> Curve:
    """Take a learning curve apart again."""
    rows = (x.to(device).unbind() for x in state.values())
    return [dict(zip(state, row, strict=True)) for row in zip(*rows, strict=True)]
