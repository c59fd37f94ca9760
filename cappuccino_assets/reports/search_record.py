"""The search so far, read from Optuna's database without Optuna and without disturbing anyone."""

import json
from itertools import islice
from typing import Any, Final

from sqlalchemy import TextClause, text

from cappuccino_assets.storage.artifacts import pull_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.study_database import reading
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.tuning.advisors import FAULT
from cappuccino_assets.types import Json

_STUDIES: Final = text("""
    SELECT study_name, count(*) FILTER (WHERE state = 'COMPLETE'),
        count(*) FILTER (WHERE state = 'PRUNED'), count(*) FILTER (WHERE state = 'FAIL'),
        count(*) FILTER (WHERE state = 'RUNNING'), max(CASE state WHEN 'COMPLETE' THEN value END)
    FROM studies JOIN trials USING (study_id) LEFT JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix
    GROUP BY study_name
""")
_BEST_FIRST: Final = text("""
    SELECT value, study_name, number
    FROM studies JOIN trials USING (study_id) JOIN trial_values USING (trial_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix AND state = 'COMPLETE'
""")
_FINISHED: Final = text("""
    SELECT study_name, number, state, CASE state WHEN 'COMPLETE' THEN value END
    FROM studies JOIN trials USING (study_id) LEFT JOIN trial_values USING (trial_id)
    WHERE state IN ('COMPLETE', 'PRUNED', 'FAIL')
""")
_ADVICE_FAULTS: Final = text("""
    SELECT study_name, key, value_json
    FROM studies JOIN study_user_attributes USING (study_id)
    WHERE substr(study_name, 1, length(:prefix)) = :prefix
        AND substr(key, 1, length(:name)) = :name
""")
_COLUMNS: Final = ("study_name", "n_complete", "n_pruned", "n_failed", "n_running", "best_score")


def study_counts(layout: WarehouseLayout, campaign: str) -> list[Json]:
    """Count a campaign's trials by state, one row per study that has any."""
    rows = _rows(layout, _STUDIES, prefix=f"{campaign}/")
    return [dict(zip(_COLUMNS, row, strict=True)) for row in sorted(rows)]


def advice_faults(layout: WarehouseLayout, campaign: str) -> dict[str, list[Json]]:
    """Read in which rounds of advice the advisor failed, and how, by study."""
    found: dict[str, list[Json]] = {}
    rows = _rows(layout, _ADVICE_FAULTS, prefix=f"{campaign}/", name=FAULT)
    for name, key, fault in sorted(rows, key=lambda row: (row[0], int(row[1].removeprefix(FAULT)))):
        one = {"round": int(key.removeprefix(FAULT)), "fault": json.loads(fault)}
        found.setdefault(name, []).append(one)
    return found


def finished_trials(layout: WarehouseLayout) -> dict[tuple[str, int], tuple[str, float | None]]:
    """Read state and score of every finished trial of every study, by study and number."""
    rows = sorted(_rows(layout, _FINISHED), key=lambda row: row[:2])
    return {(name, number): (state, score) for name, number, state, score in rows}


def top_set(layout: WarehouseLayout, campaign: str, *, n: int = 10) -> list[tuple[str, int]]:
    """Name the trials that would be published, best first.

    They are the best complete ones of a campaign's phase 2 that traded in every split.

    Raises:
        IntegrityError: If a complete trial left no whole record.
    """
    rows = _rows(layout, _BEST_FIRST, prefix=f"{campaign}/phase2_")
    rows.sort(key=lambda row: (-row[0], *row[1:]))
    return list(islice(((name, n) for _, name, n in rows if _traded(layout, name, n)), n))


def _traded(layout: WarehouseLayout, study_name: str, number: int) -> bool:
    folder = layout.trial(study_name, number)
    if not folder.is_dir():  # another machine ran it
        pull_folder(layout, folder)
    splits = read_trial(folder, study_name=study_name, number=number)["splits"]
    return not any(split["no_trades"] for split in splits)


def _rows(layout: WarehouseLayout, statement: TextClause, **bound: Any) -> list[tuple[Any, ...]]:
    with reading(layout) as connection:
        if connection is None:
            return []
        return [tuple(row) for row in connection.execute(statement, bound)]
