"""The studies of each phase of a campaign, what became of their trials, and what that decides."""

from datetime import UTC, datetime

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.features.arrays import load_arrays
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.ops.arrays import find_arrays
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning import results
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.tuning.phases import (
    phase1_winner,
    phase2_comparison,
    plan_phase1,
    plan_phase2,
)
from cappuccino_assets.tuning.plans import StudyPlan, require_enough_history
from cappuccino_assets.types import Json


def phase_plans(
    search: SearchResource, warehouse: WarehouseResource, phase: int
) -> list[StudyPlan]:
    """Lay out the studies of one phase of this run's campaign.

    Raises:
        WarehouseError: If something that the phase is based on is not there.
    """
    campaign = current_campaign(search, warehouse.database)
    layout = warehouse.layout
    if phase == 1:
        intervals = campaign.budget.intervals
        arrays = {each: find_arrays(layout, campaign, each, enhanced=False) for each in intervals}
        return plan_phase1(campaign, arrays)
    winner = winner_of(layout, campaign)
    interval = Interval(winner["interval"])
    return plan_phase2(campaign, winner, find_arrays(layout, campaign, interval, enhanced=True))


def require_history(search: SearchResource, warehouse: WarehouseResource, phase: int) -> None:
    """Refuse bars on which a phase could not be searched, whatever phase 1 will decide.

    Raises:
        HistoryTooShortError: With the number of bars that would be needed.
    """
    campaign = current_campaign(search, warehouse.database)
    plans = (
        phase_plans(search, warehouse, phase)
        if phase == 1
        else _phase2_of_any_winner(warehouse.layout, campaign)
    )
    for plan in plans:
        require_enough_history(plan, load_arrays(plan.arrays))


def begun_plans(search: SearchResource, warehouse: WarehouseResource) -> list[StudyPlan]:
    """Lay out the studies of this run's campaign that can have trials by now."""
    campaign = current_campaign(search, warehouse.database)
    plans = phase_plans(search, warehouse, 1)
    if is_of(campaign, read_winner(warehouse.layout)):
        plans += phase_plans(search, warehouse, 2)
    return plans


def records_of(warehouse: WarehouseResource, plans: list[StudyPlan]) -> list[Json]:
    """Read the search's own record of some studies, one row per trial."""
    return results.records_of(warehouse.database, plans)


def collect(warehouse: WarehouseResource, plans: list[StudyPlan]) -> list[Json]:
    """Bring the finished trials of some studies into ledger and database, and return their rows."""
    return results.collect(warehouse.database, plans)


def decide_phase1(search: SearchResource, warehouse: WarehouseResource) -> Json:
    """Write phase1_winner.json, and return it."""
    campaign = current_campaign(search, warehouse.database)
    database, name = warehouse.database, campaign.name
    trials = results.complete_trials(database, name, 1)
    winner = phase1_winner(trials, results.n_done_by_study(database, name))
    write_json(warehouse.layout.phase1_winner, winner)
    return winner


def decide_phase2(search: SearchResource, warehouse: WarehouseResource) -> Json:
    """Write phase2_comparison.json, and return it."""
    campaign = current_campaign(search, warehouse.database)
    trials = results.complete_trials(warehouse.database, campaign.name, 2)
    winner = winner_of(warehouse.layout, campaign)
    n_done = results.n_done_by_study(warehouse.database, campaign.name)
    comparison = phase2_comparison(trials, n_done, winner, now=datetime.now(UTC))
    write_json(warehouse.layout.phase2_comparison, comparison)
    return comparison


def winner_of(layout: WarehouseLayout, campaign: Campaign) -> Json:
    """Read the outcome of phase 1.

    Raises:
        WarehouseError: If there is none, or it is another campaign's.
    """
    winner = read_winner(layout)
    if winner is None or not is_of(campaign, winner):
        raise WarehouseError(
            f"{layout.phase1_winner} is not of {campaign.name}: materialise `phase1_winner` first."
        )
    return winner


def read_winner(layout: WarehouseLayout) -> Json | None:
    """Read phase1_winner.json, whose ever it is; None where there is none."""
    return read_json(layout.phase1_winner) if layout.phase1_winner.is_file() else None


def is_of(campaign: Campaign, outcome: Json | None) -> bool:
    """Tell whether an outcome comes from a study of a campaign."""
    return outcome is not None and outcome["study_name"].partition("/")[0] == campaign.name


def _phase2_of_any_winner(layout: WarehouseLayout, campaign: Campaign) -> list[StudyPlan]:
    return [
        plan
        for timeframe, interval in campaign.budget.combinations
        for plan in plan_phase2(
            campaign,
            {"timeframe": timeframe, "interval": interval},
            find_arrays(layout, campaign, interval, enhanced=True),
        )
    ]
