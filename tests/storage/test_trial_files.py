from datetime import UTC, datetime, timedelta, timezone

import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.storage.warehouse import Warehouse

STUDY = {
    "campaign": "c",
    "phase": 2,
    "algorithm": "ppo",
    "timeframe": "7d",
    "interval": "1h",
    "dataset_digest": "d1",
}
SPLIT = {
    "split": 0,
    "test_groups": [0, 1],
    "sharpe_bot": 1.0,
    "sharpe_hodl": 0.5,
    "total_return": 0.1,
    "max_drawdown": 0.2,
    "n_bars": 100,
    "n_trades": 3,
    "fees_usd": 1.25,
    "turnover": 4.0,
    "no_trades": False,
}
RESULT = {
    "study_name": "c/phase2_ppo",
    "number": 7,
    **STUDY,
    "seed": 11,
    "score": 0.25,
    "sharpe_bot": 1.0,
    "sharpe_hodl": 0.5,
    "sharpe_hodl_cycled": 0.4,
    "flags": [],
    "n_bars_evaluated": 200,
    "n_steps": 8192,
    "duration_s": 3.0,
    "training_s": 2.0,
    "evaluation_s": 1.0,
    "model_sha256": "ab" * 32,
    "contract_hash": "cd" * 32,
    "code_version": "0.1.0",
    "started_at": "2026-02-14T01:00:00+00:00",
    "completed_at": "2026-02-14T01:00:03+00:00",
    "params": {"batch_size": 2048, "lr_schedule": "linear"},
    "splits": [SPLIT, SPLIT | {"split": 1, "test_groups": [0, 2]}],
}
EFFORT = ("seed", "n_steps", "duration_s", "training_s", "evaluation_s", "code_version")


@pytest.fixture
def layout(tmp_path):
    return WarehouseLayout(root=tmp_path)


def record(**fields):
    return {
        "study_name": "c/phase2_ppo",
        "number": 7,
        **STUDY,
        "state": "COMPLETE",
        "value": 0.25,
        "params": {"batch_size": 2048, "lr_schedule": "linear"},
        "started_at": datetime(2026, 2, 14, 1, tzinfo=UTC),
        "completed_at": datetime(2026, 2, 14, 1, 0, 3, tzinfo=UTC),
    } | fields


def leave(layout, **fields):
    write_json(layout.trial("c/phase2_ppo", 7) / "trial.json", RESULT | fields)


def test_a_complete_trial_becomes_rows_that_the_warehouse_takes(layout):
    leave(layout)
    rows = trial_rows([record()], layout)
    warehouse = Warehouse(layout)
    warehouse.ingest(rows.trials, rows.params, rows.splits)
    (trial,) = warehouse.query("SELECT * FROM trials").to_dicts()
    assert (trial["score"], trial["n_steps"], trial["no_trades"]) == (0.25, 8192, False)
    assert trial["completed_at"] == datetime(2026, 2, 14, 1, 0, 3, tzinfo=UTC)
    params = warehouse.query("SELECT * FROM trial_params ORDER BY parameter").to_dicts()
    assert [(p["parameter"], p["value"], p["value_number"]) for p in params] == [
        ("batch_size", "2048", 2048.0),
        ("lr_schedule", '"linear"', None),
    ]
    splits = warehouse.query("SELECT * FROM trial_splits ORDER BY split").to_dicts()
    assert [split["test_groups"] for split in splits] == [[0, 1], [0, 2]]


def leave_pruned(layout, **fields):
    pruned = {name: RESULT[name] for name in (*EFFORT, *STUDY, "study_name", "number", "params")}
    write_json(layout.trial("c/phase2_ppo", 7) / "pruned.json", pruned | fields)


@pytest.mark.parametrize("state", ["FAIL", "PRUNED"])
def test_a_trial_without_a_result_is_a_row_with_its_parameters(layout, state):
    leave_pruned(layout)
    in_cet = datetime(2026, 2, 14, 2, tzinfo=timezone(timedelta(hours=1)))
    rows = trial_rows([record(state=state, value=None, started_at=in_cet)], layout)
    Warehouse(layout).ingest(rows.trials, rows.params, rows.splits)
    (trial,) = Warehouse(layout).query("SELECT * FROM trials").to_dicts()
    assert (trial["state"], trial["score"], trial["algorithm"]) == (state, None, "ppo")
    assert trial["started_at"] == datetime(2026, 2, 14, 1, tzinfo=UTC)
    assert [param["parameter"] for param in rows.params] == ["batch_size", "lr_schedule"]


def test_a_pruned_trial_tells_the_steps_that_it_took_and_no_result(layout):
    leave_pruned(layout, n_steps=2048, unfinished_splits=[SPLIT])
    rows = trial_rows([record(state="PRUNED", value=None)], layout)
    Warehouse(layout).ingest(rows.trials, rows.params, rows.splits)
    (trial,) = Warehouse(layout).query("SELECT * FROM trials").to_dicts()
    assert (trial["n_steps"], trial["training_s"], trial["seed"]) == (2048, 2.0, 11)
    assert (trial["score"], trial["sharpe_bot"], trial["model_sha256"]) == (None, None, None)
    assert rows.splits == []


def test_a_pruned_trial_is_no_complete_one(layout):
    leave_pruned(layout)
    with pytest.raises(IntegrityError, match=r"is complete but left no .*trial\.json"):
        trial_rows([record()], layout)


def test_a_pruned_trial_without_its_own_files_is_refused(layout):
    leave(layout)
    with pytest.raises(IntegrityError, match=r"is pruned but left no .*pruned\.json"):
        trial_rows([record(state="PRUNED")], layout)
    leave_pruned(layout, dataset_digest="d2")
    with pytest.raises(IntegrityError, match="dataset_digest is 'd2', but its study says 'd1'"):
        trial_rows([record(state="PRUNED")], layout)


def test_a_naive_time_is_local_as_in_optuna(layout):
    local = datetime(2026, 2, 14, 1, tzinfo=UTC).astimezone().replace(tzinfo=None)
    rows = trial_rows([record(state="FAIL", started_at=local)], layout)
    assert rows.trials[0]["started_at"] == datetime(2026, 2, 14, 1, tzinfo=UTC)


@pytest.mark.parametrize("state", ["RUNNING", "WAITING"])
def test_an_unfinished_trial_is_no_row(layout, state):
    assert trial_rows([record(state=state)], layout).trials == []


def test_a_trial_traded_only_when_all_its_splits_did(layout):
    leave(layout, splits=[SPLIT, SPLIT | {"split": 1, "no_trades": True}])
    assert trial_rows([record()], layout).trials[0]["no_trades"] is True


def test_a_complete_trial_without_files_is_refused(layout):
    with pytest.raises(IntegrityError, match=r"Trial 7 of 'c/phase2_ppo' .* left no"):
        trial_rows([record()], layout)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"study_name": "other/phase2_ppo"}, "belongs to trial 7 of 'other/phase2_ppo'"),
        ({"number": 8}, "belongs to trial 8"),
        ({"dataset_digest": "d2"}, "dataset_digest is 'd2', but its study says 'd1'"),
        ({"score": -0.25}, "score is -0.25, but its study says 0.25"),
        ({"splits": [{"split": 0}]}, "lacks 'test_groups'"),
    ],
)
def test_incident_21_files_that_are_not_this_trials_are_refused(layout, fields, fault):
    leave(layout, **fields)
    with pytest.raises(IntegrityError, match=fault):
        trial_rows([record()], layout)


@pytest.mark.parametrize("key", ["score", "params", "model_sha256", "study_name", "phase"])
def test_a_result_that_lacks_a_key_is_refused(layout, key):
    result = {name: value for name, value in RESULT.items() if name != key}
    write_json(layout.trial("c/phase2_ppo", 7) / "trial.json", result)
    with pytest.raises(IntegrityError, match=f"lacks '{key}'"):
        trial_rows([record()], layout)
