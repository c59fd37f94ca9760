"""The search spaces of the two phases: every range that is searched, and every constant."""

from collections import ChainMap
from typing import Final

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.tuning.distributions import (
    Choice,
    Distribution,
    Integers,
    LogUniform,
    OneMinusLogUniform,
    Uniform,
)
from cappuccino_assets.tuning.spaces import Constant, Consumer, Parameter, SearchSpace

Ranges = dict[str, Distribution]

_PHASE1_NAMES: Final = (
    "learning_rate",
    "batch_size",
    "gamma",
    "net_dimension",
    "lookback",
    "trailing_stop_pct",
    "trade_fraction",
    "entropy_coef",
    "clip_range",
    "norm_reward_exp",
)
_SHARED_NAMES: Final = (  # by both algorithms of phase 2
    "learning_rate",
    "batch_size",
    "gamma",
    "net_dimension",
    "break_step",
    "lookback",
    "norm_tech_exp",
    "norm_reward_exp",
    "trade_fraction",
    "time_decay_floor",
    "trailing_stop_pct",
    "min_cash_reserve",
    "concentration_penalty",
    "max_drawdown_penalty",
    "volatility_penalty",
    "max_grad_norm",
    "adam_epsilon",
    "lr_schedule",
    "lr_schedule_factor",
)
_PPO_NAMES: Final = (
    "target_step",
    "clip_range",
    "entropy_coef",
    "value_loss_coef",
    "gae_lambda",
    "ppo_epochs",
    "kl_target",
)
_DDQN_NAMES: Final = (
    "epsilon_end",
    "epsilon_decay_fraction",
    "buffer_size",
    "target_update",
    "train_frequency",
    "n_step",
)
_NAMES: Final = {
    (1, "ppo"): _PHASE1_NAMES,
    (2, "ppo"): _SHARED_NAMES + _PPO_NAMES,
    (2, "ddqn"): _SHARED_NAMES + _DDQN_NAMES,
}

# What learns best on planted markets lies at gamma 0.9 to 0.95 and gae_lambda 0.8
# (docs/learning.md), so both ranges reach below the usual 0.95 and 0.90.
_FULL: Final[Ranges] = {
    "learning_rate": LogUniform(1e-6, 1e-3),
    "batch_size": Choice((1024, 2048, 3072, 4096)),
    "gamma": OneMinusLogUniform(0.001, 0.10, decimals=3),
    "net_dimension": Integers(512, 2560, step=128),
    "target_step": Choice((4096, 8192)),  # a rollout shorter than the batch would cap it
    "break_step": Integers(50_000, 150_000, step=10_000),
    "lookback": Integers(1, 6),
    "norm_tech_exp": Integers(-4, 2),
    "norm_reward_exp": Integers(-3, 7),
    "trade_fraction": LogUniform(0.05, 1.0),
    "time_decay_floor": Uniform(0.0, 0.5, step=0.05),
    "trailing_stop_pct": Choice((0.0, 0.05, 0.10, 0.15)),
    "min_cash_reserve": Uniform(0.0, 0.30, step=0.05),
    "concentration_penalty": Uniform(0.0, 0.10, step=0.01),
    "max_drawdown_penalty": Uniform(0.0, 0.10, step=0.01),
    "volatility_penalty": Uniform(0.0, 0.05, step=0.005),
    "clip_range": Uniform(0.1, 0.4, step=0.05),
    "entropy_coef": LogUniform(1e-5, 1e-2),
    "value_loss_coef": Uniform(0.25, 1.0, step=0.05),
    "max_grad_norm": Uniform(0.3, 2.0, step=0.1),
    "gae_lambda": Uniform(0.80, 0.99, step=0.01),
    "ppo_epochs": Integers(4, 16),
    "kl_target": LogUniform(0.005, 0.03),
    "adam_epsilon": LogUniform(1e-9, 1e-5),
    "lr_schedule": Choice(("linear", "exponential")),
    "lr_schedule_factor": Uniform(0.1, 0.95, step=0.05),  # at 1 the schedules are one
}
_FULL_PHASE1: Final[Ranges] = {
    "learning_rate": LogUniform(1e-5, 1e-4),
    "net_dimension": Integers(512, 1536, step=128),
    "lookback": Integers(3, 5),
    "trailing_stop_pct": Choice((0.05, 0.10, 0.15)),
}
_FULL_DDQN: Final[Ranges] = {
    "batch_size": Choice((64, 128, 256, 512)),
    "epsilon_end": LogUniform(0.01, 0.1),
    "epsilon_decay_fraction": Uniform(0.1, 0.8, step=0.05),
    "buffer_size": Choice((10_000, 20_000, 40_000)),  # the shortest training fills the largest
    "target_update": Integers(100, 5_000, log=True),
    "train_frequency": Integers(1, 16),
    "n_step": Integers(1, 5),
}

# A training of 8,192 steps has a fiftieth of the full one's updates: with rates below 1e-4 the
# policy hardly leaves its beginning, and never trades.
_MINI: Final[Ranges] = {
    "learning_rate": LogUniform(1e-4, 3e-3),
    "batch_size": Choice((256, 512, 1024, 2048)),
    "net_dimension": Choice((64, 96, 128)),
    "break_step": Choice((4_096, 8_192)),
    "ppo_epochs": Integers(4, 8),
}
_MINI_PPO2: Final[Ranges] = {
    "batch_size": Choice((256, 512)),
    "target_step": Choice((512, 1024, 2048)),
}
# A buffer that is never full would not act, and neither would a target that is never updated.
_MINI_DDQN: Final[Ranges] = {
    "batch_size": Choice((64, 128, 256, 512)),
    "buffer_size": Choice((1_000, 2_000, 4_000)),
    "target_update": Integers(100, 2_000, log=True),
    "train_frequency": Integers(8, 16),
}
# Longer trainings on wider networks than mini's, where a trial still takes half a minute.
_MEDIUM: Final[Ranges] = {
    "batch_size": Choice((256, 512)),
    "net_dimension": Choice((64, 128, 256)),
    "break_step": Choice((16_384, 32_768)),
}
_MEDIUM_PPO2: Final[Ranges] = {"target_step": Choice((1024, 2048, 4096))}
_MEDIUM_DDQN: Final[Ranges] = {"buffer_size": Choice((4_000, 8_000, 16_000))}
# As little as still trades: a training ends before its policy is any good, which a placebo needs
# not be, but it must trade as often and as variously as others do.
_PLACEBO: Final[Ranges] = {
    "learning_rate": LogUniform(1e-3, 1e-2),
    "batch_size": Choice((64, 128)),
    "net_dimension": Choice((8, 16, 32)),
    "break_step": Choice((512, 1_024)),
    "ppo_epochs": Integers(2, 4),
}
_PLACEBO_PPO2: Final[Ranges] = {"target_step": Choice((256, 512))}
_PLACEBO_DDQN: Final[Ranges] = {
    "batch_size": Choice((32, 64)),
    "buffer_size": Choice((128, 256, 512)),
    "target_update": Integers(50, 250, log=True),
    "train_frequency": Integers(8, 16),
}

_LAYERS: Final = {  # the first range found counts
    ("full", 1, "ppo"): (_FULL_PHASE1, _FULL),
    ("full", 2, "ppo"): (_FULL,),
    ("full", 2, "ddqn"): (_FULL_DDQN, _FULL),
    ("medium", 1, "ppo"): (_MEDIUM, _MINI, _FULL_PHASE1, _FULL),
    ("medium", 2, "ppo"): (_MEDIUM_PPO2, _MEDIUM, _MINI, _FULL),
    ("medium", 2, "ddqn"): (_MEDIUM_DDQN, _MEDIUM, _MINI_DDQN, _MINI, _FULL_DDQN, _FULL),
    ("mini", 1, "ppo"): (_MINI, _FULL_PHASE1, _FULL),
    ("mini", 2, "ppo"): (_MINI_PPO2, _MINI, _FULL),
    ("mini", 2, "ddqn"): (_MINI_DDQN, _MINI, _FULL_DDQN, _FULL),
    ("placebo", 1, "ppo"): (_PLACEBO, _FULL_PHASE1, _FULL),
    ("placebo", 2, "ppo"): (_PLACEBO_PPO2, _PLACEBO, _FULL),
    ("placebo", 2, "ddqn"): (_PLACEBO_DDQN, _PLACEBO, _FULL_DDQN, _FULL),
}
# At 0.1 one in ten of DDQN's trades holds, and it seldom stays in what it bought; at 0.6 six do,
# and it finds more of a planted signal (docs/learning.md).
_DDQN_CONSTANTS: Final = (Constant(name="hold_threshold", value=0.6, consumer=Consumer.RULES),)
_CONSTANTS: Final = {
    # A rollout as long as the largest batch, or the larger batches would be one and the same.
    ("full", 1, "ppo"): (
        Constant(name="break_step", value=50_000, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=4_096, consumer=Consumer.AGENT),
    ),
    ("medium", 1, "ppo"): (
        Constant(name="break_step", value=16_384, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=2_048, consumer=Consumer.AGENT),
    ),
    ("mini", 1, "ppo"): (
        Constant(name="break_step", value=8_192, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=2_048, consumer=Consumer.AGENT),
    ),
    ("placebo", 1, "ppo"): (
        Constant(name="break_step", value=1_024, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=256, consumer=Consumer.AGENT),
    ),
    ("full", 2, "ddqn"): _DDQN_CONSTANTS,
    ("medium", 2, "ddqn"): _DDQN_CONSTANTS,
    ("mini", 2, "ddqn"): _DDQN_CONSTANTS,
    ("placebo", 2, "ddqn"): _DDQN_CONSTANTS,
}
_CONSUMERS: Final = {  # whatever is not named is the agent's
    "lookback": Consumer.TRIAL,
    "norm_tech_exp": Consumer.TRIAL,
    "break_step": Consumer.TRIAL,
    "trade_fraction": Consumer.RULES,
    "trailing_stop_pct": Consumer.RULES,
    "min_cash_reserve": Consumer.RULES,
    "norm_reward_exp": Consumer.REWARD,
    "time_decay_floor": Consumer.REWARD,
    "concentration_penalty": Consumer.REWARD,
    "max_drawdown_penalty": Consumer.REWARD,
    "volatility_penalty": Consumer.REWARD,
}
_UNITS: Final = {
    "lookback": "bars",
    "break_step": "environment steps",
    "target_step": "environment steps",
    "target_update": "environment steps",
    "train_frequency": "environment steps",
    "n_step": "bars",
    "gamma": "per bar",
    "buffer_size": "transitions",
    "batch_size": "samples",
    "net_dimension": "neurons",
    "ppo_epochs": "passes",
    "trade_fraction": "fraction of equity",
    "min_cash_reserve": "fraction of equity",
    "trailing_stop_pct": "fraction of the high",
    "norm_tech_exp": "power of 2",
    "norm_reward_exp": "power of 2",
}


def search_space(*, phase: int, algorithm: str, ranges: str) -> SearchSpace:
    """Look up what a phase searches for an algorithm.

    Args:
        phase: 1 or 2.
        algorithm: `ppo` or, in phase 2, `ddqn`.
        ranges: `mini`, `medium`, `full` or `placebo`.

    Raises:
        ConfigurationError: If there is no such space.
    """
    key = (ranges, phase, algorithm)
    if key not in _LAYERS:
        raise ConfigurationError(f"Nothing is searched for {ranges=}, {phase=}, {algorithm=}.")
    found = ChainMap(*_LAYERS[key])
    return SearchSpace(
        phase=phase,
        algorithm=algorithm,
        parameters=tuple(_parameter(name, found[name]) for name in _NAMES[phase, algorithm]),
        constants=_CONSTANTS.get(key, ()),
    )


def _parameter(name: str, distribution: Distribution) -> Parameter:
    return Parameter(
        name=name,
        distribution=distribution,
        unit=_UNITS.get(name, ""),
        consumer=_CONSUMERS.get(name, Consumer.AGENT),
    )
