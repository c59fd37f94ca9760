"""Checks of the search."""

from typing import Any

import dagster as dg

from cappuccino_assets.assets.search import phase1_trials, phase2_trials, trial_metrics
from cappuccino_assets.checks.outcome import verified
from cappuccino_assets.resources import SearchResource, WarehouseResource


@dg.asset_check(asset=phase1_trials, blocking=True)
def all_phase1_splits_finished(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """Every complete trial of phase 1 has the result of every split."""
    return _splits_finished(search, warehouse, 1)


@dg.asset_check(asset=phase2_trials, blocking=True)
def all_phase2_splits_finished(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """Every complete trial of phase 2 has the result of every split."""
    return _splits_finished(search, warehouse, 2)


@dg.asset_check(asset=trial_metrics, blocking=True)
def database_agrees_with_studies(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """The database holds the trials that the studies hold, with their states and scores."""
    from cappuccino_assets.ops.agreement import require_agreement

    def verify() -> dict[str, Any]:
        return {"n_trials": require_agreement(search, warehouse)}

    return verified(verify)


@dg.asset_check(asset=trial_metrics, blocking=True)
def ledger_is_whole(search: SearchResource, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """No line of the trial ledger was changed, and it says of every trial what became of it."""
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.reports.ledger_audit import audit_ledger

    def verify() -> dict[str, Any]:
        campaign = current_campaign(search, warehouse.database)
        audit = audit_ledger(warehouse.database, campaign.name).require_whole()
        return {"n_rows": audit.n_rows, "head": audit.head}

    return verified(verify)


def _splits_finished(
    search: SearchResource, warehouse: WarehouseResource, phase: int
) -> dg.AssetCheckResult:
    from cappuccino_assets.ops.agreement import unfinished_splits
    from cappuccino_assets.ops.metadata import table

    rows = unfinished_splits(search, warehouse, phase)
    return dg.AssetCheckResult(passed=not rows, metadata={"trials_at_fault": table(rows)})
