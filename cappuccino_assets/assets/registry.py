"""The archive of graded models."""

import dagster as dg

from cappuccino_assets.assets.search import phase2_comparison, trial_metrics
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource

_SHOWN = ("vin", "grade", "score", "below_threshold", "gated", "study_name", "number")


@dg.asset(deps=[phase2_comparison, trial_metrics], group_name="registry", kinds={"pytorch"})
def trial_archive(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One entry per model worth keeping: weights, contract, configuration and checksums."""
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.registry.archive import archive_trials
    from cappuccino_assets.registry.selection import ArchiveRule

    campaign = current_campaign(search, warehouse.database)
    rule = ArchiveRule(keep_best=campaign.profile == "mini")  # a demo shows something
    entries = archive_trials(warehouse.layout, warehouse.database, campaign.name, rule)
    return dg.MaterializeResult(
        metadata={
            "entries": table([{key: entry.metadata[key] for key in _SHOWN} for entry in entries]),
            "n_entries": len(entries),
            "path": dg.MetadataValue.path(str(warehouse.layout.archive)),
        }
    )
