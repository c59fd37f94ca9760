"""How long an ensemble of ten takes to decide at the close of a bar."""

import time

import numpy as np
import torch

from bench.peers.task import market_arrays, market_rules, market_scaler
from bench.peers.work import Work
from bench.timing import timed
from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.live.ensemble import Ensemble
from cappuccino_assets.live.manifest import Manifest, Member, market_contract, member_path
from cappuccino_assets.registry.entries import vin_of
from cappuccino_assets.registry.models import Model
from cappuccino_assets.tuning.config import TrialConfig

N_MEMBERS = 10
N_WARM = 20
CREATED_AT = "2026-01-01T00:00:00+00:00"


def decision_ms(width: int, *, n_decisions: int) -> tuple[float, float, float]:
    """Median and 99th percentile of one decision by the processor's clock, and p99 by the wall's.

    In milliseconds.
    """
    arrays = market_arrays(layout=Layout.COMPACT)
    models = [untrained_model(width, seed) for seed in range(N_MEMBERS)]
    ensemble = Ensemble(_manifest(models), models)
    account = np.array([0.3, *[0.1] * 7])
    rows = iter(range(100, 100 + n_decisions + N_WARM))

    def decide() -> None:
        ensemble.act(arrays, next(rows), account, 0.5)

    wall_ms, processor_ms = [], []
    for _ in range(n_decisions + N_WARM):
        started = time.perf_counter()
        processor_ms.append(1e3 * timed(decide))
        wall_ms.append(1e3 * (time.perf_counter() - started))
    median, p99 = np.quantile(processor_ms[N_WARM:], [0.5, 0.99])
    return float(median), float(p99), float(np.quantile(wall_ms[N_WARM:], 0.99))


def untrained_model(width: int, seed: int) -> Model:
    """A model with random weights, for the market of the comparisons."""
    arrays = market_arrays(layout=Layout.COMPACT)
    space = ActionSpace(kind="continuous", n_symbols=7)
    config = TrialConfig(
        algorithm="ppo",
        agent=Work(width=width).config(),
        rules=market_rules(arrays),
        reward=RewardConfig(),
        break_step=20_480,
        lookback=5,
    )
    contract = arrays.contract.for_model(
        lookback=config.lookback,
        clock_bars=config.rules.cycle_bars,
        norm_tech_exp=0.0,
        scaler=market_scaler(arrays),
        action_space=space.to_json(),
    )
    return Model(
        tensors=_weights([contract.observation_size, width, width, 7], seed),
        contract=contract,
        scaler=market_scaler(arrays),
        action_space=space,
        config=config,
        sha256=f"{seed:064x}",
        hyperparams_sha256="0" * 64,
    )


def _weights(sizes: list[int], seed: int) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for i in range(3):
        tensors[f"{i}.weight"] = torch.randn(sizes[i], sizes[i + 1], generator=random) / 10
        tensors[f"{i}.bias"] = torch.zeros(sizes[i + 1])
    return tensors


def _manifest(models: list[Model]) -> Manifest:
    first = models[0]
    return Manifest(
        generation=1,
        study_name="bench",
        created_at=CREATED_AT,
        timeframe="7d",
        interval="1h",
        members=tuple(_member(model, number) for number, model in enumerate(models)),
        market_contract_hash=market_contract(first.contract, first.config).hash,
        previous_generation=None,
    )


def _member(model: Model, number: int) -> Member:
    return Member(
        vin=vin_of(model.config, sha256=model.sha256, grade="C", completed_at=CREATED_AT),
        study_name="bench/phase2_ppo",
        trial_number=number,
        score=0.1,
        path=member_path(model.sha256),
        sha256=model.sha256,
        contract_hash=model.contract.hash,
        hyperparams_sha256=model.hyperparams_sha256,
        trailing_stop_pct=0.0,
        gated=False,
    )
