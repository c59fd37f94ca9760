"""What the UI shows of a materialisation: tables and pictures."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from cappuccino_assets.types import Json


def table(rows: Sequence[Json]) -> dg.MetadataValue:
    """Show rows as a table; numbers stay numbers, of five digits."""
    if not rows:
        return dg.MetadataValue.text("none")
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records)


def _cell(value: Any) -> str | int | float | bool:
    if value is None:
        return "-"
    if isinstance(value, float):
        return float(f"{value:.5g}")
    return value if isinstance(value, int) else str(value)  # a StrEnum as plain text
