"""When things run by themselves."""

import dagster as dg

from cappuccino_assets.jobs import two_phase_training
from cappuccino_assets.settings import current_settings

_settings = current_settings()

weekly_training = dg.ScheduleDefinition(
    name="weekly_training",
    job=two_phase_training,
    cron_schedule="0 2 * * 0",  # Sunday 02:00
    execution_timezone=_settings.schedule_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING
    if _settings.schedule_enabled
    else dg.DefaultScheduleStatus.STOPPED,
    description="A search of two phases every Sunday at 02:00, with the profile of the settings.",
)
