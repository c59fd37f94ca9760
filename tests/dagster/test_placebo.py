"""The placebo as a job, and when it runs."""

import dagster as dg

from cappuccino_assets.definitions import defs
from cappuccino_assets.jobs import placebo
from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.resources import SearchResource, WarehouseResource
from tests.placebo.made import finalist, keep, study


def test_the_job_reports_what_is_there(tmp_path):
    warehouse = WarehouseResource(root=str(tmp_path))
    for arm in (Arm.NULL, Arm.RANDOM):
        keep(warehouse.layout, study(0, finalist(), arm=arm))
    result = placebo.execute_in_process(
        run_config={"ops": {"run_placebo_studies": {"config": {"n_studies": 1}}}},
        resources={"search": SearchResource(), "warehouse": warehouse},
    )
    (event,) = [each for each in result.all_events if each.is_successful_output]
    metadata = event.step_output_data.metadata
    rows = [record.data for record in metadata["arms"].value.records]
    assert [(row["arm"], row["n_promoting"]) for row in rows] == [
        ("null", 1),
        ("random", 1),
        ("null and random", 2),
    ]
    assert metadata["goal_is_shown"].value is False
    assert warehouse.layout.placebo_report.is_file()


def test_the_schedule_is_the_first_of_the_month_and_off_until_asked_for():
    schedule = defs.resolve_schedule_def("monthly_placebo")
    assert schedule.cron_schedule == "0 1 1 * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "placebo"
