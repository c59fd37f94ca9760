"""Bars, as they come from their source."""

import dagster as dg

from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource


@dg.asset(group_name="market", kinds={"polars", "parquet"}, owners=["team:cappuccino"])
def raw_bars(
    context: dg.AssetExecutionContext, search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One row per closed bar and symbol, at every interval; begins or continues the campaign."""
    from cappuccino_assets.market.store import BarStore
    from cappuccino_assets.ops.bars import at_every_interval, gap_rows, store_bars, summarize
    from cappuccino_assets.ops.campaigns import begin_campaign, history_end
    from cappuccino_assets.ops.runs import close_dead_runs

    close_dead_runs(context.instance)
    source = search.bar_source(until=history_end(search, warehouse.database))
    bars = source.fetch_bars()
    market = at_every_interval(bars)
    campaign = begin_campaign(search, warehouse.database, source=source.name, market=market)
    gaps = gap_rows(bars)
    stored = store_bars(BarStore(folder=warehouse.layout.bars), market, source=source.name)
    return dg.MaterializeResult(
        metadata={
            "campaign": campaign.name,
            "source": source.name,
            "bars": table(stored),
            "gaps": table(gaps),
            "summary": summarize(bars, gaps),
            "dagster/row_count": sum(row["n_bars"] for row in stored),
            "path": dg.MetadataValue.path(str(warehouse.layout.bars)),
        }
    )
