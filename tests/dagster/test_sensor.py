"""The sensor `new_top_trials`."""

from uuid import uuid4

import dagster as dg
import optuna
import pytest

from cappuccino_assets.errors import ManifestError, WarehouseError
from cappuccino_assets.live.publish import publish_manifest
from cappuccino_assets.live.rollback import roll_back
from cappuccino_assets.reports.search_record import study_counts, top_set
from cappuccino_assets.resources import WarehouseResource
from cappuccino_assets.sensors import new_top_trials
from cappuccino_assets.storage.files import read_json
from tests.live.campaigns import begin, finish_search
from tests.registry.trials import ingest, leave_trial, trial_config

CONFIGS = {"phase2_ppo": "ppo", "phase2_ddqn": "ddqn"}


@pytest.fixture
def warehouse(tmp_path):
    return WarehouseResource(root=str(tmp_path))


@pytest.fixture
def campaign(warehouse):
    begin(warehouse.database, "winter")
    return "winter"


def add_trials(warehouse, study_name, values, *, no_trades=False):
    """Leave complete trials in Optuna's record, with the files of each."""
    campaign, _, study_part = study_name.partition("/")
    layout = warehouse.layout
    layout.root.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{warehouse.layout.studies}",
        study_name=study_name,
        direction="maximize",
        load_if_exists=True,
    )
    for value in values:
        trial = study.ask()
        if study_part in CONFIGS:
            leave_trial(
                layout,
                trial.number,
                value,
                campaign=campaign,
                config=trial_config(CONFIGS[study_part]),
                no_trades=no_trades,
            )
        study.tell(trial, value)
    return study


def no_arrays():
    raise WarehouseError("No arrays are stored.")


def sync(warehouse, campaign="winter", *, find_bars=None):
    """Record the complete trials and publish them, as the requested run does."""
    layout, database = warehouse.layout, warehouse.database
    records = []
    for path in sorted(layout.trials.rglob("trial.json")):
        result = read_json(path)
        records.append(result | {"state": "COMPLETE", "value": result["score"]})
    ingest(database, records)
    return publish_manifest(layout, database, campaign, find_bars=find_bars).manifest


def record_run(instance, request, status):
    """Record the requested run at a status, as the daemon does."""
    run = dg.DagsterRun(
        job_name="sync_ensemble", run_id=str(uuid4()), tags=request.tags, status=status
    )
    return instance.add_run(run)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def evaluate(warehouse, instance):
    def evaluate_once():
        resources = {"warehouse": warehouse}
        return new_top_trials(dg.build_sensor_context(instance=instance, resources=resources))

    return evaluate_once


def test_it_waits_for_a_campaign(evaluate):
    result = evaluate()
    assert isinstance(result, dg.SkipReason)
    assert "No campaign" in result.skip_message


def test_it_waits_for_a_trial_of_phase_2(warehouse, campaign, evaluate):
    add_trials(warehouse, "winter/phase1_7d_1h", [1.0])
    add_trials(warehouse, "summer/phase2_ppo", [1.0])
    result = evaluate()
    assert isinstance(result, dg.SkipReason)
    assert "winter has no complete trial" in result.skip_message


def test_it_asks_for_a_sync_until_the_manifest_holds_the_top_set(warehouse, campaign, evaluate):
    add_trials(warehouse, "winter/phase2_ppo", [-0.5, 0.1])
    (first,) = evaluate().run_requests
    assert sync(warehouse).generation == 1
    assert "those of the manifest" in evaluate().skip_message
    add_trials(warehouse, "winter/phase2_ddqn", [-2.0])
    (second,) = evaluate().run_requests
    assert second.tags["cappuccino/top_set"] != first.tags["cappuccino/top_set"]
    assert sync(warehouse).generation == 2
    assert "those of the manifest" in evaluate().skip_message


def test_it_asks_once_while_a_run_is_under_way_and_again_when_it_failed(
    warehouse, campaign, evaluate, instance
):
    add_trials(warehouse, "winter/phase2_ppo", [0.1])
    (request,) = evaluate().run_requests
    run = record_run(instance, request, dg.DagsterRunStatus.STARTED)
    assert "is publishing" in evaluate().skip_message
    instance.delete_run(run.run_id)
    record_run(instance, request, dg.DagsterRunStatus.FAILURE)
    (again,) = evaluate().run_requests
    assert again.tags == request.tags
    record_run(instance, again, dg.DagsterRunStatus.STARTING)
    add_trials(warehouse, "winter/phase2_ppo", [0.2])  # another set than the one under way
    assert len(evaluate().run_requests) == 1


@pytest.fixture
def summer(warehouse, campaign):
    """The manifest of winter is in force, and summer is searched to its end."""
    add_trials(warehouse, "winter/phase2_ppo", [0.1])
    sync(warehouse)
    begin(warehouse.database, "summer")
    add_trials(warehouse, "summer/phase2_ppo", [0.1])
    finish_search(warehouse.database, "summer")
    return "summer"


def test_incident_23_a_manifest_of_another_campaign_is_asked_to_be_replaced(summer, evaluate):
    (request,) = evaluate().run_requests
    assert request.tags["cappuccino/campaign"] == "summer"


def test_incident_25_while_a_search_goes_on_the_ensemble_of_another_one_stays(
    warehouse, campaign, evaluate
):
    add_trials(warehouse, "winter/phase2_ppo", [0.1])
    sync(warehouse)
    begin(warehouse.database, "summer")
    add_trials(warehouse, "summer/phase2_ppo", [0.1])
    assert "summer is not searched to its end" in evaluate().skip_message


def test_incident_25_what_was_refused_is_not_asked_for_again(warehouse, summer, evaluate):
    assert len(evaluate().run_requests) == 1
    add_trials(warehouse, "summer/phase2_ppo", [0.2])
    published = sync(warehouse, "summer", find_bars=no_arrays)
    assert published.study_name == "winter"
    assert "No arrays are stored" in evaluate().skip_message
    add_trials(warehouse, "summer/phase2_ppo", [0.3])  # another set
    assert len(evaluate().run_requests) == 1


def test_incident_25_what_was_rolled_back_from_is_not_asked_for_again(
    warehouse, campaign, evaluate
):
    for value in (0.1, 0.2):
        add_trials(warehouse, "winter/phase2_ppo", [value])
        sync(warehouse)
    restored = roll_back(warehouse.layout)
    assert [member.trial_number for member in restored.members] == [0]
    assert "were rolled back from" in evaluate().skip_message
    assert sync(warehouse) == restored
    add_trials(warehouse, "winter/phase2_ppo", [0.3])  # the top set changes
    assert len(evaluate().run_requests) == 1
    assert [member.trial_number for member in sync(warehouse).members] == [2, 1, 0]


def test_a_damaged_manifest_is_an_error(warehouse, campaign, evaluate):
    add_trials(warehouse, "winter/phase2_ppo", [0.1])
    warehouse.layout.ensemble.mkdir()
    warehouse.layout.manifest.write_text("{}")
    with pytest.raises(ManifestError, match="is damaged"):
        evaluate()


def test_incident_24_the_top_set_is_by_signed_score_with_negative_ones_last(warehouse, campaign):
    add_trials(warehouse, "winter/phase2_ppo", [-3.0, 0.2, -0.1])
    add_trials(warehouse, "winter/phase2_ddqn", [0.1])
    assert top_set(warehouse.layout, "winter", n=3) == [
        ("winter/phase2_ppo", 1),
        ("winter/phase2_ddqn", 0),
        ("winter/phase2_ppo", 2),
    ]


def test_a_trial_that_did_not_trade_is_no_part_of_the_top_set(warehouse, campaign, evaluate):
    add_trials(warehouse, "winter/phase2_ppo", [0.9], no_trades=True)
    assert "no complete trial" in evaluate().skip_message
    add_trials(warehouse, "winter/phase2_ppo", [0.1, 0.2])
    expected = [("winter/phase2_ppo", 2), ("winter/phase2_ppo", 1)]
    assert top_set(warehouse.layout, "winter") == expected
    members = sync(warehouse).members
    assert [(member.study_name, member.trial_number) for member in members] == expected
    add_trials(warehouse, "winter/phase2_ppo", [0.8], no_trades=True)
    assert "those of the manifest" in evaluate().skip_message


def test_a_trial_below_the_top_set_changes_nothing(warehouse, campaign, evaluate):
    add_trials(warehouse, "winter/phase2_ppo", [float(value) for value in range(10)])
    sync(warehouse)
    add_trials(warehouse, "winter/phase2_ppo", [-1.0])
    assert "those of the manifest" in evaluate().skip_message


def test_trials_are_counted_by_state(warehouse):
    study = add_trials(warehouse, "winter/phase2_ppo", [0.5, 0.25])
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    study.ask()
    assert study_counts(warehouse.layout, "winter") == [
        {
            "study_name": "winter/phase2_ppo",
            "n_complete": 2,
            "n_pruned": 0,
            "n_failed": 1,
            "n_running": 1,
            "best_score": 0.5,
        }
    ]
