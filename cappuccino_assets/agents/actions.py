"""What a policy's output means: a trade vector with one number in [-1, 1] per symbol."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cappuccino_assets.types import Json

TRADE_LEVELS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """Continuous: one number per symbol. Discrete: one level, of one symbol or of all of them.

    All symbols at one level are the basket: who holds seven would need seven bars to leave the
    market one symbol at a time. Of a single symbol there is no basket beside the symbol.
    """

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
        if self.kind == "continuous":
            return self.n_symbols
        return (self.n_symbols + self.has_basket) * len(TRADE_LEVELS)

    @property
    def has_basket(self) -> bool:
        """Whether one action can trade all symbols alike."""
        return self.kind == "discrete" and self.n_symbols > 1

    def trade_table(self, device: torch.device | str = "cpu") -> Tensor:
        """Trade vector of every discrete action; index = symbol x 10 + level, the basket last.

        Returns:
            Trades, float32, shape (10 N + 10, N), or (10, 1) where there is one symbol. A row
            has at most one entry that is not zero, but in the last ten rows N equal ones.
        """
        levels = torch.tensor(TRADE_LEVELS, device=device)
        traded = torch.eye(self.n_symbols, device=device)
        if self.has_basket:
            traded = torch.cat([traded, torch.ones_like(traded[:1])])
        return torch.kron(traded, levels[:, None])

    def explore(self, draws: Tensor) -> Tensor:
        """Turn uniform numbers into any discrete actions, every second of them of the basket.

        Were all actions as likely, one in eight would trade the basket of seven symbols.

        Args:
            draws: Uniform on (0, 1), float64, any shape.

        Returns:
            Indices of actions, int64, of that shape.
        """
        n_levels = len(TRADE_LEVELS)
        n_single = self.n_symbols * n_levels
        if not self.has_basket:
            return (draws * n_single).long()
        basket = n_single + ((2.0 * draws - 1.0) * n_levels).long()
        return torch.where(draws < 0.5, (2.0 * draws * n_single).long(), basket)

    def to_json(self) -> Json:
        """Describe the space for a feature contract."""
        described = {"kind": self.kind, "n_symbols": self.n_symbols}
        if self.kind == "continuous":
            return described | {"levels": None}
        return described | {"levels": list(TRADE_LEVELS), "basket": self.has_basket}
