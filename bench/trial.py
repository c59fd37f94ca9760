"""One trial of the search, as the search runs it: six splits trained together, then tested."""

from bench.peers.task import LOOKBACK, market_arrays, market_rules
from bench.peers.work import Work
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits
from cappuccino_assets.tuning.config import TrialConfig
from cappuccino_assets.tuning.outcome import Outcome, train_and_test


def reference_trial(work: Work) -> Outcome:
    """Train and test on the six splits of four groups; says how long each part took."""
    arrays = market_arrays()
    rules = market_rules(arrays)
    config = TrialConfig(
        algorithm="ppo",
        agent=work.config(),
        rules=rules,
        reward=RewardConfig(norm_reward_exp=5),
        break_step=work.n_steps,
        lookback=LOOKBACK,
    )
    splits = CombinatorialPurgedSplits(
        n_groups=4,
        n_test_groups=2,
        purge_bars=arrays.contract.memory_bars + LOOKBACK - 1,
        embargo_bars=24,
        min_train_bars=5 * rules.cycle_bars,
    ).split(arrays.segment)
    return train_and_test(config, arrays, splits, seeds=range(len(splits)))
