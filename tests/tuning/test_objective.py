from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.errors import ConfigurationError, TrialFailedError
from cappuccino_assets.evaluation.metrics import score, sharpe_ratio
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import FeatureContract
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial, trial_rows
from cappuccino_assets.storage.weights import read_weights
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.types import Json
from tests.tuning.small import DDQN_PHASE2, PPO, PPO_PHASE2, small_arrays, small_plan

TIMES = {"started_at", "completed_at", "duration_s", "training_s", "evaluation_s"}


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


@pytest.fixture(scope="module")
def search() -> FeatureArrays:
    return small_arrays(1300, drift=0.005)


@pytest.fixture(scope="module")
def enhanced() -> FeatureArrays:
    return small_arrays(1300, enhanced=True, drift=0.005)


def test_incident_07_a_trial_is_scored_by_the_returns_that_it_stores(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    record = run_trial(small_plan(search), PPO, 3, search, layout)

    folder = layout.trial("small/phase1_ppo", 3)
    assert read_trial(folder, study_name="small/phase1_ppo", number=3) == record
    returns = pl.read_parquet(folder / "returns.parquet")
    per_split = [frame for _, frame in returns.group_by("split", maintain_order=True)]
    bots, hodls = (
        [sharpe_ratio(frame[column].to_numpy(), bars_per_year=2190) for frame in per_split]
        for column in ("bot_return", "hodl_return")
    )
    assert record["score"] == pytest.approx(score(bots, hodls), rel=1e-12)
    assert record["sharpe_hodl"] == pytest.approx(np.mean(hodls))
    assert record["n_bars_evaluated"] == returns.height
    # Six splits of two groups of 325 rows: all but the bar of the first decision of each block.
    assert [split["n_bars"] for split in record["splits"]] == pytest.approx([648] * 6, abs=2)
    assert (record["model_sha256"], record["contract_hash"]) == (None, search.contract.hash)


def test_incident_38_a_training_is_as_long_as_its_steps_and_repeats_itself(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    elsewhere = WarehouseLayout(root=layout.root / "elsewhere")

    once = run_trial(small_plan(search), PPO, 0, search, layout)
    again = run_trial(small_plan(search), PPO, 0, search, elsewhere)
    other = run_trial(small_plan(search), PPO, 1, search, layout)

    assert once["n_steps"] == other["n_steps"] == 512
    assert {k: v for k, v in once.items() if k not in TIMES} == {
        k: v for k, v in again.items() if k not in TIMES
    }
    assert once["seed"] != other["seed"]
    assert once["score"] != other["score"]


@pytest.mark.parametrize(("algorithm", "params"), [("ppo", PPO_PHASE2), ("ddqn", DDQN_PHASE2)])
def test_phase_2_leaves_a_final_fit_that_can_act(
    enhanced: FeatureArrays, layout: WarehouseLayout, algorithm: str, params: Json
) -> None:
    plan = small_plan(enhanced, phase=2, algorithm=algorithm)

    record = run_trial(plan, params, 0, enhanced, layout)

    folder = layout.trial(plan.study_name, 0)
    contract = FeatureContract.from_json(read_json(folder / "contract.json"))
    assert contract.hash == record["contract_hash"]
    assert (contract.lookback, contract.clock_bars) == (params["lookback"], 18)
    assert contract.market_part() == enhanced.contract
    config = TrialConfig.from_json(read_json(folder / "hyperparams.json"))
    assert config == trial_config(params, plan)
    tensors = read_weights(
        folder / "actor.safetensors",
        sha256=record["model_sha256"],
        contract_hash=contract.hash,
    )
    kind = "continuous" if algorithm == "ppo" else "discrete"
    policy = Policy.from_members([tensors], ActionSpace(kind=kind, n_symbols=3))
    assert policy.observation_size == contract.observation_size
    assert policy.act_greedily(torch.zeros(1, 2, policy.observation_size)).shape == (1, 2, 3)
    assert len(record["splits"]) == 6  # the final fit is tested on nothing


def test_the_final_fit_is_fitted_on_every_row_before_the_hold_out(
    enhanced: FeatureArrays, layout: WarehouseLayout
) -> None:
    plan = small_plan(enhanced, phase=2)

    run_trial(plan, PPO_PHASE2 | {"break_step": 256}, 0, enhanced, layout)

    contract = read_json(layout.trial(plan.study_name, 0) / "contract.json")
    expected = enhanced.features.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(contract["scaler"]["mean"], expected, rtol=1e-9)


def test_incident_21_a_trial_never_replaces_another(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    plan = small_plan(search)
    other = replace(plan, study_name="later/phase1_ppo", campaign="later")
    first = run_trial(plan, PPO, 0, search, layout)

    run_trial(other, PPO, 0, search, layout)
    with pytest.raises(FileExistsError, match="written only once"):
        run_trial(plan, PPO, 0, search, layout)

    folder = layout.trial(plan.study_name, 0)
    assert read_trial(folder, study_name=plan.study_name, number=0) == first


def test_incident_13_a_trial_on_the_bars_of_another_interval_is_refused(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    plan = small_plan(search)

    with pytest.raises(ConfigurationError, match="about the dataset_digest"):
        run_trial(plan, PPO, 0, replace(search, dataset_digest="1" * 64), layout)
    assert not layout.trials.exists()


def test_incident_16_a_split_that_has_no_value_fails_the_trial_and_leaves_nothing(
    layout: WarehouseLayout,
) -> None:
    arrays = small_arrays(1300, drift=0.005)
    observed = arrays.observed.copy()
    observed[975:] = False  # no bar of the last group can be traded
    shut = replace(arrays, observed=observed)

    with pytest.raises(TrialFailedError, match="Nothing can be traded in test group 3"):
        run_trial(small_plan(shut), PPO, 0, shut, layout)
    assert not list(layout.root.rglob("trial.json"))


def test_the_record_becomes_rows_of_the_warehouse(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    result = run_trial(small_plan(search), PPO, 0, search, layout)
    record = {key: result[key] for key in result if key not in ("score", "splits")}

    rows = trial_rows([record | {"state": "COMPLETE", "value": result["score"]}], layout)

    assert rows.trials[0]["score"] == result["score"]
    assert len(rows.splits) == 6
    assert {row["parameter"] for row in rows.params} == set(PPO)
