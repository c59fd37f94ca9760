"""Gross value traded over the trailing window that fees depend on."""

from collections.abc import Mapping

import torch
from torch import Tensor


class VolumeWindow:
    """Volumes of all environments over the last `window_bars` bars.

    It remembers, for each of those bars, what every account had traded in all before it. The
    difference to today's total is the window's volume: it falls to exactly zero when nothing was
    traded, and an account that starts anew needs no clearing, for it is younger than the window.

    Args:
        window_bars: Length of the window, W.
        shape: Of the accounts, (M, E).
        device: Where the accounts live.
    """

    def __init__(self, window_bars: int, shape: tuple[int, int], device: torch.device | str):
        self._totals = torch.zeros(window_bars, *shape, dtype=torch.float64, device=device)
        self._window_bars = window_bars
        self._n_steps = 0

    def volume(self, total: Tensor, age: Tensor) -> Tensor:
        """Read the volumes, once for every bar, before anything is traded in it.

        Args:
            total: Gross value that each account traded since its start, shape (M, E).
            age: Bars since its start, int64, shape (M, E).

        Returns:
            Value traded in the window that ends with the previous bar, shape (M, E).
        """
        slot = self._totals[self._n_steps % self._window_bars]
        is_full = self._n_steps >= self._window_bars  # no account is older than the window else
        self._n_steps += 1
        volume = total - slot * (age >= self._window_bars) if is_full else total
        slot.copy_(total)
        return volume

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that reading changes."""
        return {"totals": self._totals.clone(), "n_steps": torch.tensor(self._n_steps)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._totals.copy_(state["totals"])
        self._n_steps = int(state["n_steps"])
