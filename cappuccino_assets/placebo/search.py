"""A whole small campaign on a simulated market, from its bars to its archive."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cappuccino_assets.features.arrays import build_feature_arrays, load_arrays, save_arrays
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.entries import ArchiveEntry
from cappuccino_assets.registry.judging import Jury
from cappuccino_assets.registry.limits import DEFAULT_LIMITS, GateLimits
from cappuccino_assets.registry.selection import rule_of
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.training.compute import ANYWHERE
from cappuccino_assets.tuning.campaign import Campaign, new_campaign
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.phases import phase1_winner, plan_phase1, plan_phase2
from cappuccino_assets.tuning.plans import StudyPlan, require_enough_history
from cappuccino_assets.tuning.profiles import PLACEBO
from cappuccino_assets.tuning.results import collect, complete_trials, n_done_by_study
from cappuccino_assets.tuning.retrains import run_here
from cappuccino_assets.tuning.studies import study_storage
from cappuccino_assets.tuning.worker import objective_of

NAME: Final = "placebo"


def search_and_archive(
    source: SimulatedSource, warehouse: Warehouse, limits: GateLimits = DEFAULT_LIMITS
) -> list[ArchiveEntry]:
    """Search a market in two phases, judge the best trials and archive them, in this process.

    Every step is that of any other campaign, with the budget of the profile `placebo`; the seed of
    the campaign is the market's.

    Args:
        source: The market.
        warehouse: An empty one.
        limits: Of the gate.

    Returns:
        The entries, best first; none where every trial stood aside in some split.

    Raises:
        HistoryTooShortError: If the bars do not suffice.
        TrialFailedError: If several trials fail in a row.
    """
    bars = source.fetch_bars()
    campaign = begin(source, bars, warehouse)
    arrays = {
        enhanced: save_arrays(
            warehouse.layout.features / ("enhanced" if enhanced else "plain"),
            build_feature_arrays(grid_from_bars(bars), enhanced=enhanced),
        )
        for enhanced in (False, True)
    }
    _run(plan_phase1(campaign, {bars.interval: arrays[False]}), warehouse)
    trials = complete_trials(warehouse, NAME, 1)
    winner = phase1_winner(trials, n_done_by_study(warehouse, NAME))
    plans = plan_phase2(campaign, winner, arrays[True])
    _run(plans, warehouse)
    jury = Jury(
        warehouse=warehouse,
        campaign=NAME,
        plans={plan.study_name: plan for plan in plans},
        run=run_here,
        limits=limits,
    )
    return archive_trials(warehouse.layout, warehouse, NAME, jury.judge, rule_of(campaign.profile))


def begin(source: SimulatedSource, bars: Bars, warehouse: Warehouse) -> Campaign:
    """Begin the one campaign of a warehouse."""
    closed_at = bars.end + timedelta(seconds=bars.interval.seconds)
    campaign = new_campaign(
        name=NAME,
        profile=PLACEBO.name,
        seed=source.seed,
        source=source.name,
        symbols=bars.symbols,
        dataset_digests={bars.interval: bars.digest},
        history=(bars.start.astimezone(UTC), closed_at.astimezone(UTC)),
        now=datetime.now(UTC),
    )
    warehouse.activate_campaign(campaign.to_json())
    return campaign


def _run(plans: Sequence[StudyPlan], warehouse: Warehouse) -> None:
    """Run every study to its target, one trial after the other, and collect what came of them."""
    layout = warehouse.layout
    for plan in plans:
        require_enough_history(plan, load_arrays(plan.arrays))
    with study_storage(layout) as storage:
        for plan in plans:
            top_up(plan, layout, storage, objective_of(plan, layout, ANYWHERE))
    collect(warehouse, plans)
