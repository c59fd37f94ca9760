"""Checks of the archive and the ensemble."""

from typing import Any

import dagster as dg

from cappuccino_assets.assets.live import ensemble_manifest
from cappuccino_assets.assets.registry import trial_archive
from cappuccino_assets.checks.outcome import verified
from cappuccino_assets.errors import ManifestError
from cappuccino_assets.resources import SearchResource, WarehouseResource


@dg.asset_check(asset=trial_archive, blocking=True)
def archive_is_whole(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Every entry is what its checksums say, and the database lists the same ones."""
    from cappuccino_assets.registry.archive import verify_archive

    def verify() -> dict[str, Any]:
        return {"n_entries": len(verify_archive(warehouse.layout, warehouse.database))}

    return verified(verify)


@dg.asset_check(asset=ensemble_manifest, blocking=True)
def members_are_verified(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """The ensemble loads: checksums, contracts and market agree, and it is this campaign's."""
    from cappuccino_assets.live.ensemble import Ensemble
    from cappuccino_assets.ops.campaigns import current_campaign

    def verify() -> dict[str, Any]:
        manifest = Ensemble.load(warehouse.layout.manifest).manifest
        campaign = current_campaign(search, warehouse.database).name
        if manifest.study_name != campaign:
            raise ManifestError(f"The ensemble follows {manifest.study_name}, not {campaign}.")
        return {"generation": manifest.generation, "n_members": len(manifest.members)}

    return verified(verify)
