"""A trial is trained and tested on its device, whichever that is."""

import numpy as np
import pytest
import torch

from cappuccino_assets.evaluation.cpcv import CombinatorialPurgedSplits
from cappuccino_assets.tuning.config import trial_config
from cappuccino_assets.tuning.outcome import Outcome, Tryout
from tests.training.fake_device import FAR, FarTensor
from tests.tuning.small import DDQN_PHASE2, PPO_PHASE2, small_arrays, small_plan

ARRAYS = small_arrays(600, enhanced=True, drift=0.005)
SPLITS = CombinatorialPurgedSplits(n_groups=3, n_test_groups=1, purge_bars=1).split(ARRAYS.segment)
PARAMS = {"ppo": PPO_PHASE2 | {"break_step": 512}, "ddqn": DDQN_PHASE2 | {"break_step": 512}}


def tried(algorithm: str, device: torch.device) -> Outcome:
    plan = small_plan(ARRAYS, phase=2, algorithm=algorithm)
    config = trial_config(PARAMS[algorithm], plan)
    tryout = Tryout(config, ARRAYS, SPLITS, seeds=[5, 6, 7], device=device)
    tryout.advance(tryout.n_steps)
    FarTensor.waits.clear()
    return tryout.outcome()


@pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
def test_tests_on_another_device_give_the_same_returns_and_wait_rarely(algorithm: str) -> None:
    far = tried(algorithm, FAR)
    waits = sum(FarTensor.waits[kind] for kind in ("scalar", "nonzero", "copy to the processor"))
    near = tried(algorithm, torch.device("cpu"))

    pairs = zip([*far.tests, far.holders], [*near.tests, near.holders], strict=True)
    for results, expected in pairs:
        for result, known in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result.bot_returns, known.bot_returns)
            np.testing.assert_array_equal(result.hodl_returns, known.hodl_returns)
            assert result.fees_usd == known.fees_usd
    n_bars = max(result.n_bars for results in near.tests for result in results)
    assert waits < 40 < n_bars  # not one for each bar
