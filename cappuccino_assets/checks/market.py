"""Checks of bars and features."""

from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from cappuccino_assets.assets.features import enhanced_feature_arrays, feature_arrays
from cappuccino_assets.assets.market import raw_bars
from cappuccino_assets.checks.outcome import verified
from cappuccino_assets.resources import SearchResource, WarehouseResource

MAX_MISSING_SHARE: Final = 0.05
MAX_AGE_BARS: Final = 3


@dg.asset_check(asset=raw_bars, blocking=True)
def bars_are_whole(search: SearchResource, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Stored bars have their digest, and it is the campaign's."""
    from cappuccino_assets.ops.bars import stored_bars
    from cappuccino_assets.ops.campaigns import current_campaign

    def verify() -> dict[str, Any]:
        campaign = current_campaign(search, warehouse.database)
        bars = stored_bars(warehouse.layout, campaign)
        return {str(interval): each.digest for interval, each in bars.items()}

    return verified(verify)


@dg.asset_check(asset=raw_bars, blocking=True)
def few_bars_are_missing(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """No symbol lacks more than 5 % of the bars there should be."""
    from cappuccino_assets.ops.bars import gap_rows, stored_bars
    from cappuccino_assets.ops.campaigns import current_campaign

    campaign = current_campaign(search, warehouse.database)
    bars = stored_bars(warehouse.layout, campaign)
    worst = max(row["missing_share"] for each in bars.values() for row in gap_rows(each))
    return dg.AssetCheckResult(
        passed=worst <= MAX_MISSING_SHARE,
        metadata={"largest_missing_share": worst, "limit": MAX_MISSING_SHARE},
    )


@dg.asset_check(asset=raw_bars)
def bars_are_fresh(search: SearchResource, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """The newest bar of a venue is at most three bars old; other sources have ended."""
    from cappuccino_assets.ops.bars import age_in_bars
    from cappuccino_assets.ops.campaigns import current_campaign

    if search.settings.source != "alpaca":
        return dg.AssetCheckResult(passed=True, description="This source does not go on.")
    campaign = current_campaign(search, warehouse.database)
    age = age_in_bars(warehouse.layout, campaign, now=datetime.now(UTC))
    return dg.AssetCheckResult(
        passed=age <= MAX_AGE_BARS,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"age_bars": age, "limit": MAX_AGE_BARS},
    )


@dg.asset_check(asset=feature_arrays, blocking=True)
def features_keep_their_contract(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """Stored arrays have their digest and contract, and no column is constant."""
    return _contract_kept(search, warehouse, enhanced=False)


@dg.asset_check(asset=enhanced_feature_arrays, blocking=True)
def enhanced_features_keep_their_contract(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """Stored arrays have their digest and contract, and no column is constant."""
    return _contract_kept(search, warehouse, enhanced=True)


def _contract_kept(
    search: SearchResource, warehouse: WarehouseResource, *, enhanced: bool
) -> dg.AssetCheckResult:
    from cappuccino_assets.ops.arrays import verify_arrays
    from cappuccino_assets.ops.campaigns import current_campaign

    def verify() -> dict[str, Any]:
        campaign = current_campaign(search, warehouse.database)
        return verify_arrays(warehouse.layout, campaign, enhanced=enhanced)

    return verified(verify)
