"""What a policy's output means: a trade vector with one number in [-1, 1] per symbol."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cappuccino_assets.types import Json

TRADE_LEVELS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """Continuous (one number per symbol) or discrete (one symbol and one level at a time)."""

    kind: Literal["continuous", "discrete"]
    n_symbols: int

    def __post_init__(self) -> None:
        if self.kind not in ("continuous", "discrete"):
            raise ValueError(
                f"The kind of an action space must be continuous or discrete, but got {self.kind=}."
            )
        if self.n_symbols < 1:
            raise ValueError(
                f"An action space needs at least one symbol, but got {self.n_symbols=}."
            )

    @property
    def n_outputs(self) -> int:
        """Width of a policy's last layer."""
        return self.n_symbols * (1 if self.kind == "continuous" else len(TRADE_LEVELS))

    def trade_table(self, device: torch.device | str = "cpu") -> Tensor:
        """Trade vector of every discrete action; index = symbol x 10 + level.

        Returns:
            Trades, shape (10 N, N), float32; every row has at most one entry that is not zero.
        """
        levels = torch.tensor(TRADE_LEVELS, device=device)
        return torch.kron(torch.eye(self.n_symbols, device=device), levels[:, None])

    def to_json(self) -> Json:
        """Describe the space for a feature contract."""
        levels = None if self.kind == "continuous" else list(TRADE_LEVELS)
        return {"kind": self.kind, "n_symbols": self.n_symbols, "levels": levels}
