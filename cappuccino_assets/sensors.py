"""What starts things when something has happened."""

from typing import Final

import dagster as dg

from cappuccino_assets.jobs import sync_ensemble
from cappuccino_assets.resources import WarehouseResource
from cappuccino_assets.settings import current_settings

_CAMPAIGN_TAG: Final = "cappuccino/campaign"
_TOP_SET_TAG: Final = "cappuccino/top_set"
_FINISHED: Final = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
_settings = current_settings()


@dg.sensor(
    job=sync_ensemble,
    minimum_interval_seconds=_settings.top_trials_sensor_interval_s,
    default_status=dg.DefaultSensorStatus.RUNNING
    if _settings.top_trials_sensor_enabled
    else dg.DefaultSensorStatus.STOPPED,
    description="The best trials of the active campaign have changed: publishes them.",
)
def new_top_trials(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.SensorResult | dg.SkipReason:
    """Compare the top set of the active campaign with the members of the manifest in force.

    A set is asked for once while its run is under way, and again when that run has failed; not
    when it was rolled back from, or refused beside the ensemble of another campaign.
    """
    from cappuccino_assets.reports.search_record import top_set
    from cappuccino_assets.storage.member_sets import member_set_digest

    active = warehouse.database.active_campaign()
    if active is None:
        return dg.SkipReason("No campaign was begun yet.")
    campaign = active["campaign"]
    top = top_set(warehouse.layout, campaign)
    if not top:
        return dg.SkipReason(f"{campaign} has no complete trial of phase 2 yet.")
    digest = member_set_digest(top)
    if reason := _why_not(warehouse, campaign, digest):
        return dg.SkipReason(reason)
    if _is_under_way(context.instance, digest):
        return dg.SkipReason("A run is publishing the best trials.")
    tags = {_CAMPAIGN_TAG: campaign, _TOP_SET_TAG: digest}
    return dg.SensorResult(run_requests=[dg.RunRequest(tags=tags)])


def _why_not(warehouse: WarehouseResource, campaign: str, member_set: str) -> str | None:
    from cappuccino_assets.registry.in_force import ensemble_in_force, why_it_stays

    in_force = ensemble_in_force(warehouse.layout)
    if in_force is None:
        return None
    if member_set == in_force.member_set:
        return "The best trials are those of the manifest."
    replaces = _settings.replace_incomparable
    return why_it_stays(
        warehouse.database, campaign, member_set, in_force, replace_incomparable=replaces
    )


def _is_under_way(instance: dg.DagsterInstance, digest: str) -> bool:
    unfinished = [status for status in dg.DagsterRunStatus if status not in _FINISHED]
    runs = dg.RunsFilter(tags={_TOP_SET_TAG: digest}, statuses=unfinished)
    return bool(instance.get_run_records(runs, limit=1))
