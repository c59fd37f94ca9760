"""The archive stage: choose, train anew, open the hold-out, judge, and write entries."""

from functools import partial

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.ops.phases import phase_plans
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.entries import ArchiveEntry
from cappuccino_assets.registry.judging import Jury
from cappuccino_assets.registry.selection import rule_of
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.tuning.campaign import is_searched
from cappuccino_assets.tuning.workers import run_tasks


def archive_campaign(search: SearchResource, warehouse: WarehouseResource) -> list[ArchiveEntry]:
    """Judge the best trials of this run's campaign and archive them; twice changes nothing.

    Raises:
        WarehouseError: If the search is not done.
        IntegrityError: If a chosen trial, the ledger or the archive is damaged.
        WorkerError: If a worker that trains anew dies.
    """
    campaign = current_campaign(search, warehouse.database)
    if not is_searched(warehouse.database, campaign):
        raise WarehouseError(
            f"{campaign.name} is not searched to its end, and its best trials are judged once: "
            "materialise `phase2_trials` and `trial_metrics` first."
        )
    plans = phase_plans(search, warehouse, 2)
    jury = Jury(
        warehouse=warehouse.database,
        campaign=campaign.name,
        plans={plan.study_name: plan for plan in plans},
        run=partial(run_tasks, n_workers=search.settings.workers, compute=search.compute),
    )
    rule = rule_of(campaign.profile)
    return archive_trials(warehouse.layout, warehouse.database, campaign.name, jury.judge, rule)
