"""Trainings of a few members on a small market, with deadlines and fees that volume moves."""

from collections.abc import Sequence

import torch

from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.agents.propagation import MICRO_BATCH
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.execution.fees import fee_schedule
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import fit_scaler
from cappuccino_assets.training.trainer import AgentConfig, MemberPlan, PopulationTraining
from tests.envs.environments import costly_rules
from tests.envs.markets import random_arrays

ARRAYS = random_arrays(400, 2, missing=0.02)
AGENTS: dict[str, AgentConfig] = {
    "ppo": PPOConfig(
        net_dimension=32, batch_size=96, target_step=256, ppo_epochs=3, learning_rate=3e-3
    ),
    "ddqn": DDQNConfig(
        net_dimension=32,
        batch_size=48,
        buffer_size=320,
        target_update=200,
        train_frequency=8,
        learning_rate=3e-3,
    ),
}
N_STEPS = 1024


def members(*seeds: int) -> list[MemberPlan]:
    """Members that differ in their seeds and blocks."""
    return [
        MemberPlan(
            blocks=(Block(start=20, stop=150), Block(start=200 + seed, stop=390)),
            scaler=fit_scaler(ARRAYS.features, ARRAYS.tradable),
            seed=seed,
        )
        for seed in seeds
    ]


def population(
    agent: AgentConfig,
    plans: Sequence[MemberPlan],
    *,
    device: torch.device | str = "cpu",
    micro_batch: int = MICRO_BATCH,
) -> PopulationTraining:
    """Begin a training."""
    return PopulationTraining(
        ARRAYS,
        plans,
        agent=agent,
        rules=costly_rules(
            ARRAYS, fees=fee_schedule("coinbase_progressive"), cycle_bars=12, trailing_stop_pct=0.05
        ),
        reward=RewardConfig(max_drawdown_penalty=0.05, volatility_penalty=0.02),
        lookback=2,
        norm_tech_exp=0.0,
        break_step=N_STEPS,
        device=device,
        micro_batch=micro_batch,
    )


def same(one: PopulationTraining, other: PopulationTraining) -> bool:
    """Whether two trainings are in the same state, bit for bit."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(
        x.dtype == theirs[name].dtype and torch.equal(x, theirs[name]) for name, x in mine.items()
    )
