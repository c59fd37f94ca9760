"""Trials as a search leaves them: real files on disk and rows in the warehouse."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.execution.fees import COINBASE
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval, Timeframe
from cappuccino_assets.registry.gate import decide
from cappuccino_assets.registry.limits import DEFAULT_LIMITS
from cappuccino_assets.storage.files import sha256_of_file, write_json, write_parquet
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.storage.weights import write_weights
from cappuccino_assets.tuning.config import TrialConfig
from tests.registry.findings import SOUND

WIDTH = 16
UNPROVEN = replace(SOUND, trial=None, retrains=())
STARTED = "2026-02-14T22:59:00+00:00"
COMPLETED = "2026-02-14T23:59:00+00:00"
MARKET = market_contract(
    symbols=DEFAULT_SYMBOLS, interval=Interval.H1, layout=Layout.COMPACT, enhanced=True
)
SPLIT = {
    "test_groups": [0, 1],
    "sharpe_bot": 1.0,
    "sharpe_hodl": 0.5,
    "total_return": 0.1,
    "max_drawdown": 0.2,
    "n_bars": 100,
    "n_trades": 3,
    "fees_usd": 1.25,
    "turnover": 4.0,
    "no_trades": False,
}


def trial_config(algorithm="ppo", *, timeframe=Timeframe.D7, lookback=2, **rules):
    agents = {"ppo": PPOConfig, "ddqn": DDQNConfig}
    return TrialConfig(
        algorithm=algorithm,
        agent=agents[algorithm](
            net_dimension=WIDTH, batch_size=4096, learning_rate=2.45e-5, gamma=0.985
        ),
        rules=TradingRules(
            symbols=DEFAULT_SYMBOLS,
            fees=COINBASE,
            bars_per_day=24,
            cycle_bars=timeframe.bars(Interval.H1),
            **rules,
        ),
        reward=RewardConfig(time_decay_floor=0.2),
        break_step=8192,
        lookback=lookback,
    )


def model_contract(config):
    kind = {"ppo": "continuous", "ddqn": "discrete"}[config.algorithm]
    return MARKET.for_model(
        lookback=config.lookback,
        clock_bars=config.rules.cycle_bars,
        norm_tech_exp=config.norm_tech_exp,
        scaler=Scaler(mean=(0.0,) * MARKET.n_columns, std=(1.0,) * MARKET.n_columns),
        action_space=ActionSpace(kind=kind, n_symbols=len(DEFAULT_SYMBOLS)).to_json(),
    )


def random_weights(contract, seed):
    n_outputs = 7 if contract.action_space["kind"] == "continuous" else 80
    sizes = [contract.observation_size, WIDTH, WIDTH, n_outputs]
    random = torch.Generator().manual_seed(seed)
    tensors = {}
    for i in range(3):
        tensors[f"{i}.weight"] = torch.randn(sizes[i], sizes[i + 1], generator=random)
        tensors[f"{i}.bias"] = torch.randn(sizes[i + 1], generator=random)
    return tensors


def leave_trial(layout, number, score, *, campaign="c", config=None, seed=None, no_trades=False):
    """Write the files of one complete trial of phase 2; return its study's record of it."""
    config = config or trial_config()
    contract = model_contract(config)
    study_name = f"{campaign}/phase2_{config.algorithm}"
    folder = layout.trial(study_name, number)
    weights = random_weights(contract, seed=number if seed is None else seed)
    write_weights(folder / "actor.safetensors", weights, contract_hash=contract.hash)
    write_json(folder / "contract.json", contract.to_json())
    write_json(folder / "hyperparams.json", config.to_json())
    study = {
        "campaign": campaign,
        "phase": 2,
        "algorithm": config.algorithm,
        "timeframe": "7d",
        "interval": "1h",
        "dataset_digest": "d1",
    }
    identity = {"study_name": study_name, "number": number}
    params = {"batch_size": config.agent.batch_size, "lookback": config.lookback}
    result = {
        **identity,
        **study,
        "params": params,
        "seed": 11,
        "score": score,
        "sharpe_bot": score + 0.5,
        "sharpe_hodl": 0.5,
        "sharpe_hodl_cycled": 0.4,
        "splits": [{"split": i, **SPLIT, "no_trades": no_trades} for i in range(2)],
        "flags": ["no_trades"] if no_trades else [],
        "n_bars_evaluated": 200,
        "n_steps": 8192,
        "started_at": STARTED,
        "completed_at": COMPLETED,
        "duration_s": 3.0,
        "training_s": 2.0,
        "evaluation_s": 1.0,
        "model_sha256": sha256_of_file(folder / "actor.safetensors"),
        "contract_hash": contract.hash,
        "code_version": "0.1.0",
    }
    write_json(folder / "trial.json", result)
    write_parquet(folder / "returns.parquet", returns_of(number))
    times = {"started_at": datetime.now(UTC), "completed_at": datetime.now(UTC)}
    return {**identity, **study, **times, "state": "COMPLETE", "value": score, "params": params}


def returns_of(number):
    """Test returns of a trial: two splits of one group each, on hours from 1970 on."""
    random = np.random.default_rng(number)
    hours = np.arange(200)
    return pl.DataFrame(
        {
            "split": (hours // 100).astype(np.int32),
            "group": (hours // 100).astype(np.int32),
            "open_time": pl.Series(hours * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
            "bot_return": random.normal(0.0, 0.01, 200),
            "hodl_return": random.normal(0.0, 0.01, 200),
        }
    )


def refuse(finalists):
    """A judge whom nobody convinces, for tests of what is written down."""
    decision = decide(UNPROVEN, DEFAULT_LIMITS)
    said = {"gated": False, "gate_reason": decision.text, "gate": decision.to_json()}
    evidence = {"campaign": UNPROVEN.campaign.to_json(), "trial": None}
    beside = {"evidence": evidence, "holdout": {}, "costs": {}, "retrains": []}
    return [said | beside for _ in finalists]


def ingest(warehouse, records):
    rows = trial_rows(records, warehouse.layout)
    warehouse.ingest(rows.trials, rows.params, rows.splits)


def leave_trials(warehouse, scores, **trial):
    """Leave trials 0, 1, ... of one study with these scores, and ingest them."""
    layout = warehouse.layout
    ingest(warehouse, [leave_trial(layout, i, score, **trial) for i, score in enumerate(scores)])


def content(folder):
    """Every file below a folder, with its bytes; locks apart."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
