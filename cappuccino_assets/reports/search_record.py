"""The search so far, read from Optuna's database without Optuna and without disturbing anyone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from cappuccino_assets.types import Json

_STUDIES: Final = """
    SELECT study_name, sum(state = 'COMPLETE'), sum(state = 'PRUNED'), sum(state = 'FAIL'),
        sum(state = 'RUNNING'), max(CASE state WHEN 'COMPLETE' THEN value END)
    FROM studies JOIN trials USING (study_id) LEFT JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix
    GROUP BY study_name ORDER BY study_name
"""
_TOP: Final = """
    SELECT study_name, number
    FROM studies JOIN trials USING (study_id) JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix AND state = 'COMPLETE'
    ORDER BY value DESC, study_name, number LIMIT :n
"""
_COLUMNS: Final = ("study_name", "n_complete", "n_pruned", "n_failed", "n_running", "best_score")


def study_counts(database: Path, campaign: str) -> list[Json]:
    """Count a campaign's trials by state, one row per study that has any."""
    if not database.is_file():
        return []
    with _read_only(database) as connection:
        rows = connection.execute(_STUDIES, {"prefix": f"{campaign}/"}).fetchall()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def top_set(database: Path, campaign: str, *, n: int = 10) -> list[tuple[str, int]]:
    """Name the best complete trials of a campaign's phase 2 by study and number, best first."""
    if not database.is_file():
        return []
    with _read_only(database) as connection:
        return connection.execute(_TOP, {"prefix": f"{campaign}/phase2_", "n": n}).fetchall()


@contextmanager
def _read_only(database: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        yield connection
