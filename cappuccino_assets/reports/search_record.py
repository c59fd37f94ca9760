"""The search so far, read from Optuna's database without Optuna and without disturbing anyone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.types import Json

_STUDIES: Final = """
    SELECT study_name, sum(state = 'COMPLETE'), sum(state = 'PRUNED'), sum(state = 'FAIL'),
        sum(state = 'RUNNING'), max(CASE state WHEN 'COMPLETE' THEN value END)
    FROM studies JOIN trials USING (study_id) LEFT JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix
    GROUP BY study_name ORDER BY study_name
"""
_BEST_FIRST: Final = """
    SELECT study_name, number
    FROM studies JOIN trials USING (study_id) JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix AND state = 'COMPLETE'
    ORDER BY value DESC, study_name, number
"""
_FINISHED: Final = """
    SELECT study_name, number, state, CASE state WHEN 'COMPLETE' THEN value END
    FROM studies JOIN trials USING (study_id) LEFT JOIN trial_values USING (trial_id)
    WHERE state IN ('COMPLETE', 'PRUNED', 'FAIL')
    ORDER BY study_name, number
"""
_COLUMNS: Final = ("study_name", "n_complete", "n_pruned", "n_failed", "n_running", "best_score")


def study_counts(database: Path, campaign: str) -> list[Json]:
    """Count a campaign's trials by state, one row per study that has any."""
    if not database.is_file():
        return []
    with _read_only(database) as connection:
        rows = connection.execute(_STUDIES, {"prefix": f"{campaign}/"}).fetchall()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def finished_trials(database: Path) -> dict[tuple[str, int], tuple[str, float | None]]:
    """Read state and score of every finished trial of every study, by study and number."""
    if not database.is_file():
        return {}
    with _read_only(database) as connection:
        rows = connection.execute(_FINISHED).fetchall()
    return {(name, number): (state, score) for name, number, state, score in rows}


def top_set(layout: WarehouseLayout, campaign: str, *, n: int = 10) -> list[tuple[str, int]]:
    """Name the trials that would be published, best first.

    They are the best complete ones of a campaign's phase 2 that traded in every split.

    Raises:
        IntegrityError: If a complete trial left no whole record.
    """
    if not layout.studies.is_file():
        return []
    with _read_only(layout.studies) as connection:
        rows = connection.execute(_BEST_FIRST, {"prefix": f"{campaign}/phase2_"}).fetchall()
    return list(islice((each for each in rows if _traded(layout, *each)), n))


def _traded(layout: WarehouseLayout, study_name: str, number: int) -> bool:
    folder = layout.trial(study_name, number)
    splits = read_trial(folder, study_name=study_name, number=number)["splits"]
    return not any(split["no_trades"] for split in splits)


@contextmanager
def _read_only(database: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        yield connection
