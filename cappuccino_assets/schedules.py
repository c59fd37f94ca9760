"""When things run by themselves."""

import dagster as dg

from cappuccino_assets.jobs import placebo, two_phase_training
from cappuccino_assets.settings import current_settings

_settings = current_settings()


def _status(enabled: bool) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if enabled else dg.DefaultScheduleStatus.STOPPED


weekly_training = dg.ScheduleDefinition(
    name="weekly_training",
    job=two_phase_training,
    cron_schedule="0 2 * * 0",  # Sunday 02:00
    execution_timezone=_settings.schedule_timezone,
    default_status=_status(_settings.schedule_enabled),
    description="A search of two phases every Sunday at 02:00, with the profile of the settings.",
)
monthly_placebo = dg.ScheduleDefinition(
    name="monthly_placebo",
    job=placebo,
    cron_schedule="0 1 1 * *",
    execution_timezone=_settings.schedule_timezone,
    default_status=_status(_settings.placebo_schedule_enabled),
    description="The searches of the placebo that are missing, on the 1st of every month at 01:00.",
)
