"""What the trials of a campaign show, and what of it may be chance."""

from typing import Final

import dagster as dg

from cappuccino_assets.assets.search import phase2_comparison, trial_metrics
from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource

_SHOWN: Final = (
    "parameter",
    "top",
    "all",
    "effect",
    "effect_low",
    "effect_high",
    "impact",
    "p_value",
    "holm_p_value",
    "importance",
)


@dg.asset(deps=[trial_metrics], group_name="evidence", kinds={"json"})
def hyperparameter_analysis(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One row per study and parameter: the best tenth of the trials against the others."""
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.ops.evidence import write_analysis

    database, path = warehouse.database, warehouse.layout.hyperparameter_analysis
    analysis = write_analysis(database, current_campaign(search, database).name)
    rows = [
        {"study": study["study_name"]} | {name: row[name] for name in _SHOWN}
        for study in analysis["studies"]
        for row in study.get("parameters", [])
    ]
    metadata = {"parameters": table(rows), "in_words": analysis["text"]}
    return dg.MaterializeResult(metadata=metadata | {"path": dg.MetadataValue.path(str(path))})


@dg.asset(deps=[trial_metrics, phase2_comparison], group_name="evidence", kinds={"json"})
def overfitting_report(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One record: what the search as a whole shows, after all that was tried."""
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.ops.evidence import write_evidence

    database = warehouse.database
    shown = write_evidence(database, current_campaign(search, database).name).to_json()
    selection = shown.pop("overfitting")
    if selection is not None:
        selection.pop("logits")
        shown |= {"pbo": selection.pop("pbo"), **selection}
    path = dg.MetadataValue.path(str(warehouse.layout.overfitting_report))
    return dg.MaterializeResult(metadata=shown | {"path": path})
