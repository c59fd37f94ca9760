"""Feature arrays, memory-mappable, each with its contract."""

from collections.abc import Sequence

import dagster as dg

from cappuccino_assets.assets.market import raw_bars
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json


@dg.asset(deps=[raw_bars], group_name="features", kinds={"polars", "numpy"})
def feature_arrays(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One row per bar of each interval of the campaign: the eleven indicators of the basket."""
    return _report(_build(search, warehouse, enhanced=False))


@dg.asset(deps=[feature_arrays], group_name="features", kinds={"polars", "numpy"})
def enhanced_feature_arrays(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One row per bar of each interval: the indicators, and four rolling features a symbol."""
    return _report(_build(search, warehouse, enhanced=True))


def _build(search: SearchResource, warehouse: WarehouseResource, *, enhanced: bool) -> list[Json]:
    from cappuccino_assets.ops.arrays import build_arrays
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.ops.phases import require_history

    campaign = current_campaign(search, warehouse.database)
    rows = build_arrays(warehouse.layout, campaign, enhanced=enhanced)
    require_history(search, warehouse, phase=2 if enhanced else 1)
    return rows


def _report(rows: Sequence[Json]) -> dg.MaterializeResult[None]:
    n_rows = sum(row["n_bars"] for row in rows)
    return dg.MaterializeResult(metadata={"arrays": table(rows), "dagster/row_count": n_rows})
