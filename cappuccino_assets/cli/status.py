"""`cappuccino status`: how the active campaign stands, and who is at work."""

from typing import TYPE_CHECKING

from cappuccino_assets.cli.output import AsJson, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.storage.warehouse import Warehouse


def status(as_json: AsJson = False) -> None:
    """Show the active campaign, who is at work, who follows another one, and runs without an end.

    Runs that a killed process left behind are closed as failed.
    """
    from cappuccino_assets.reports.standing import campaign_standing
    from cappuccino_assets.storage.warehouse import Warehouse

    warehouse = Warehouse(configured_layout(current_settings()))
    standing = campaign_standing(warehouse) | {"now": {**_work(warehouse), **_runs()}}
    if as_json:
        print_json(standing)
    else:
        from cappuccino_assets.cli.screens import print_status

        print_status(standing)


def _work(warehouse: "Warehouse") -> Json:
    from cappuccino_assets.reports.following import campaign_following
    from cappuccino_assets.reports.workers_at_work import workers_at_work
    from cappuccino_assets.storage.locks import is_held_elsewhere
    from cappuccino_assets.tuning.studies import GRACE_S

    workers = workers_at_work(warehouse.layout, grace_s=GRACE_S)
    return {
        "search_is_under_way": is_held_elsewhere(warehouse.layout.search_lock),
        "workers": [worker.to_json() for worker in workers],
        "following": campaign_following(warehouse).to_json(),
    }


def _runs() -> Json:
    from cappuccino_assets.cli.instance import database_faults, open_instance
    from cappuccino_assets.ops.runs import close_dead_runs, unfinished_runs

    with database_faults(), open_instance() as instance:
        closed = close_dead_runs(instance)
        unfinished = unfinished_runs(instance)
    return {
        "unfinished_runs": [run.to_json() for run in unfinished],
        "closed_runs": [run.to_json() for run in closed],
    }
