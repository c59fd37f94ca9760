"""The sensor `new_top_trials`."""

from datetime import UTC, datetime

import dagster as dg
import optuna
import pytest

from cappuccino_assets.reports.search_record import study_counts, top_set
from cappuccino_assets.resources import WarehouseResource
from cappuccino_assets.sensors import new_top_trials


@pytest.fixture
def warehouse(tmp_path):
    return WarehouseResource(root=str(tmp_path))


@pytest.fixture
def campaign(warehouse):
    warehouse.database.activate_campaign(
        {
            "name": "winter",
            "profile": "mini",
            "seed": 0,
            "source": "simulated",
            "started_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        }
    )
    return "winter"


def add_trials(warehouse, study_name, values):
    study = optuna.create_study(
        storage=f"sqlite:///{warehouse.layout.studies}",
        study_name=study_name,
        direction="maximize",
        load_if_exists=True,
    )
    for value in values:
        study.tell(study.ask(), value)
    return study


def evaluate(warehouse, cursor=None):
    context = dg.build_sensor_context(cursor=cursor, resources={"warehouse": warehouse})
    return new_top_trials(context)


def test_it_waits_for_a_campaign(warehouse):
    result = evaluate(warehouse)
    assert isinstance(result, dg.SkipReason)
    assert "No campaign" in result.skip_message


def test_it_waits_for_a_trial_of_phase_2(warehouse, campaign):
    add_trials(warehouse, "winter/phase1_7d_1h", [1.0])
    add_trials(warehouse, "summer/phase2_ppo", [1.0])
    result = evaluate(warehouse)
    assert isinstance(result, dg.SkipReason)
    assert "winter has no complete trial" in result.skip_message


def test_it_asks_for_a_sync_once_per_top_set(warehouse, campaign):
    add_trials(warehouse, "winter/phase2_ppo", [-0.5, 0.1])
    first = evaluate(warehouse)
    assert len(first.run_requests) == 1
    assert isinstance(evaluate(warehouse, first.cursor), dg.SkipReason)
    add_trials(warehouse, "winter/phase2_ddqn", [-2.0])
    second = evaluate(warehouse, first.cursor)
    assert len(second.run_requests) == 1
    assert second.cursor != first.cursor


def test_incident_24_the_top_set_is_by_signed_score_with_negative_ones_last(warehouse, campaign):
    add_trials(warehouse, "winter/phase2_ppo", [-3.0, 0.2, -0.1])
    add_trials(warehouse, "winter/phase2_ddqn", [0.1])
    assert top_set(warehouse.layout.studies, "winter", n=3) == [
        ("winter/phase2_ppo", 1),
        ("winter/phase2_ddqn", 0),
        ("winter/phase2_ppo", 2),
    ]


def test_a_trial_below_the_top_set_changes_nothing(warehouse, campaign):
    add_trials(warehouse, "winter/phase2_ppo", [float(value) for value in range(10)])
    first = evaluate(warehouse)
    add_trials(warehouse, "winter/phase2_ppo", [-1.0])
    assert isinstance(evaluate(warehouse, first.cursor), dg.SkipReason)


def test_trials_are_counted_by_state(warehouse):
    study = add_trials(warehouse, "winter/phase2_ppo", [0.5, 0.25])
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    study.ask()
    assert study_counts(warehouse.layout.studies, "winter") == [
        {
            "study_name": "winter/phase2_ppo",
            "n_complete": 2,
            "n_pruned": 0,
            "n_failed": 1,
            "n_running": 1,
            "best_score": 0.5,
        }
    ]
