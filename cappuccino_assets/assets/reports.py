"""The report of a campaign."""

import dagster as dg

from cappuccino_assets.assets.evidence import hyperparameter_analysis
from cappuccino_assets.assets.registry import trial_archive
from cappuccino_assets.resources import SearchResource, WarehouseResource


@dg.asset(deps=[trial_archive, hyperparameter_analysis], group_name="evidence", kinds={"html"})
def training_report(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One page per campaign: what is shown, what is not, and every number behind it."""
    from cappuccino_assets.ops.campaigns import current_campaign
    from cappuccino_assets.reports.training_report import write_training_report

    database = warehouse.database
    report = write_training_report(database, current_campaign(search, database).name)
    return dg.MaterializeResult(
        metadata={
            "verdict": report.verdict[0],
            "in words": dg.MetadataValue.md("\n\n".join(report.verdict)),
            "equity of the best (agent red, HODL grey)": dg.MetadataValue.md(report.sketch or "-"),
            "n_archived": report.n_archived,
            "n_gated": report.n_gated,
            "path": dg.MetadataValue.path(str(report.page)),
        }
    )
