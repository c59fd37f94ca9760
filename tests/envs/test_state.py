"""An environment goes on from a copied state as if it had not been halted."""

import pytest
import torch

from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.execution.fees import FEE_WINDOW_DAYS, fee_schedule
from tests.envs.environments import costly_rules, environment_of, random_actions
from tests.envs.markets import random_arrays

ARRAYS = random_arrays(400, 3, missing=0.05)
WINDOW_BARS = FEE_WINDOW_DAYS * ARRAYS.interval.bars_per_day
N_ENVS = 4


def begun(cycle_bars: int | None, *, continuing: bool) -> TradingEnvironment:
    rules = [
        costly_rules(ARRAYS, fees=fee_schedule("coinbase_progressive"), cycle_bars=cycle)
        for cycle in (cycle_bars, cycle_bars)
    ]
    environment = environment_of(ARRAYS, *rules, n_envs=N_ENVS, continuing=continuing)
    start = torch.tensor([[3, 3, 3, 3], [3, 3, 3, 3]])
    environment.reset(start, start + 300)
    return environment


@pytest.mark.parametrize("continuing", [True, False])
@pytest.mark.parametrize("cycle_bars", [7, WINDOW_BARS + 9, None])
def test_a_halt_changes_no_bit(cycle_bars: int | None, continuing: bool) -> None:
    actions = random_actions(WINDOW_BARS + 40, 2, N_ENVS, 3)
    halt = WINDOW_BARS + 5  # the window of the fees has come round
    through, other = (begun(cycle_bars, continuing=continuing) for _ in range(2))
    for action in actions[:halt]:
        through.step(action)
    other.step(actions[0])  # a state of its own, which is replaced
    copied = through.state_dict()
    for action in actions[halt:]:
        through.step(action)
    other.load_state_dict(copied)
    for action in actions[halt:]:
        other.step(action)

    mine, theirs = through.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
        assert name == "n_bars_together" or tensor is not copied[name]
