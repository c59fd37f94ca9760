"""On the meta device tensors have no values: whatever reads one, or mixes devices, raises."""

import pytest
import torch

from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.execution.fees import COINBASE
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import Scaler
from tests.envs.environments import costly_rules
from tests.envs.markets import random_arrays


def run(arrays, device):
    """Restart, observe and step on a device; return what the last step brought."""
    market = MarketTensors.from_arrays(arrays, device)
    rules = costly_rules(arrays, fees=COINBASE, cycle_bars=18, trailing_stop_pct=0.1)
    environment = TradingEnvironment(
        market, rules=[rules] * 2, rewards=[RewardConfig()] * 2, n_envs=3, continuing=False
    )
    starts = StartTable(
        [[Block(start=0, stop=60)]] * 2,
        arrays.tradable,
        lookback=2,
        segment=arrays.segment,
        device=device,
    )
    scaler = Scaler(mean=(0.0,) * 11, std=(1.0,) * 11)
    observe = ObservationBuilder(
        market, lookback=2, scalers=[scaler] * 2, norm_tech_exp=0, has_clock=True
    )
    uniform = torch.linspace(0, 0.9, 6, dtype=torch.float64, device=device).view(2, 3)
    for t in range(20):
        environment.restart(environment.finished, *starts.draw(uniform))
        observation = observe(environment.bar, environment.account)
        step = environment.step(torch.sin(3 * observation[..., : market.n_symbols] + t))
    return [*step, observation, *environment.ledger]


def test_a_step_never_waits_for_its_device():
    assert all(x.is_meta for x in run(random_arrays(60, missing=0.1), "meta"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trades_like_a_cpu():
    arrays = random_arrays(60, missing=0.1)
    for on_cpu, on_gpu in zip(run(arrays, "cpu"), run(arrays, "cuda"), strict=True):
        assert torch.allclose(on_cpu.double(), on_gpu.double().cpu(), rtol=1e-6, atol=1e-6)
