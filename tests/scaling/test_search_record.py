"""What readers see of a search is the same on a file and on a server."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.reports.search_record import finished_trials, study_counts, top_set
from cappuccino_assets.storage.artifacts import push_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.study_database import reading
from cappuccino_assets.tuning.studies import study_storage
from tests.registry.trials import leave_trial, trial_config

PPO = "winter/phase2_ppo"


def tell(layout: WarehouseLayout, name: str, values: list[float | None]) -> None:
    """Add a trial for each value, complete ones; a failed one where it is None."""
    with study_storage(layout) as storage:
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
        for value in values:
            state = TrialState.FAIL if value is None else TrialState.COMPLETE
            study.add_trial(optuna.trial.create_trial(state=state, value=value))


def leave(layout: WarehouseLayout, values: list[float], *, no_trades: bool = False) -> None:
    config = trial_config("ppo")
    for number, value in enumerate(values):
        leave_trial(layout, number, value, campaign="winter", config=config, no_trades=no_trades)


def test_trials_are_counted_by_state(layout: WarehouseLayout) -> None:
    tell(layout, "winter/phase2_ppo", [-0.5, None, -0.25])
    tell(layout, "winter/phase2_DDQN", [None])
    tell(layout, "winterly/phase2_ppo", [1.0])
    assert study_counts(layout, "winter") == [
        {
            "study_name": "winter/phase2_DDQN",
            "n_complete": 0,
            "n_pruned": 0,
            "n_failed": 1,
            "n_running": 0,
            "best_score": None,
        },
        {
            "study_name": "winter/phase2_ppo",
            "n_complete": 2,
            "n_pruned": 0,
            "n_failed": 1,
            "n_running": 0,
            "best_score": -0.25,
        },
    ]


def test_finished_trials_are_those_of_all_studies(layout: WarehouseLayout) -> None:
    tell(layout, "b", [0.5, None])
    tell(layout, "B", [0.25])
    expected = {("B", 0): ("COMPLETE", 0.25), ("b", 0): ("COMPLETE", 0.5), ("b", 1): ("FAIL", None)}
    assert list(finished_trials(layout).items()) == list(expected.items())


def test_the_best_come_first_and_of_equals_the_first(layout: WarehouseLayout) -> None:
    scores = [-0.5, 0.5, -0.25, 0.5]
    tell(layout, PPO, list(scores))
    leave(layout, scores)
    assert top_set(layout, "winter", n=3) == [(PPO, 1), (PPO, 3), (PPO, 2)]


def test_equals_of_two_studies_are_in_the_order_of_their_names(layout: WarehouseLayout) -> None:
    for algorithm in ("ppo", "ddqn"):
        tell(layout, f"winter/phase2_{algorithm}", [0.5])
        leave_trial(layout, 0, 0.5, campaign="winter", config=trial_config(algorithm))
    assert [name for name, _ in top_set(layout, "winter")] == ["winter/phase2_ddqn", PPO]


def test_who_did_not_trade_is_passed_over(layout: WarehouseLayout) -> None:
    tell(layout, PPO, [0.5])
    leave(layout, [0.5], no_trades=True)
    assert top_set(layout, "winter") == []


def test_before_the_first_study_there_is_nothing(layout: WarehouseLayout) -> None:
    assert study_counts(layout, "winter") == []
    assert finished_trials(layout) == {}
    assert top_set(layout, "winter") == []
    assert not layout.studies.exists()


def test_a_result_of_another_machine_is_fetched(layout: WarehouseLayout, tmp_path: Path) -> None:
    here = replace(layout, artifacts_url=(tmp_path / "shared").as_uri())
    there = replace(here, root=tmp_path / "there")
    tell(here, PPO, [0.5])
    with pytest.raises(IntegrityError, match="left no"):
        top_set(here, "winter")
    leave(there, [0.5])
    push_folder(there, there.trial(PPO, 0))
    assert top_set(here, "winter") == [(PPO, 0)]


def test_a_reader_can_write_nothing(layout: WarehouseLayout) -> None:
    tell(layout, PPO, [0.5])
    with reading(layout) as connection:
        assert connection is not None
        with pytest.raises(DBAPIError, match=r"read-?only"):
            connection.execute(text("DELETE FROM studies"))
    assert len(finished_trials(layout)) == 1


def test_a_reader_waits_for_no_writer(layout: WarehouseLayout) -> None:
    tell(layout, PPO, [0.5])
    with study_storage(layout) as storage, storage.engine.begin() as writer:
        writer.execute(text("UPDATE trial_values SET value = 0.75"))
        assert finished_trials(layout) == {(PPO, 0): ("COMPLETE", 0.5)}


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2")
    nobody = "postgresql+psycopg2://cappuccino@127.0.0.1:1/none"
    layout = WarehouseLayout(root=tmp_path, studies_url=nobody)
    with pytest.raises(WarehouseError, match="does not answer"):
        study_counts(layout, "winter")


def test_a_sensor_loads_neither_optuna_nor_torch() -> None:
    program = (
        "import sys, cappuccino_assets.reports.search_record\n"
        "assert not {'optuna', 'torch', 'psycopg2'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
