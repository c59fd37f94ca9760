"""What a trader follows."""

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from cappuccino_assets.assets.registry import trial_archive
from cappuccino_assets.assets.search import trial_metrics
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource

if TYPE_CHECKING:
    from cappuccino_assets.features.arrays import FeatureArrays
    from cappuccino_assets.live.publish import Publication

_SHOWN = ("vin", "score", "gated", "study_name", "trial_number", "trailing_stop_pct", "sha256")


@dg.asset(deps=[trial_archive, trial_metrics], group_name="live", kinds={"pytorch"})
def ensemble_manifest(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One member per model of the ensemble: the best trials of the active campaign's phase 2.

    An ensemble of another campaign is replaced only by one that does better on the hold-out.
    """
    from cappuccino_assets.live.publish import publish_manifest
    from cappuccino_assets.ops.campaigns import current_campaign, finish_campaign

    campaign = current_campaign(search, warehouse.database)
    finish_campaign(warehouse.database, campaign)  # whether or not there is an ensemble in it
    publication = publish_manifest(
        warehouse.layout,
        warehouse.database,
        campaign.name,
        find_bars=partial(_bars, search, warehouse),
        replace_incomparable=search.settings.replace_incomparable,
    )
    path = dg.MetadataValue.path(str(warehouse.layout.manifest))
    return dg.MaterializeResult(metadata={**_metadata(publication), "path": path})


def _bars(search: SearchResource, warehouse: WarehouseResource) -> "tuple[FeatureArrays, datetime]":
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.ops.phases import ensemble_bars, winner_of

    campaign = current_campaign(search, warehouse.database)
    return ensemble_bars(warehouse.layout, campaign, winner_of(warehouse.layout, campaign))


def _metadata(publication: "Publication") -> dict[str, Any]:
    manifest = publication.manifest
    members = [asdict(member) for member in manifest.members]
    comparison = publication.comparison or manifest.compared_with
    return {
        "generation": manifest.generation,
        "campaign": manifest.study_name,
        "remark": publication.remark,
        "compared_with": dg.MetadataValue.json(comparison.to_json() if comparison else {}),
        "members": table([{key: member[key] for key in _SHOWN} for member in members]),
        "n_members": len(members),
        "best_score": max(manifest.scores),
        "mean_score": sum(manifest.scores) / len(members),
        "market_contract": manifest.market_contract_hash,
    }
