"""Who is at work on which trial now, read from the studies without disturbing anyone."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, DateTime, Select, and_, column, exists, func, select, table
from sqlalchemy.sql.expression import FromClause

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.storage.study_database import reading
from cappuccino_assets.types import Json

Health = Literal["alive", "stale", "gone"]

_STUDIES: Final = table("studies", column("study_id"), column("study_name"))
_TRIALS: Final = table(
    "trials",
    column("trial_id"),
    column("study_id"),
    column("number"),
    column("state"),
    column("datetime_start", DateTime),
)
_HEARTBEATS: Final = table("trial_heartbeats", column("trial_id"), column("heartbeat", DateTime))
_ATTRIBUTES: Final = ("trial_id", "key", "value_json")
_WORKER: Final = "worker"  # attributes of a trial: the process that has it,
_RESULT: Final = "early"  # and what came of it, which waits for that of earlier trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that has claimed a trial and not brought its result.

    Attributes:
        study_name: Study of the trial.
        number: Number of the trial in it.
        process: Who has claimed it.
        asked_at: When the trial was begun, by the clock of the machine that asked for it.
        silent_s: Seconds since its last sign of life, by the database's clock; None if it never
            gave one.
        health: `gone` if it is a process of this machine that has ended, `stale` if it has given
            no sign of life for too long or never, `alive` otherwise.
    """

    study_name: str
    number: int
    process: ProcessIdentity
    asked_at: datetime | None
    silent_s: float | None
    health: Health

    @property
    def campaign(self) -> str:
        """Name of the campaign of its study."""
        return self.study_name.partition("/")[0]

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "study_name": self.study_name,
            "number": self.number,
            "host": self.process.hostname,
            "pid": self.process.pid,
            "asked_at": None if self.asked_at is None else self.asked_at.isoformat(),
            "silent_s": self.silent_s,
            "health": self.health,
        }


def workers_at_work(layout: WarehouseLayout, *, grace_s: float) -> list[Worker]:
    """List the trials of all studies that a process has, by study and number.

    Args:
        layout: Where the studies are.
        grace_s: Seconds without a sign of life that a worker is allowed.
    """
    with reading(layout) as connection:
        if connection is None:
            return []
        rows = connection.execute(_claimed()).all()
    workers = (_worker(*row, grace_s=grace_s) for row in rows)
    return sorted((each for each in workers if each), key=lambda w: (w.study_name, w.number))


def _claimed() -> Select[Any]:
    worker, result = (
        table("trial_user_attributes", *map(column, _ATTRIBUTES)).alias(n) for n in "wr"
    )
    has_result = exists().where(_has(result, _RESULT))
    return (
        select(
            _STUDIES.c.study_name,
            _TRIALS.c.number,
            worker.c.value_json,
            _TRIALS.c.datetime_start,
            _HEARTBEATS.c.heartbeat,
            func.now(),
        )
        .select_from(_STUDIES)
        .join(_TRIALS, _TRIALS.c.study_id == _STUDIES.c.study_id)
        .join(worker, _has(worker, _WORKER))
        .outerjoin(_HEARTBEATS, _HEARTBEATS.c.trial_id == _TRIALS.c.trial_id)
        .where(_TRIALS.c.state == "RUNNING", ~has_result)
    )


def _has(attributes: FromClause, key: str) -> ColumnElement[bool]:
    return and_(attributes.c.trial_id == _TRIALS.c.trial_id, attributes.c.key == key)


def _worker(
    study_name: str,
    number: int,
    claim: str,
    asked_at: datetime | None,
    heartbeat: datetime | None,
    now: datetime,
    *,
    grace_s: float,
) -> Worker | None:
    owner = json.loads(claim)
    if owner is None:  # it was put back
        return None
    process = ProcessIdentity.from_json(owner)
    silent_s = (
        None
        if heartbeat is None
        else (now.replace(tzinfo=None) - heartbeat.replace(tzinfo=None)).total_seconds()
    )
    return Worker(
        study_name=study_name,
        number=number,
        process=process,
        asked_at=asked_at,
        silent_s=silent_s,
        health=_health(process, silent_s, grace_s=grace_s),
    )


def _health(process: ProcessIdentity, silent_s: float | None, *, grace_s: float) -> Health:
    if process.is_gone():
        return "gone"
    return "stale" if silent_s is None or silent_s > grace_s else "alive"
