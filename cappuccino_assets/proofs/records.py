"""Rows of one quantity with the time from when on each is known, and their comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from cappuccino_assets.types import BoolArray, FloatArray, IntArray, Json

NEVER: Final = np.iinfo(np.int64).max
_ROW: Final = "(row)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """One row per time; every number is exact as float64.

    Attributes:
        time: Open time of each row's bar, UTC epoch seconds, ascending, shape (T,).
        known_at: From when on a row's values are known, shape (T,).
        settled_at: From when on it is known that there is such a row, shape (T,). It is later than
            `known_at` inside a gap, which may yet turn out too long; `NEVER` where it is open.
        columns: Names, "owner.quantity" where a symbol or the basket owns one.
        values: Shape (T, C).
    """

    time: IntArray
    known_at: IntArray
    settled_at: IntArray
    columns: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other.

        Raises:
            ValueError: The rule, and the shapes that break it.
        """
        shape = (len(self.time), len(self.columns))
        if self.values.shape != shape or self.values.dtype != np.float64:
            raise ValueError(f"Values need shape {shape} as float64, not {self.values.shape}.")
        if len(self.known_at) != len(self.time) or len(self.settled_at) != len(self.time):
            raise ValueError("Every row needs the time from when on it is known, and settled.")
        if (np.diff(self.time) <= 0).any():
            raise ValueError("Rows must be in the order of time, one for each.")

    def rows(self, chosen: BoolArray) -> Self:
        """Keep some rows."""
        return type(self)(
            time=self.time[chosen],
            known_at=self.known_at[chosen],
            settled_at=self.settled_at[chosen],
            columns=self.columns,
            values=self.values[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first number that is not the same.

    Attributes:
        column: Name of the quantity, without its owner.
        symbol: Who owns it: a symbol, or the basket; None where nobody does.
        row: Number of the row in the whole history's record.
        time: Open time of its bar, UTC; None where a row is not of one bar.
        cut: What was not to be known yet: everything from this time on; None where the check
            does not cut time.
        expected: What the whole history says.
        found: What the recomputation says.
    """

    column: str
    symbol: str | None
    row: int
    time: datetime | None
    cut: datetime | None
    expected: float | str
    found: float | str

    def __str__(self) -> str:
        owner = "" if self.symbol is None else f"{self.symbol} "
        at = "" if self.time is None else f" ({self.time:%Y-%m-%d %H:%M} UTC)"
        cut = "" if self.cut is None else f", nothing known from {self.cut:%Y-%m-%d %H:%M} on"
        values = f"{self.expected!r} became {self.found!r}"
        return f"{owner}{self.column}, row {self.row}{at}: {values}{cut}"

    def to_json(self) -> Json:
        """Write every field as a JSON value; numbers that JSON has not as text."""
        return {
            "column": self.column,
            "symbol": self.symbol,
            "row": self.row,
            "time": None if self.time is None else self.time.isoformat(),
            "cut": None if self.cut is None else self.cut.isoformat(),
            "expected": _json_number(self.expected),
            "found": _json_number(self.found),
        }


def compare(whole: Record, other: Record, *, cut: int | None) -> tuple[int, Difference | None]:
    """Compare bit for bit what is known at a time.

    Args:
        whole: What the whole history leads to.
        other: What it leads to without, or with another, future.
        cut: UTC epoch seconds; rows that are known by then are compared, all of them where None.

    Returns:
        Number of rows compared, and the first difference.

    Raises:
        ValueError: If the columns differ.
    """
    if whole.columns != other.columns:
        raise ValueError(f"Columns differ: {whole.columns} and {other.columns}.")
    until = NEVER - 1 if cut is None else cut
    known, found = (each.rows(each.known_at <= until) for each in (whole, other))
    times, in_known, in_found = np.intersect1d(
        known.time, found.time, assume_unique=True, return_indices=True
    )
    differs = _bits(known.values[in_known]) != _bits(found.values[in_found])
    rows = np.flatnonzero(differs.any(axis=1))
    absent = _first_absent(whole, known, found, cut, until)
    if absent is not None and (not rows.size or absent[0] < times[rows[0]]):
        return len(times), absent[1]
    if not rows.size:
        return len(times), None
    row = int(rows[0])
    column = int(np.flatnonzero(differs[row])[0])
    return len(times), difference(
        known.columns[column],
        row=int(np.searchsorted(whole.time, times[row])),
        time=int(times[row]),
        cut=cut,
        expected=float(known.values[in_known[row], column]),
        found=float(found.values[in_found[row], column]),
    )


def first_unclosed(record: Record, *, cut: int) -> Difference | None:
    """Find a row of a bar that has not closed when the history ends.

    Args:
        record: What a history leads to that ends at the cut.
        cut: UTC epoch seconds.
    """
    late = np.flatnonzero(record.known_at > cut)
    if not late.size:
        return None
    row = int(late[0])
    time = int(record.time[row])
    return difference(_ROW, row=row, time=time, cut=cut, expected="absent", found="present")


def difference(
    column: str,
    *,
    row: int,
    time: int | None = None,
    cut: int | None = None,
    expected: float | str,
    found: float | str,
) -> Difference:
    """Report a number; "owner.quantity" is taken apart.

    Args:
        column: Name of the column.
        row: Number of the row.
        time: UTC epoch seconds.
        cut: UTC epoch seconds.
        expected: What it should be.
        found: What it is.
    """
    owner, dot, quantity = column.partition(".")
    owned = bool(dot) and ("/" in owner or owner == "basket")
    return Difference(
        column=quantity if owned else column,
        symbol=owner if owned else None,
        row=row,
        time=None if time is None else _utc(time),
        cut=None if cut is None else _utc(cut),
        expected=expected,
        found=found,
    )


def joined_values(parts: Sequence[npt.NDArray[Any]]) -> FloatArray:
    """Set columns side by side as float64, which holds float32, truth and row numbers exactly."""
    return np.concatenate([part.astype(np.float64) for part in parts], axis=1)


def _first_absent(
    whole: Record, known: Record, found: Record, cut: int | None, until: int
) -> tuple[int, Difference] | None:
    """Find the first settled row that only one of them has."""
    candidates = []
    for has, lacks, words in ((known, found, ("present", "absent")), (found, known, None)):
        only = ~np.isin(has.time, lacks.time, assume_unique=True) & (has.settled_at <= until)
        if only.any():
            time = int(has.time[only][0])
            expected, seen = words or ("absent", "present")
            row = int(np.searchsorted(whole.time, time))
            candidates.append(
                (time, difference(_ROW, row=row, time=time, cut=cut, expected=expected, found=seen))
            )
    return min(candidates, key=lambda each: each[0], default=None)


def _bits(values: FloatArray) -> IntArray:
    """Tell numbers apart as their bits do, but for the many ways to write NaN."""
    plain = np.where(np.isnan(values), np.nan, values)
    return np.ascontiguousarray(plain).view(np.int64)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _json_number(value: float | str) -> float | str:
    return value if isinstance(value, str) or np.isfinite(value) else str(value)
