"""What a search's database and folders say at one moment, read without disturbing anyone."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cappuccino_assets.storage.layout import WarehouseLayout

Identity = tuple[str, int]
FINISHED = ("COMPLETE", "PRUNED", "FAIL")
COUNTED = ("COMPLETE", "PRUNED")
_TRIALS = """
    SELECT trial_id, study_name, number, state, value
    FROM trials JOIN studies USING (study_id) LEFT JOIN trial_values USING (trial_id)
    ORDER BY study_name, number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A row of the search's database, with what hangs on it."""

    study_name: str
    number: int
    state: str
    value: float | None
    params: dict[str, float]
    attributes: dict[str, Any]

    @property
    def identity(self) -> Identity:
        return self.study_name, self.number

    @property
    def outcome(self) -> list[Any]:
        """What must be the same whatever happened on the way."""
        return [self.state, self.value, [list(item) for item in sorted(self.params.items())]]


def read_trials(database: Path) -> list[Trial]:
    """Read every trial; none while the tables are being made."""
    if not database.is_file():
        return []
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
        try:
            rows = connection.execute(_TRIALS).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        params = _grouped(connection, "SELECT trial_id, param_name, param_value FROM trial_params")
        kept = _grouped(connection, "SELECT trial_id, key, value_json FROM trial_user_attributes")
    return [
        Trial(
            study_name=study_name,
            number=number,
            state=state,
            value=value,
            params=params.get(trial_id, {}),
            attributes={key: json.loads(text) for key, text in kept.get(trial_id, {}).items()},
        )
        for trial_id, study_name, number, state, value in rows
    ]


def n_counted(trials: Iterable[Trial], study_name: str) -> int:
    return sum(t.state in COUNTED for t in trials if t.study_name == study_name)


def trial_folders(layout: WarehouseLayout) -> set[str]:
    """Names of all folders of trials, those in the making included."""
    return {str(path) for path in layout.trials.glob("*/*/*") if path.name != ".lock"}


def _grouped(connection: sqlite3.Connection, sql: str) -> dict[int, dict[str, Any]]:
    grouped: dict[int, dict[str, Any]] = {}
    for trial_id, name, value in connection.execute(sql):
        grouped.setdefault(trial_id, {})[name] = value
    return grouped
