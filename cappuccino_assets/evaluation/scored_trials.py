"""The completed trials of a study as an analysis wants them: best first, and without a gap."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import polars as pl

from cappuccino_assets.types import FloatArray, IntArray

TOP_SHARE = 0.1
_MIN_TOP = 3
MIN_TRIALS = 21  # of which a tenth, rounded up, are three


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredTrials:
    """Trials in the order of their scores; of equal ones the earlier comes first.

    Attributes:
        frame: One row per completed trial: `trial`, its number; `score`; and one column per
            searched parameter. Numbers are ordered; text and booleans are categories. Logarithmic
            or not does not matter, as only the order of numbers is used.
    """

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        """Sort, and refuse what nothing could be learned from.

        Raises:
            ValueError: If a column lacks, a value is missing or not finite, a trial comes twice,
                there are fewer than 21 trials, or a parameter is the same in all.
        """
        if missing := {"trial", "score"} - set(self.frame.columns):
            raise ValueError(f"Trials have columns trial and score, but got none of {missing}.")
        if not self.parameters:
            raise ValueError("An analysis of parameters needs one, but there is none.")
        if self.frame.height < MIN_TRIALS:
            raise ValueError(
                f"The best tenth must hold {_MIN_TOP} trials, so {MIN_TRIALS} in all, "
                f"but got {self.frame.height}."
            )
        if self.frame["trial"].n_unique() < self.frame.height:
            raise ValueError("Each trial is counted once, but a number comes twice.")
        for column in self.frame:
            _require_values(column)
        ordered = self.frame.sort(["score", "trial"], descending=[True, False])
        object.__setattr__(self, "frame", ordered)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the searched parameters."""
        return tuple(name for name in self.frame.columns if name not in ("trial", "score"))

    @property
    def n_trials(self) -> int:
        """Number of trials, N."""
        return self.frame.height

    @property
    def n_top(self) -> int:
        """Trials in the best tenth, rounded up."""
        return ceil(TOP_SHARE * self.n_trials)

    def is_ordered(self, parameter: str) -> bool:
        """Whether a parameter's values are numbers, not categories."""
        return self.frame[parameter].dtype.is_numeric()

    def ranks(self, parameter: str) -> FloatArray:
        """Rank of each trial's number among all, from 1, shape (N,); equal ones share the mean."""
        return self.frame[parameter].rank("average").to_numpy()

    def categories(self, parameter: str) -> tuple[list[str], IntArray]:
        """Names of a parameter's categories, in order, and the position of each trial's, (N,)."""
        values = self.frame[parameter].cast(pl.String).to_numpy()
        names, positions = np.unique(values.astype(str), return_inverse=True)
        return names.tolist(), positions

    def membership(self, parameter: str) -> FloatArray:
        """Zeros and ones: which category each trial's value is, shape (N, K)."""
        names, positions = self.categories(parameter)
        return np.eye(len(names))[positions]


def _require_values(column: pl.Series) -> None:
    if column.null_count():
        raise ValueError(f"No value may be missing, but {column.name} has {column.null_count()}.")
    if column.dtype.is_float() and not column.is_finite().all():
        raise ValueError(f"Values must be finite, but those of {column.name} are not.")
    if column.n_unique() == 1:
        raise ValueError(f"Nothing is learned from {column.name}: it is {column[0]} in all trials.")
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
        raise ValueError(f"Values are numbers, text or booleans, but got {column.dtype}.")
