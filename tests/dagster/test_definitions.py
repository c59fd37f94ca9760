"""What Dagster loads: the graph, its checks, the schedule and the sensor."""

import dagster as dg
import pytest

from cappuccino_assets.definitions import defs
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.partitions import COMBINATIONS, combination_key

PARENTS = {
    "raw_bars": set(),
    "feature_arrays": {"raw_bars"},
    "enhanced_feature_arrays": {"feature_arrays"},
    "phase1_combinations": set(),
    "phase1_trials": {"feature_arrays"},
    "phase1_winner": {"phase1_trials"},
    "phase2_trials": {"phase1_winner", "enhanced_feature_arrays"},
    "phase2_comparison": {"phase2_trials"},
    "trial_metrics": {"phase1_trials", "phase2_trials"},
    "hyperparameter_analysis": {"trial_metrics"},
    "overfitting_report": {"phase2_comparison", "trial_metrics"},
    "trial_archive": {"phase2_comparison", "trial_metrics", "overfitting_report"},
    "training_report": {"trial_archive", "hyperparameter_analysis"},
    "ensemble_manifest": {"trial_archive", "trial_metrics"},
}
GROUPS = {"market", "features", "search", "evidence", "registry", "live"}
BLOCKING = {
    "bars_are_whole",
    "few_bars_are_missing",
    "features_keep_their_contract",
    "enhanced_features_keep_their_contract",
    "all_phase1_splits_finished",
    "all_phase2_splits_finished",
    "database_agrees_with_studies",
    "ledger_is_whole",
    "archive_is_whole",
    "gates_are_on_record",
    "members_are_verified",
    "one_campaign_is_followed",
}


@pytest.fixture(scope="module")
def graph():
    dg.Definitions.validate_loadable(defs)
    return defs.resolve_asset_graph()


def test_the_graph_is_that_of_the_architecture(graph):
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == PARENTS


def test_every_asset_says_its_grain_group_and_kinds(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description.startswith("One "), key
        assert node.group_name in GROUPS, key
        assert node.kinds, key


def test_no_executable_asset_is_partitioned(graph):
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def}
    assert partitioned == {dg.AssetKey("phase1_combinations")}
    assert not graph.get(dg.AssetKey("phase1_combinations")).is_executable


def test_the_blocking_checks_are_those_of_the_architecture(graph):
    blocking = {key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == BLOCKING


def test_steps_run_in_one_process():
    assert defs.executor is dg.in_process_executor


def test_the_job_makes_everything_that_can_be_made():
    job = defs.resolve_job_def("two_phase_training")
    made = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert made == set(PARENTS) - {"phase1_combinations"}


def test_the_schedule_is_sunday_at_two_in_a_stated_zone_and_off_until_asked_for():
    schedule = defs.resolve_schedule_def("weekly_training")
    assert schedule.cron_schedule == "0 2 * * 0"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "two_phase_training"


def test_the_sensor_is_off_until_asked_for_and_states_its_interval():
    sensor = defs.resolve_sensor_def("new_top_trials")
    assert sensor.minimum_interval_seconds == 30
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert sensor.job_name == "sync_ensemble"


def test_the_grid_of_phase_1_has_a_cell_per_timeframe_and_interval():
    keys = set(COMBINATIONS.get_partition_keys())
    assert keys == {combination_key(t, i) for t in Timeframe for i in Interval}
    assert len(keys) == 25
