from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.errors import ConfigurationError, TrialFailedError
from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits, Split
from cappuccino_assets.evaluation.metrics import score, sharpe_ratio
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import FeatureContract, Layout, market_contract
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial, trial_rows
from cappuccino_assets.storage.weights import read_weights
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.holdout import EPOCH
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import IntArray, Json
from tests.tuning.small import DDQN_PHASE2, PPO, PPO_PHASE2, small_arrays, small_plan

TIMES = {"started_at", "completed_at", "duration_s", "training_s", "evaluation_s"}


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


def plan_of(search: FeatureArrays, **changes: object) -> StudyPlan:
    """A study whose hold-out begins where these arrays end."""
    n_bars = search.n_bars
    end = EPOCH + timedelta(seconds=int(search.open_time[0]) + n_bars * search.interval.seconds)
    return small_plan(search, **{"holdout_from": end} | changes)


def split_by(splitter: type[CombinatorialPurgedSplits], plan: StudyPlan) -> StudyPlan:
    """The same study with other splits."""

    class Study(StudyPlan):
        def splits(self, *, memory_bars: int, lookback: int) -> CombinatorialPurgedSplits:
            usual = plan.splits(memory_bars=memory_bars, lookback=lookback)
            return splitter(**{each.name: getattr(usual, each.name) for each in fields(usual)})

    return Study(**{each.name: getattr(plan, each.name) for each in fields(plan)})


class SameTwice(CombinatorialPurgedSplits):
    """The first split, as two."""

    def split(self, segment: IntArray, *, start: int = 0, stop: int | None = None) -> list[Split]:
        first, *_ = super().split(segment, start=start, stop=stop)
        return [first, replace(first, number=1)]


class OneRowTooFar(CombinatorialPurgedSplits):
    """Splits with a mistake: the last test block ends after the last row."""

    def split(self, segment: IntArray, *, start: int = 0, stop: int | None = None) -> list[Split]:
        *others, last = super().split(segment, start=start, stop=stop)
        *blocks, (group, block) = last.test_blocks
        longer = (*blocks, (group, replace(block, stop=block.stop + 1)))
        return [*others, replace(last, test_blocks=longer)]


@pytest.fixture(scope="module")
def search() -> FeatureArrays:
    return small_arrays(1300, drift=0.005)


@pytest.fixture(scope="module")
def enhanced() -> FeatureArrays:
    return small_arrays(1300, enhanced=True, drift=0.005)


def test_incident_48_the_metrics_of_a_trial_come_from_the_returns_that_it_stores(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    def sharpe(returns: pl.Series) -> float:
        untraded = (returns == 0).all()  # without a trade the ratio is 0
        return 0.0 if untraded else sharpe_ratio(returns.to_numpy(), bars_per_year=2190)

    record = run_trial(plan_of(search), PPO, 3, search, layout)

    folder = layout.trial("small/phase1_ppo", 3)
    assert read_trial(folder, study_name="small/phase1_ppo", number=3) == record
    returns = pl.read_parquet(folder / "returns.parquet")
    per_split = [frame for _, frame in returns.group_by("split", maintain_order=True)]
    bots, hodls = (
        [sharpe(frame[column]) for frame in per_split] for column in ("bot_return", "hodl_return")
    )
    for split, bot, hodl in zip(record["splits"], bots, hodls, strict=True):
        assert (split["sharpe_bot"], split["sharpe_hodl"]) == pytest.approx((bot, hodl))
        assert split["no_trades"] == (bot == 0)
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

    once = run_trial(plan_of(search), PPO, 0, search, layout)
    again = run_trial(plan_of(search), PPO, 0, search, elsewhere)
    other = run_trial(plan_of(search), PPO, 1, search, layout)

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
    plan = plan_of(enhanced, phase=2, algorithm=algorithm)

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
    plan = plan_of(enhanced, phase=2)

    run_trial(plan, PPO_PHASE2 | {"break_step": 256}, 0, enhanced, layout)

    contract = read_json(layout.trial(plan.study_name, 0) / "contract.json")
    expected = enhanced.features.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(contract["scaler"]["mean"], expected, rtol=1e-9)


def test_incident_21_a_trial_never_replaces_another(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    plan = plan_of(search)
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
    plan = plan_of(search)

    with pytest.raises(ConfigurationError, match="about the dataset_digest"):
        run_trial(plan, PPO, 0, replace(search, dataset_digest="1" * 64), layout)
    assert not layout.trials.exists()


@pytest.mark.parametrize(
    ("field", "changes"),
    [("enhanced", {"enhanced": False}), ("layout", {"layout": Layout.PER_COIN})],
)
def test_phase_2_on_other_features_than_its_own_is_refused(
    enhanced: FeatureArrays, layout: WarehouseLayout, field: str, changes: dict[str, object]
) -> None:
    market = {"symbols": enhanced.symbols, "interval": enhanced.interval}
    contract = market_contract(**market | {"layout": Layout.COMPACT, "enhanced": True} | changes)
    features = np.zeros((enhanced.n_bars, contract.n_columns), dtype=np.float32)
    others = replace(enhanced, contract=contract, features=features)

    with pytest.raises(ConfigurationError, match=f"is about the {field} .*but its arrays have"):
        run_trial(plan_of(enhanced, phase=2), PPO_PHASE2, 0, others, layout)
    assert not layout.trials.exists()


def test_a_trial_whose_arrays_reach_into_the_hold_out_is_refused(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    one_bar_earlier = plan_of(search).holdout_from - timedelta(hours=4)

    with pytest.raises(ConfigurationError, match="may see nothing from"):
        run_trial(plan_of(search, holdout_from=one_bar_earlier), PPO, 0, search, layout)
    assert not layout.trials.exists()


def test_two_members_that_learn_and_are_tested_alike_differ_by_their_seeds(
    enhanced: FeatureArrays, layout: WarehouseLayout
) -> None:
    plan = split_by(SameTwice, plan_of(enhanced, phase=2, algorithm="ddqn"))

    record = run_trial(plan, DDQN_PHASE2, 0, enhanced, layout)

    one, other = record["splits"]
    assert (one["test_groups"], one["sharpe_hodl"]) == (other["test_groups"], other["sharpe_hodl"])
    assert [one["no_trades"], other["no_trades"]] == [False] * 2  # else nothing tells them apart
    assert one["sharpe_bot"] != other["sharpe_bot"]


def test_incident_16_a_split_that_has_no_value_fails_the_trial_and_leaves_nothing(
    layout: WarehouseLayout,
) -> None:
    arrays = small_arrays(1300, drift=0.005)
    observed = arrays.observed.copy()
    observed[975:] = False  # no bar of the last group can be traded
    shut = replace(arrays, observed=observed)

    with pytest.raises(TrialFailedError, match="Nothing can be traded in test group 3"):
        run_trial(plan_of(shut), PPO, 0, shut, layout)
    assert not list(layout.root.rglob("trial.json"))


def test_a_feature_that_is_constant_where_a_split_learns_fails_the_trial(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    features = search.features.copy()
    features[:975, 3] = 1.0  # the training rows of the split that tests the last two groups
    flat = replace(search, features=features)

    with pytest.raises(TrialFailedError, match=r"ConstantColumnError: .*basket\.close"):
        run_trial(plan_of(flat), PPO, 0, flat, layout)


def test_incident_48_a_mistake_of_the_program_is_no_failed_trial(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    with pytest.raises(ValueError, match=r"two rows or more in \[0, 1300\)"):
        run_trial(split_by(OneRowTooFar, plan_of(search)), PPO, 0, search, layout)
    assert not layout.trials.exists()


def test_the_record_becomes_rows_of_the_warehouse(
    search: FeatureArrays, layout: WarehouseLayout
) -> None:
    result = run_trial(plan_of(search), PPO, 0, search, layout)
    record = {key: result[key] for key in result if key not in ("score", "splits")}

    rows = trial_rows([record | {"state": "COMPLETE", "value": result["score"]}], layout)

    assert rows.trials[0]["score"] == result["score"]
    assert len(rows.splits) == 6
    assert {row["parameter"] for row in rows.params} == set(PPO)
