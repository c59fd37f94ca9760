"""Whether the database says what the studies say."""

from collections import Counter
from math import comb
from typing import Final

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.ops.phases import begun_plans, records_of
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

_COUNTED: Final = ("COMPLETE", "PRUNED")
_Trials = dict[tuple[str, int], tuple[str, float | None]]


def unfinished_splits(
    search: SearchResource, warehouse: WarehouseResource, phase: int
) -> list[Json]:
    """Find the complete trials of a phase that lack the result of a split."""
    campaign = current_campaign(search, warehouse.database)
    n_splits = comb(campaign.budget.n_groups, campaign.budget.n_test_groups)
    params = {"campaign": campaign.name, "phase": phase, "n_splits": n_splits}
    return warehouse.database.query("unfinished_splits", params).to_dicts()


def require_agreement(search: SearchResource, warehouse: WarehouseResource) -> int:
    """Compare the campaign's trials in the database with those in the studies.

    A study that still runs may be ahead of the database, but they never differ.

    Returns:
        Number of trials in the database.

    Raises:
        IntegrityError: Names the first trial at fault.
    """
    plans = begun_plans(search, warehouse)
    studies = _of_studies(records_of(warehouse, plans))
    campaign = current_campaign(search, warehouse.database)
    rows = warehouse.database.query("campaign_scores", {"campaign": campaign.name}).iter_rows()
    database: _Trials = {(name, number): (state, score) for name, number, state, score in rows}
    counted = Counter(name for (name, _), (state, _) in studies.items() if state in _COUNTED)
    finished = {plan.study_name for plan in plans if counted[plan.study_name] >= plan.n_trials}
    expected = {key for key in studies if key[0] in finished} | set(database)
    for key in sorted(expected):
        if studies.get(key) != database.get(key):
            raise IntegrityError(
                f"Trial {key[1]} of {key[0]}: the study has {studies.get(key)}, "
                f"the database {database.get(key)}."
            )
    return len(database)


def _of_studies(records: list[Json]) -> _Trials:
    return {
        (row["study_name"], row["number"]): (
            row["state"],
            row["value"] if row["state"] == "COMPLETE" else None,
        )
        for row in records
        if row["state"] in (*_COUNTED, "FAIL")
    }
