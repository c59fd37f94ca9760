"""The placebo as a job: search where nothing can be found, and count what the gate lets through."""

from typing import Final

import dagster as dg

from cappuccino_assets.ops.metadata import table
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

_SHOWN: Final = ("arm", "n_studies", "n_failed", "n_judged")


class PlaceboConfig(dg.Config):
    """How many studies there shall be of each arm where nothing can be found."""

    n_studies: int = 200


@dg.op
def run_placebo_studies(
    context: dg.OpExecutionContext,
    config: PlaceboConfig,
    search: SearchResource,
    warehouse: WarehouseResource,
) -> None:
    """Run the studies that are missing, and report how many promote anything."""
    from cappuccino_assets.placebo.arms import FALSE_ARMS
    from cappuccino_assets.placebo.report import placebo_report
    from cappuccino_assets.placebo.runner import run_studies

    layout = warehouse.layout
    run_studies(
        FALSE_ARMS,
        layout,
        n_studies=config.n_studies,
        n_workers=search.settings.workers,
        on_study=lambda study: context.log.info(f"{study.arm} {study.number} is done"),
    )
    report = placebo_report(layout)
    context.add_output_metadata(
        {
            "arms": table([_row(row) for row in report["arms"]]),
            "goal_is_shown": report["goal"]["shown"],
            "path": dg.MetadataValue.path(str(layout.placebo_report)),
        }
    )


def _row(row: Json) -> Json:
    rate = row["promoting"]
    shown = {name: row[name] for name in _SHOWN}
    return shown | {
        "n_promoting": None if rate is None else rate["n_hits"],
        "bound": None if rate is None else rate["bound"],
    }
