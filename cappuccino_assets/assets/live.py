"""What a trader follows."""

from dataclasses import asdict

import dagster as dg

from cappuccino_assets.assets.registry import trial_archive
from cappuccino_assets.assets.search import trial_metrics
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource

_SHOWN = ("vin", "score", "gated", "study_name", "trial_number", "trailing_stop_pct", "sha256")


@dg.asset(deps=[trial_archive, trial_metrics], group_name="live", kinds={"pytorch"})
def ensemble_manifest(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One member per model of the ensemble: the best trials of the active campaign's phase 2."""
    from cappuccino_assets.live.publish import publish_manifest
    from cappuccino_assets.ops.campaigns import current_campaign, finish_campaign

    campaign = current_campaign(search, warehouse.database)
    manifest = publish_manifest(warehouse.layout, warehouse.database, campaign.name)
    finish_campaign(warehouse.database, campaign)
    members = [asdict(member) for member in manifest.members]
    return dg.MaterializeResult(
        metadata={
            "generation": manifest.generation,
            "members": table([{key: member[key] for key in _SHOWN} for member in members]),
            "n_members": len(members),
            "best_score": max(manifest.scores),
            "mean_score": sum(manifest.scores) / len(members),
            "market_contract": manifest.market_contract_hash,
            "path": dg.MetadataValue.path(str(warehouse.layout.manifest)),
        }
    )
