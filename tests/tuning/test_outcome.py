from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.evaluation.actors import PolicyActor
from cappuccino_assets.evaluation.backtest import BlockResult, backtest
from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits, Split
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import Scaler, fit_scaler
from cappuccino_assets.training.trainer import MemberPlan, PopulationTraining
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.outcome import Outcome, train_and_test
from tests.tuning.small import DDQN_PHASE2, PPO_PHASE2, small_arrays, small_plan

LOOKBACK = 3
PARAMS = {
    "ppo": PPO_PHASE2 | {"break_step": 2048, "target_step": 512, "lookback": LOOKBACK},
    "ddqn": DDQN_PHASE2 | {"break_step": 2048, "train_frequency": 16, "lookback": LOOKBACK},
}
MIDDLE = 1  # the split that tests the second of three groups, with training on either side


def config_of(arrays: FeatureArrays, algorithm: str) -> TrialConfig:
    plan = small_plan(arrays, phase=2, algorithm=algorithm)
    config = trial_config(PARAMS[algorithm], plan)
    trading = replace(config.rules, fees=flat_fee(0.0), trade_fraction=1.0, hold_threshold=0.01)
    return replace(config, rules=trading)  # so that trained policies trade, and often


def thirds(arrays: FeatureArrays) -> list[Split]:
    # Features here are drawn row by row, so an observation reaches as far back as its lags.
    splits = CombinatorialPurgedSplits(n_groups=3, n_test_groups=1, purge_bars=LOOKBACK - 1)
    return splits.split(arrays.segment)


def perturbed(
    arrays: FeatureArrays, *blocks: Block, features: bool = True, prices: bool = True
) -> FeatureArrays:
    random = np.random.default_rng(99)
    changed = {name: getattr(arrays, name).copy() for name in ("features", "open", "close")}
    for block in blocks:
        if features:
            drawn = random.standard_normal(changed["features"][block.rows].shape, np.float32)
            changed["features"][block.rows] += 3.0 * drawn + 1.0
        if prices:
            for name in ("open", "close"):
                changed[name][block.rows] *= random.uniform(0.3, 3.0, arrays.close.shape[1])
                changed[name][block.rows] *= random.uniform(
                    0.9, 1.1, changed[name][block.rows].shape
                )
    return replace(arrays, **changed)


def train(arrays: FeatureArrays, algorithm: str) -> Outcome:
    splits = thirds(arrays)
    return train_and_test(config_of(arrays, algorithm), arrays, splits, seeds=[5, 6, 7])


def same_weights(one: Outcome, other: Outcome, member: int) -> bool:
    mine, theirs = (each.population.policy.member_tensors(member) for each in (one, other))
    assert list(mine) == list(theirs)
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.fixture(scope="module", params=["ppo", "ddqn"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def arrays() -> FeatureArrays:
    return small_arrays(120, enhanced=True)


@pytest.fixture(scope="module")
def trained(arrays: FeatureArrays, algorithm: str) -> Outcome:
    return train(arrays, algorithm)


@pytest.fixture(scope="module")
def retrained(arrays: FeatureArrays, algorithm: str) -> Outcome:
    """The same with other features and prices in the rows that the middle split tests."""
    return train(perturbed(arrays, Block(start=40, stop=80)), algorithm)


def test_the_middle_split_is_trained_on_either_side_of_its_test_rows(
    arrays: FeatureArrays,
) -> None:
    split = thirds(arrays)[MIDDLE]
    assert split.test_blocks == ((1, Block(start=40, stop=80)),)
    assert split.train_blocks == (Block(start=0, stop=40), Block(start=82, stop=120))


def test_incident_04_no_weight_depends_on_test_rows(trained: Outcome, retrained: Outcome) -> None:
    assert same_weights(retrained, trained, MIDDLE)
    for other in (0, 2):  # they are trained on these rows
        assert not same_weights(retrained, trained, other)
    was, found = (each.tests[MIDDLE][0].hodl_returns for each in (trained, retrained))
    assert not np.allclose(found, was)


def test_incident_46_no_scaler_depends_on_test_rows(
    arrays: FeatureArrays, trained: Outcome, retrained: Outcome
) -> None:
    assert retrained.scalers[MIDDLE] == trained.scalers[MIDDLE]
    for other in (0, 2):
        assert retrained.scalers[other] != trained.scalers[other]
    sample = arrays.features[[*range(40), *range(82, 120)]].astype(np.float64)
    np.testing.assert_allclose(trained.scalers[MIDDLE].mean, sample.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(trained.scalers[MIDDLE].std, sample.std(axis=0), rtol=1e-9)


# An episode from row 82 is filled at the open of row 83, and no other is.
@pytest.mark.parametrize("block", [Block(start=39, stop=40), Block(start=83, stop=84)])
def test_incident_04_training_goes_up_to_the_test_rows_and_on_after_the_purged(
    arrays: FeatureArrays, trained: Outcome, algorithm: str, block: Block
) -> None:
    prices = train(perturbed(arrays, block, features=False), algorithm)

    assert prices.scalers == trained.scalers
    assert not same_weights(prices, trained, MIDDLE)


def test_incident_04_training_rows_teach_by_features_and_by_prices(
    arrays: FeatureArrays, trained: Outcome, algorithm: str
) -> None:
    block = Block(start=82, stop=120)

    features = train(perturbed(arrays, block, prices=False), algorithm)
    prices = train(perturbed(arrays, block, features=False), algorithm)

    assert features.scalers[MIDDLE] != trained.scalers[MIDDLE]
    assert prices.scalers[MIDDLE] == trained.scalers[MIDDLE]
    assert not same_weights(features, trained, MIDDLE)
    assert not same_weights(prices, trained, MIDDLE)


# Two halves of unlike features, with a gap in the second; and a final fit behind the two splits.
SEEDS = [11, 12, 13]
BEFORE, AFTER = Block(start=80, stop=120), Block(start=123, stop=160)
FIRST = Block(start=0, stop=80)
TESTED = [[(0, FIRST)], [(1, BEFORE), (1, AFTER)]]
TRAINED = [(Block(start=82, stop=120), AFTER), (FIRST,), (Block(start=0, stop=120), AFTER)]


@pytest.fixture(scope="module")
def gapped() -> FeatureArrays:
    arrays = small_arrays(160, enhanced=True, drift=0.003)
    features, segment = arrays.features.copy(), arrays.segment.copy()
    features[80:] = 2.0 * features[80:] + 1.0
    segment[120:123], segment[123:] = -1, 1
    return replace(arrays, features=features, segment=segment)


@pytest.fixture(scope="module")
def config(gapped: FeatureArrays, algorithm: str) -> TrialConfig:
    return replace(config_of(gapped, algorithm), norm_tech_exp=1.0)


@pytest.fixture(scope="module")
def outcome(gapped: FeatureArrays, config: TrialConfig) -> Outcome:
    splits = CombinatorialPurgedSplits(n_groups=2, n_test_groups=1, purge_bars=LOOKBACK - 1)
    return train_and_test(config, gapped, splits.split(gapped.segment), seeds=SEEDS)


def scaler_of(arrays: FeatureArrays, blocks: Sequence[Block]) -> Scaler:
    rows = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    return fit_scaler(arrays.features, rows)


def backtest_of(
    config: TrialConfig,
    arrays: FeatureArrays,
    outcome: Outcome,
    *,
    member: int,
    scaler: Scaler,
    blocks: Sequence[tuple[int, Block]],
) -> list[BlockResult]:
    market = MarketTensors.from_arrays(arrays)
    observe = ObservationBuilder(
        market,
        lookback=LOOKBACK,
        scalers=[scaler],
        norm_tech_exp=config.norm_tech_exp,
        has_clock=True,
    )
    policy = outcome.population.policy
    alone = Policy.from_members([policy.member_tensors(member)], policy.action_space)
    (results,) = backtest(
        arrays,
        PolicyActor(alone, observe),
        market=market,
        rules=[config.rules],
        blocks=[blocks],
        lookback=LOOKBACK,
    )
    return results


@pytest.mark.parametrize("number", [0, 1])
def test_each_split_is_tested_by_its_own_policy_on_what_it_was_trained_to_see(
    gapped: FeatureArrays, config: TrialConfig, outcome: Outcome, number: int
) -> None:
    scaler = scaler_of(gapped, TRAINED[number])
    alone = backtest_of(
        config, gapped, outcome, member=number, scaler=scaler, blocks=TESTED[number]
    )

    assert [result.group for result in outcome.tests[number]] == [g for g, _ in TESTED[number]]
    for found, expected in zip(outcome.tests[number], alone, strict=True):
        assert found.n_trades == expected.n_trades > 0
        np.testing.assert_array_equal(found.open_time, expected.open_time)
        np.testing.assert_allclose(found.bot_returns, expected.bot_returns, atol=1e-6)
        np.testing.assert_allclose(found.hodl_returns, expected.hodl_returns, atol=1e-12)


def test_the_final_fit_is_trained_on_all_rows_and_each_split_on_its_own(
    gapped: FeatureArrays, config: TrialConfig, outcome: Outcome
) -> None:
    scalers = [scaler_of(gapped, blocks) for blocks in TRAINED]
    members = [
        MemberPlan(blocks=blocks, scaler=scaler, seed=seed)
        for blocks, scaler, seed in zip(TRAINED, scalers, SEEDS, strict=True)
    ]

    expected = PopulationTraining(
        gapped,
        members,
        agent=config.agent,
        rules=config.rules,
        reward=config.reward,
        lookback=LOOKBACK,
        norm_tech_exp=config.norm_tech_exp,
        break_step=config.break_step,
    ).complete()

    assert outcome.scalers == scalers
    assert outcome.population.policy.n_members == expected.policy.n_members == 3
    for member in range(3):
        mine = outcome.population.policy.member_tensors(member)
        theirs = expected.policy.member_tensors(member)
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_the_final_fit_is_tested_on_nothing(outcome: Outcome) -> None:
    assert outcome.population.policy.n_members == len(outcome.scalers) == 3
    assert len(outcome.tests) == 2
    assert [result.group for result in outcome.holders] == [0, 1, 1]  # every test block, once
