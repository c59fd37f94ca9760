"""Runs that nobody has ended: which process each is, and those whose process is gone."""

import json
from dataclasses import dataclass
from typing import Final

import dagster as dg

from cappuccino_assets.resources import PROCESS_TAG
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.types import Json

_BEGUN: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_NO_RETRY: Final = {"dagster/max_retries": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A run that was begun and has no end.

    Attributes:
        run: As it is on record.
        process: Which process it is; None where that is not known.
    """

    run: dg.DagsterRun
    process: ProcessIdentity | None

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "run_id": self.run.run_id,
            "job": self.run.job_name,
            "status": self.run.status.value,
            "host": self.process.hostname if self.process else None,
            "pid": self.process.pid if self.process else None,
        }


def unfinished_runs(instance: dg.DagsterInstance) -> list[UnfinishedRun]:
    """List the runs that were begun and have no end, the latest first."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=_BEGUN))
    return [UnfinishedRun(run=run, process=_process_of(run)) for run in runs]


def close_dead_runs(instance: dg.DagsterInstance) -> list[UnfinishedRun]:
    """Record as failed the runs that a killed process left behind.

    A run whose process lives is left alone, and so is one of another machine, of which nobody here
    can tell. Nothing starts a closed run again by itself: whoever closes it is about to go on, or
    only looks.

    Returns:
        Those that were closed.
    """
    closed = []
    for each in unfinished_runs(instance):
        if each.process is None or not each.process.is_gone():
            continue
        run = instance.get_run_by_id(each.run.run_id)  # it may have ended in the meantime
        if run is not None and not run.is_finished:
            instance.add_run_tags(each.run.run_id, _NO_RETRY)
            instance.report_run_failed(run, message=_obituary(each.process))
            closed.append(each)
    return closed


def _process_of(run: dg.DagsterRun) -> ProcessIdentity | None:
    """Read which process a run is; what it has inherited from an earlier try says nothing."""
    if (tag := run.tags.get(PROCESS_TAG)) is None:
        return None
    said = json.loads(tag)
    is_own = said["run_id"] == run.run_id or (said["run_id"] is None and not run.parent_run_id)
    return ProcessIdentity.from_json(said) if is_own else None


def _obituary(process: ProcessIdentity) -> str:
    return (
        f"Process {process.pid} of {process.hostname}, which this run was, is gone without a word: "
        "it was killed, or the machine gave way. What it finished is kept, and the same command "
        "continues."
    )
