"""Whether the database says what the studies say."""

from collections import Counter
from collections.abc import Container
from math import comb
from typing import Final

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.ops.phases import begun_plans, records_of
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.tuning.plans import StudyPlan
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

    While a search runs, its studies may be ahead of the database, but they never differ. Nothing
    may be missing of a study that the database shows as finished, nor of a finished campaign.

    Returns:
        Number of trials in the database.

    Raises:
        IntegrityError: Names the first trial at fault.
    """
    plans = begun_plans(search, warehouse)
    campaign = current_campaign(search, warehouse.database)
    rows = warehouse.database.query("campaign_scores", {"campaign": campaign.name}).iter_rows()
    database: _Trials = {(name, number): (state, score) for name, number, state, score in rows}
    studies = _of_studies(records_of(warehouse, plans))  # read last: it may only be ahead
    require_equal(studies, database, finished=_finished(warehouse, campaign, plans, database))
    return len(database)


def require_equal(studies: _Trials, database: _Trials, *, finished: Container[str]) -> None:
    """Compare states and scores by study name and number.

    Args:
        studies: What the search recorded.
        database: What readers see.
        finished: Names of the studies of which nothing may be missing in the database.

    Raises:
        IntegrityError: Names the first trial at fault.
    """
    expected = {key for key in studies if key[0] in finished} | set(database)
    for key in sorted(expected):
        if studies.get(key) != database.get(key):
            raise IntegrityError(
                f"Trial {key[1]} of {key[0]}: the study has {studies.get(key)}, "
                f"the database {database.get(key)}."
            )


def _finished(
    warehouse: WarehouseResource, campaign: Campaign, plans: list[StudyPlan], database: _Trials
) -> set[str]:
    row = warehouse.database.campaign(campaign.name)
    if row and row["completed_at"] is not None:
        return {plan.study_name for plan in plans}
    counted = Counter(name for (name, _), (state, _) in database.items() if state in _COUNTED)
    return {plan.study_name for plan in plans if counted[plan.study_name] >= plan.n_trials}


def _of_studies(records: list[Json]) -> _Trials:
    return {
        (row["study_name"], row["number"]): (
            row["state"],
            row["value"] if row["state"] == "COMPLETE" else None,
        )
        for row in records
        if row["state"] in (*_COUNTED, "FAIL")
    }
