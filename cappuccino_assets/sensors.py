"""What starts things when something has happened."""

import dagster as dg

from cappuccino_assets.jobs import sync_ensemble
from cappuccino_assets.resources import WarehouseResource
from cappuccino_assets.settings import current_settings

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
    """Compare the top set of the active campaign with the cursor, the last one's digest."""
    from cappuccino_assets.reports.search_record import top_set
    from cappuccino_assets.storage.files import canonical_json, sha256_of

    campaign = warehouse.database.active_campaign()
    if campaign is None:
        return dg.SkipReason("No campaign was begun yet.")
    top = top_set(warehouse.layout.studies, campaign["campaign"])
    if not top:
        return dg.SkipReason(f"{campaign['campaign']} has no complete trial of phase 2 yet.")
    digest = sha256_of(canonical_json(top).encode())
    if digest == context.cursor:
        return dg.SkipReason("The best trials are the same as before.")
    request = dg.RunRequest(tags={"cappuccino/campaign": campaign["campaign"]})
    return dg.SensorResult(run_requests=[request], cursor=digest)
