from dataclasses import replace

import optuna
import pytest

from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.errors import ConfigurationError, UnknownParameterError
from cappuccino_assets.execution.fees import COINBASE, flat_fee
from cappuccino_assets.storage.files import canonical_json
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.distributions import Integers
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Consumer, Parameter, suggest
from tests.tuning.small import DDQN_PHASE2, PPO, PPO_PHASE2, small_arrays, small_plan


def plan_of(phase: int = 1, algorithm: str = "ppo") -> StudyPlan:
    return small_plan(small_arrays(10), phase=phase, algorithm=algorithm)


def test_every_value_reaches_its_consumer() -> None:
    config = trial_config(PPO_PHASE2, plan_of(phase=2))

    assert config.algorithm == "ppo"
    assert config.agent == PPOConfig(
        net_dimension=64,
        batch_size=128,
        learning_rate=3e-3,
        gamma=0.98,
        target_step=256,
        clip_range=0.2,
        entropy_coef=1e-3,
        value_loss_coef=0.5,
        max_grad_norm=0.5,
        gae_lambda=0.95,
        ppo_epochs=4,
        kl_target=0.03,
        adam_epsilon=1e-6,
        lr_schedule="linear",
        lr_schedule_factor=0.3,
    )
    assert (config.lookback, config.norm_tech_exp, config.break_step) == (2, 0, 1280)
    rules = config.rules
    assert (rules.trade_fraction, rules.trailing_stop_pct, rules.min_cash_reserve) == (
        0.5,
        0.05,
        0.1,
    )
    assert (rules.cycle_bars, rules.bars_per_day, rules.fees) == (18, 6, COINBASE)
    reward = config.reward
    assert (reward.norm_reward_exp, reward.time_decay_floor) == (3, 0.2)
    assert (
        reward.concentration_penalty,
        reward.max_drawdown_penalty,
        reward.volatility_penalty,
    ) == (0.05, 0.05, 0.02)


def test_phase_1_charges_a_flat_fee_and_trains_for_the_constant_of_its_space() -> None:
    config = trial_config(PPO, plan_of())

    assert config.rules.fees == flat_fee(0.006)
    assert config.break_step == 512
    assert config.agent.target_step == 256


def test_ddqn_has_its_own_configuration() -> None:
    config = trial_config(DDQN_PHASE2, plan_of(phase=2, algorithm="ddqn"))

    assert isinstance(config.agent, DDQNConfig)
    assert (config.agent.buffer_size, config.agent.n_step) == (512, 3)


def test_incident_11_a_parameter_that_is_not_searched_is_refused() -> None:
    with pytest.raises(UnknownParameterError, match="'gea_lambda'"):
        trial_config(PPO | {"gea_lambda": 0.9}, plan_of())


def test_incident_18_a_searched_parameter_that_nothing_consumes_is_refused() -> None:
    plan = plan_of()
    stray = Parameter(
        name="patience", distribution=Integers(1, 5), unit="", consumer=Consumer.AGENT
    )
    wider = replace(plan.space, parameters=(*plan.space.parameters, stray))

    with pytest.raises(UnknownParameterError, match=r"PPOConfig consumes 'patience'"):
        trial_config(PPO | {"patience": 3}, replace(plan, space=wider))


def test_a_missing_parameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'gamma' is missing"):
        trial_config({name: value for name, value in PPO.items() if name != "gamma"}, plan_of())


@pytest.mark.parametrize("profile", ["mini", "medium", "full", "placebo"])
@pytest.mark.parametrize(("phase", "algorithm"), [(1, "ppo"), (2, "ppo"), (2, "ddqn")])
def test_incident_12_a_configuration_reads_back_over_the_whole_space(
    profile: str, phase: int, algorithm: str
) -> None:
    space = search_space(phase=phase, algorithm=algorithm, ranges=profile)
    plan = replace(plan_of(phase, algorithm), space=space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))

    for _ in range(15):
        params = suggest(study.ask(), space)
        config = trial_config(params, plan)
        written = config.to_json()

        assert TrialConfig.from_json(written) == config
        assert canonical_json(TrialConfig.from_json(written).to_json()) == canonical_json(written)
        assert written["agent"]["batch_size"] == params["batch_size"]
        assert written["agent"]["net_dimension"] == params["net_dimension"]


@pytest.mark.parametrize("part", ["agent", "rules", "reward"])
def test_incident_18_what_nothing_consumes_does_not_read_back(part: str) -> None:
    written = trial_config(PPO, plan_of()).to_json()
    written[part]["leverage"] = 7

    with pytest.raises(UnknownParameterError, match="'leverage'"):
        TrialConfig.from_json(written)


@pytest.mark.parametrize("part", ["agent", "rules", "reward"])
def test_what_is_missing_is_no_default(part: str) -> None:
    written = trial_config(PPO, plan_of()).to_json()
    name = next(iter(written[part]))
    del written[part][name]

    with pytest.raises(ConfigurationError, match=f"'{name}'"):
        TrialConfig.from_json(written)


def test_an_algorithm_has_its_own_agent() -> None:
    config = trial_config(PPO, plan_of())

    with pytest.raises(ConfigurationError, match="PPOConfig"):
        replace(config, algorithm="ddqn")
    with pytest.raises(ConfigurationError, match="'sac'"):
        TrialConfig.from_json(config.to_json() | {"algorithm": "sac"})
