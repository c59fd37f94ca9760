"""Standardisation, fitted on training rows only."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np
import numpy.typing as npt

from cappuccino_assets.errors import ConstantColumnError
from cappuccino_assets.types import BoolArray, IntArray, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Mean and standard deviation of each market column."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a state that could not scale.

        Raises:
            ValueError: If the lengths differ, a value is not finite, or a deviation not positive.
        """
        if len(self.mean) != len(self.std):
            raise ValueError(
                f"A scaler needs as many means as deviations, but got {len(self.mean)} "
                f"and {len(self.std)}."
            )
        if not all(map(isfinite, self.mean + self.std)) or any(std <= 0 for std in self.std):
            raise ValueError(f"A scaler needs finite means and positive deviations: {self}.")

    def to_json(self) -> Json:
        """Write the state as JSON values; floats survive exactly."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(mean=tuple(value["mean"]), std=tuple(value["std"]))


def fit_scaler(
    features: npt.NDArray[np.floating],
    rows: BoolArray | IntArray,
    *,
    columns: Sequence[str] | None = None,
) -> Scaler:
    """Fit mean and standard deviation (ddof 0) on the given rows and no others.

    Args:
        features: Market columns, shape (T, D).
        rows: Training rows, as a mask of shape (T,) or as row numbers.
        columns: Names of the D columns, for the message of an error.

    Returns:
        The scaler, computed in float64.

    Raises:
        ValueError: If there are no rows.
        ConstantColumnError: If a column never changes over the rows; names it.
    """
    sample = features[rows].astype(np.float64)
    if not len(sample):
        raise ValueError("A scaler needs at least one training row, but got none.")
    refuse_constant_columns(sample, columns=columns)
    return Scaler(mean=tuple(sample.mean(axis=0).tolist()), std=tuple(sample.std(axis=0).tolist()))


def refuse_constant_columns(
    features: npt.NDArray[np.floating], *, columns: Sequence[str] | None = None
) -> None:
    """Refuse columns that never change.

    Args:
        features: Values, shape (T, D), with at least one row.
        columns: Names of the D columns; numbers stand in for them when None.

    Raises:
        ConstantColumnError: Names the columns that carry one value only.
    """
    constant = np.flatnonzero((features == features[0]).all(axis=0))
    if constant.size:
        names = [columns[i] if columns is not None else f"column {i}" for i in constant.tolist()]
        raise ConstantColumnError(
            f"Features that never change over {len(features)} rows: {', '.join(names)}."
        )
