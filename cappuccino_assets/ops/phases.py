"""The studies of each phase of a campaign, what became of their trials, and what that decides."""

from datetime import UTC, datetime

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.features.arrays import FeatureArrays, load_arrays
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.ops.arrays import find_arrays
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
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
    return _plans_after(layout, campaign, winner_of(layout, campaign))


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
    winner = best_of_phase1(warehouse.database, current_campaign(search, warehouse.database))
    write_json(warehouse.layout.phase1_winner, winner)
    return winner


def decide_phase2(search: SearchResource, warehouse: WarehouseResource) -> Json:
    """Write phase2_comparison.json, and return it."""
    campaign = current_campaign(search, warehouse.database)
    winner = winner_of(warehouse.layout, campaign)
    comparison = best_of_phase2(warehouse.database, campaign, winner)
    write_json(warehouse.layout.phase2_comparison, comparison)
    return comparison


def best_of_phase1(database: Warehouse, campaign: Campaign) -> Json:
    """Find out which combination of a campaign has won, from its trials in the database."""
    trials = results.complete_trials(database, campaign.name, 1)
    return phase1_winner(trials, results.n_done_by_study(database, campaign.name))


def best_of_phase2(database: Warehouse, campaign: Campaign, winner: Json) -> Json:
    """Compare the algorithms of a campaign, from its trials in the database."""
    trials = results.complete_trials(database, campaign.name, 2)
    n_done = results.n_done_by_study(database, campaign.name)
    return phase2_comparison(trials, n_done, winner, now=datetime.now(UTC))


def ensemble_bars(
    layout: WarehouseLayout, campaign: Campaign, winner: Json
) -> tuple[FeatureArrays, datetime]:
    """Load the bars that a campaign's ensemble is compared on, and the start of its hold-out.

    Raises:
        WarehouseError: If they are not stored.
    """
    plan = _plans_after(layout, campaign, winner)[0]
    return load_arrays(plan.arrays), plan.holdout_from


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


def _plans_after(layout: WarehouseLayout, campaign: Campaign, winner: Json) -> list[StudyPlan]:
    arrays = find_arrays(layout, campaign, Interval(winner["interval"]), enhanced=True)
    return plan_phase2(campaign, winner, arrays)


def _phase2_of_any_winner(layout: WarehouseLayout, campaign: Campaign) -> list[StudyPlan]:
    return [
        plan
        for timeframe, interval in campaign.budget.combinations
        for plan in _plans_after(layout, campaign, {"timeframe": timeframe, "interval": interval})
    ]
