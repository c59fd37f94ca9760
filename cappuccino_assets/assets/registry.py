"""The archive of graded models."""

import dagster as dg

from cappuccino_assets.assets.evidence import overfitting_report
from cappuccino_assets.assets.search import phase2_comparison, trial_metrics
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

_SHOWN = ("vin", "grade", "score", "below_threshold", "gated", "study_name", "number")
_REASON = ("name", "passed", "value", "limit")


@dg.asset(
    deps=[phase2_comparison, trial_metrics, overfitting_report],
    group_name="registry",
    kinds={"pytorch"},
)
def trial_archive(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One entry per model worth keeping: weights, contract, configuration and checksums."""
    from cappuccino_assets.ops.archive import archive_campaign

    entries = archive_campaign(search, warehouse)
    return dg.MaterializeResult(
        metadata={
            "entries": table([{key: entry.metadata[key] for key in _SHOWN} for entry in entries]),
            "n_entries": len(entries),
            "n_gated": sum(entry.metadata["gated"] for entry in entries),
            "gate": table([row for entry in entries for row in _gate_rows(entry.metadata)]),
            "path": dg.MetadataValue.path(str(warehouse.layout.archive)),
        }
    )


def _gate_rows(metadata: Json) -> list[Json]:
    """One row per point of the gate."""
    reasons = metadata["gate"]["reasons"]
    return [{"vin": metadata["vin"]} | {k: each[k] for k in _REASON} for each in reasons]
