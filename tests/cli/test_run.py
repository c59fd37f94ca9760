"""A whole search from the command line, on a small simulated market."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from cappuccino_assets.features.arrays import load_arrays
from cappuccino_assets.live.ensemble import Ensemble
from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.partitions import combination_key
from cappuccino_assets.registry.archive import verify_archive
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("cappuccino")
RUN = ("run", "--profile", "mini", "--study", "winter", "--seed", "3")
OUTCOME = {"best_trial_number", "best_value", "best_params", "best_sharpe_bot"}
OUTCOME |= {"best_sharpe_hodl", "n_trials", "study_name"}


class Home:
    """A warehouse and an instance of one test, and the command in them."""

    def __init__(self, folder):
        self.folder = folder
        self.layout = WarehouseLayout(root=folder / "warehouse")
        self.warehouse = Warehouse(self.layout)
        shutil.copy(ROOT / "dagster.yaml", folder)

    @property
    def environment(self):
        return os.environ | {
            "DAGSTER_HOME": str(self.folder),
            "CAPPUCCINO_WAREHOUSE": str(self.layout.root),
            "CAPPUCCINO_HISTORY_MONTHS": "9",
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }

    def cappuccino(self, *arguments):
        done = subprocess.run(
            [COMMAND, *arguments, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def scores(self):
        sql = "SELECT study_name, number, score FROM trials ORDER BY ALL"
        return self.warehouse.query(sql).rows()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def answer(home):
    return home.cappuccino(*RUN, "--workers", "2")


@pytest.fixture(scope="module")
def instance(home, answer):
    before = os.getcwd()
    os.chdir(home.folder)  # the folders in dagster.yaml are relative
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        yield instance
    os.chdir(before)


def test_a_mini_run_is_twenty_trials_of_six_splits(home, answer):
    counts = {each["study_name"]: each["n_complete"] for each in answer["studies"]}
    assert counts == {
        "winter/phase1_5d_1h": 5,
        "winter/phase1_7d_1h": 5,
        "winter/phase2_ddqn": 5,
        "winter/phase2_ppo": 5,
    }
    n_splits = "SELECT count(*) FROM trial_splits"
    assert home.warehouse.query(n_splits).item() == 120


def test_the_outcomes_have_their_keys(home, answer):
    winner = json.loads(home.layout.phase1_winner.read_text())
    assert set(winner) == OUTCOME | {"timeframe", "interval"}
    comparison = json.loads(home.layout.phase2_comparison.read_text())
    assert set(comparison) == {
        "winner",
        "results",
        "phase1_timeframe",
        "phase1_interval",
        "timestamp",
    }
    assert {name: set(result) for name, result in comparison["results"].items()} == {
        "ppo": OUTCOME,
        "ddqn": OUTCOME,
    }
    assert comparison["phase1_timeframe"] == winner["timeframe"]


def test_incident_24_the_winner_has_the_highest_signed_score(home, answer):
    scores = [score for name, _, score in home.scores() if "/phase1_" in name]
    assert answer["phase1_winner"]["best_value"] == max(scores)


def test_every_trial_is_in_the_ledger_once_and_the_ledger_is_whole(home, answer):
    ledger = home.cappuccino("ledger", "verify")
    beside = 2  # the opening of the hold-out for the one finalist, and the decision
    found = (ledger["whole"], ledger["n_rows"], ledger["n_waiting"])
    assert found == (True, 20 + beside, 0)
    assert "of 20 trials" in answer["verdict"]
    assert TrialLedger(home.warehouse).trial_sharpes("winter")["sharpe_excess"].is_finite().all()


def test_the_archive_is_whole_and_its_vins_are_known(home, answer):
    entries = verify_archive(home.layout, home.warehouse)
    assert [entry.vin for entry in entries] == [entry["vin"] for entry in answer["archive"]]
    assert entries, "a mini run ends with something to look at"
    explained = home.cappuccino("vin", entries[0].vin)
    assert explained["archive_entry"]["gated"] is False
    assert explained["archive_entry"]["campaign"] == "winter"


def test_the_ensemble_that_was_published_decides(home, answer):
    ensemble = Ensemble.load(home.layout.manifest)
    (path,) = (home.layout.features / "1h_enhanced").iterdir()
    arrays = load_arrays(path)
    account = np.array([1.0] + [0.0] * len(arrays.symbols))
    trade = ensemble.act(arrays, arrays.n_bars - 1, account, cycle_left=0.5)
    assert trade.shape == (7,)
    assert np.isfinite(trade).all()
    assert (np.abs(trade) <= 1).all()


def test_the_run_is_in_dagsters_history_with_its_progress(instance):
    *_, run = instance.get_runs()
    assert run.job_name == "two_phase_training"
    assert run.status is dg.DagsterRunStatus.SUCCESS
    seen = instance.fetch_observations(dg.AssetKey("phase2_trials"), limit=100).records
    done = {each.asset_observation.metadata["n_done"].value for each in seen}
    assert done == {0, 1, 2, 3, 4, 5}


def test_the_grid_of_phase_1_shows_the_finished_combinations(instance):
    finished = instance.get_materialized_partitions(dg.AssetKey("phase1_combinations"))
    assert finished == {combination_key("5d", "1h"), combination_key("7d", "1h")}


def test_every_check_passed(instance):
    *_, run = instance.get_runs()
    records = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    checks = [r.event_log_entry.dagster_event.asset_check_evaluation_data for r in records]
    assert len(checks) == 13
    assert all(check.passed for check in checks)


def test_running_again_repeats_nothing(home, answer):
    before = home.scores()
    again = home.cappuccino(*RUN, "--workers", "2")
    assert home.scores() == before
    assert again["ensemble"]["generation"] == answer["ensemble"]["generation"] == 1
    assert again["archive"] == answer["archive"]


def test_a_sync_of_the_same_trials_publishes_no_new_generation(home, answer):
    job = ("job", "execute", "-m", "cappuccino_assets.definitions", "-j", "sync_ensemble")
    command = [COMMAND.with_name("dagster"), *job]
    subprocess.run(command, cwd=home.folder, env=home.environment, check=True, capture_output=True)
    assert read_manifest(home.layout.manifest).generation == 1


def test_the_status_shows_a_finished_campaign(home, answer):
    status = home.cappuccino("status")
    assert status["campaign"]["name"] == "winter"
    assert status["campaign"]["completed_at"] is not None
    assert status["verdict"] == answer["verdict"]


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", ["1", "2"])
def test_the_same_seed_and_name_give_the_same_scores(home, answer, tmp_path, n_workers):
    other = Home(tmp_path)
    other.cappuccino(*RUN, "--workers", n_workers)
    assert other.scores() == home.scores()


@pytest.mark.slow
def test_the_other_door_gives_the_same_scores(home, answer, tmp_path):
    other = Home(tmp_path)
    select = ("asset", "materialize", "--select", "*", "-m", "cappuccino_assets.definitions")
    settings = {"CAPPUCCINO_STUDY": "winter", "CAPPUCCINO_SEED": "3", "CAPPUCCINO_WORKERS": "2"}
    done = subprocess.run(
        [COMMAND.with_name("dagster"), *select],
        cwd=tmp_path,
        env=other.environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert other.scores() == home.scores()


@pytest.mark.slow
def test_a_killed_run_is_continued_to_its_manifest_with_the_same_scores(home, answer, tmp_path):
    killed = Home(tmp_path)
    first = killed.layout.trial("winter/phase1_5d_1h", 0)
    with subprocess.Popen(
        [COMMAND, *RUN], cwd=tmp_path, env=killed.environment, stdout=subprocess.DEVNULL
    ) as run:
        while not first.exists():
            assert run.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
        run.kill()
    continued = killed.cappuccino(*RUN)
    assert {each["n_complete"] for each in continued["studies"]} == {5}
    assert {each["n_running"] for each in continued["studies"]} == {0}
    assert {each["n_failed"] for each in continued["studies"]} == {0}
    assert read_manifest(killed.layout.manifest).generation == 1
    assert killed.scores() == home.scores()
