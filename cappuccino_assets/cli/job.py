"""Dagster jobs run in this process, on the instance that the UI shows."""

from typing import Final

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.errors import (
    DagsterAssetCheckFailedError,
    DagsterExecutionInterruptedError,
)
from dagster._core.execution.execution_result import ExecutionResult

from cappuccino_assets.cli.instance import database_faults, open_instance
from cappuccino_assets.cli.progress import job_progress
from cappuccino_assets.errors import CheckFailedError, InterruptedRunError
from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.resources import EVENT_LOGGER_KEY, WarehouseResource, process_tags
from cappuccino_assets.types import Json

_DEFINITIONS: Final = "cappuccino_assets.definitions"


def run_job(name: str, search: Json) -> Json:
    """Run a job to its end.

    Args:
        name: Name of the job.
        search: Fields of the resource `search` that differ from the settings.

    Returns:
        Standing of the campaign that was worked on, and the gaps in its bars.

    Raises:
        CappuccinoError: As `execute` does.
    """
    gaps = gaps_of(execute(name, {"resources": {"search": {"config": search}}}))
    return campaign_standing(WarehouseResource().database, search.get("study")) | {"gaps": gaps}


def execute(name: str, config: Json) -> ExecutionResult:
    """Execute a job in this process.

    Args:
        name: Name of the job.
        config: What the run overrides.

    Raises:
        CappuccinoError: What went wrong in a step.
        CheckFailedError: If a blocking check did not pass.
        InterruptedRunError: If it was interrupted.
        WarehouseError: If the history of runs, or the studies, cannot be written.
    """
    job = ReconstructableRepository.for_module(_DEFINITIONS, "defs").get_reconstructable_job(name)
    config = config | {"loggers": {EVENT_LOGGER_KEY: {}}}
    try:
        with database_faults(), open_instance() as instance, job_progress():
            return dg.execute_job(
                job, instance=instance, run_config=config, tags=process_tags(), raise_on_error=True
            )
    except DagsterAssetCheckFailedError as error:
        raise CheckFailedError(str(error)) from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError) as error:
        raise InterruptedRunError("Interrupted. The same command continues.") from error


def gaps_of(result: ExecutionResult) -> list[Json]:
    """Collect what is missing of the bars that a run has stored, one row per symbol."""
    events = result.asset_materializations_for_node("raw_bars")
    tables = [event.metadata["gaps"] for event in events]
    return [
        dict(record.data)
        for table in tables
        if isinstance(table, dg.TableMetadataValue)
        for record in table.records
    ]
