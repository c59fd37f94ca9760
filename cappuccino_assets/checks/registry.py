"""Checks of the archive and the ensemble."""

from typing import Any

import dagster as dg

from cappuccino_assets.assets.live import ensemble_manifest
from cappuccino_assets.assets.registry import trial_archive
from cappuccino_assets.checks.outcome import verified
from cappuccino_assets.errors import CappuccinoError
from cappuccino_assets.ops.sync import AGREEMENT
from cappuccino_assets.resources import WarehouseResource


@dg.asset_check(asset=trial_archive, blocking=True)
def archive_is_whole(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Every entry is what its checksums say, and the database lists the same ones."""
    from cappuccino_assets.registry.archive import verify_archive

    def verify() -> dict[str, Any]:
        return {"n_entries": len(verify_archive(warehouse.layout, warehouse.database))}

    return verified(verify)


@dg.asset_check(asset=trial_archive, blocking=True)
def gates_are_on_record(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Of every entry the ledger has the same gate decision, and the opening of the hold-out."""
    from cappuccino_assets.registry.entries import entries_in
    from cappuccino_assets.registry.on_record import require_on_record

    def verify() -> dict[str, Any]:
        entries = list(entries_in(warehouse.layout.archive))
        return {"n_decisions": require_on_record(entries, warehouse.database)}

    return verified(verify)


@dg.asset_check(asset=ensemble_manifest, blocking=True)
def members_are_verified(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """The ensemble loads: checksums, contracts and market agree."""
    from cappuccino_assets.live.ensemble import Ensemble

    def verify() -> dict[str, Any]:
        manifest = Ensemble.load(warehouse.layout.manifest).manifest
        return {"generation": manifest.generation, "n_members": len(manifest.members)}

    return verified(verify)


@dg.asset_check(asset=ensemble_manifest, blocking=True, name=AGREEMENT)
def one_campaign_is_followed(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Winner, comparison, ensemble and workers are the active campaign's, or it is known why not.

    The ensemble may be another campaign's only if it is on record why this one's does not replace
    it; what a search has not come to yet may be, for as long as its process lives.
    """
    from cappuccino_assets.reports.following import campaign_following

    try:
        following = campaign_following(warehouse.database)
    except CappuccinoError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(passed=not following.faults, description=following.text)
