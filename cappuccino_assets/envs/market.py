"""Bars and features on a device."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from cappuccino_assets.features.arrays import FeatureArrays


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketTensors:
    """What environments and observations read; built once, never written.

    Attributes:
        symbols: Traded pairs, in order.
        bars_per_day: Bars in 24 hours.
        features: Market columns, float32, shape (T, D).
        n_lagged_columns: How many of them an observation repeats for every lag.
        open: In USD, float64, shape (T, N).
        close: In USD, float64, shape (T, N).
        observed: Whether there was a bar with volume, shape (T, N).
        segment: Number of the gapless run, shape (T,); -1 where a row cannot be used.
        tradable: Rows at which a decision can be filled, shape (T,).
    """

    symbols: tuple[str, ...]
    bars_per_day: int
    features: Tensor
    n_lagged_columns: int
    open: Tensor
    close: Tensor
    observed: Tensor
    segment: Tensor
    tradable: Tensor

    @classmethod
    def from_arrays(cls, arrays: FeatureArrays, device: torch.device | str = "cpu") -> Self:
        """Copy arrays to a device."""
        return cls(
            symbols=arrays.symbols,
            bars_per_day=arrays.interval.bars_per_day,
            features=torch.tensor(arrays.features, device=device),
            n_lagged_columns=arrays.contract.n_lagged_columns,
            open=torch.tensor(arrays.open, device=device),
            close=torch.tensor(arrays.close, device=device),
            observed=torch.tensor(arrays.observed, device=device),
            segment=torch.tensor(arrays.segment, device=device),
            tradable=torch.tensor(arrays.tradable, device=device),
        )

    @property
    def n_bars(self) -> int:
        """Rows T."""
        return self.close.shape[0]

    @property
    def n_symbols(self) -> int:
        """Number of symbols, N."""
        return self.close.shape[1]

    @property
    def device(self) -> torch.device:
        """Where everything lives."""
        return self.close.device
