"""Compare what is stored with what it comes to again, and name the first difference."""

import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cappuccino_assets.errors import DifferenceError
from cappuccino_assets.storage.files import canonical_json, sha256_of_file
from cappuccino_assets.types import BoolArray, Json


def require_same(what: str, stored: Any, found: Any) -> None:
    """Compare two values that JSON can hold.

    Args:
        what: Their name.
        stored: What is on record.
        found: What it comes to.

    Raises:
        DifferenceError: Names the first value that differs; of an object the first name, of a list
            the first place.
    """
    _compare(what, json.loads(canonical_json(stored)), json.loads(canonical_json(found)))


def require_same_fields(what: str, stored: Json, found: Json) -> None:
    """Compare those values of an object that were found; it may hold others.

    Raises:
        DifferenceError: Names the first one that differs, or is not stored.
    """
    require_same(what, {name: stored[name] for name in found if name in stored}, found)


def require_same_rows(what: str, stored: pl.DataFrame, found: pl.DataFrame) -> None:
    """Compare two tables, every number bit for bit.

    Raises:
        DifferenceError: Names columns, number of rows, or the first row and column that differ.
    """
    _compare(f"columns of {what}", _columns(stored), _columns(found))
    _compare(f"rows of {what}", stored.height, found.height)
    for name in stored.columns:
        differs = np.flatnonzero(_differs(stored[name], found[name]))
        if differs.size:
            row = int(differs[0])
            place = f"{what}, row {row}, {name}"
            raise DifferenceError(place, stored=stored[name][row], found=found[name][row])


def require_same_file(what: str, stored: Path, found: Path) -> None:
    """Compare the bytes of two files by their digests.

    Raises:
        DifferenceError: If they are not the same.
    """
    _compare(what, sha256_of_file(stored), sha256_of_file(found))


def _compare(what: str, stored: Any, found: Any) -> None:
    if isinstance(stored, dict) and isinstance(found, dict):
        for name in [*found, *(stored.keys() - found.keys())]:
            _compare(f"{what}.{name}", stored.get(name), found.get(name))
    elif isinstance(stored, list) and isinstance(found, list):
        for place, pair in enumerate(zip_longest(stored, found)):
            _compare(f"{what}[{place}]", *pair)
    elif canonical_json(stored) != canonical_json(found):
        raise DifferenceError(what, stored=stored, found=found)


def _columns(frame: pl.DataFrame) -> dict[str, str]:
    return {name: str(kind) for name, kind in frame.schema.items()}


def _differs(stored: pl.Series, found: pl.Series) -> BoolArray:
    one, other = (np.ascontiguousarray(each.to_numpy()) for each in (stored, found))
    if stored.dtype.is_float():
        one, other = (each.view(f"i{each.itemsize}") for each in (one, other))
    differs: BoolArray = one != other
    return differs
