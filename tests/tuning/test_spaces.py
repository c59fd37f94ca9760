import json

import optuna
import pytest

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.tuning.distributions import (
    Choice,
    Distribution,
    Integers,
    LogUniform,
    OneMinusLogUniform,
    Uniform,
)
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Consumer, Parameter, SearchSpace, suggest


def words(text: str) -> set[str]:
    return set(text.split())


PHASE1 = words(
    "learning_rate batch_size gamma net_dimension lookback trailing_stop_pct trade_fraction "
    "entropy_coef clip_range norm_reward_exp"
)
PPO = words(
    "learning_rate batch_size gamma net_dimension target_step break_step lookback norm_tech_exp "
    "norm_reward_exp trade_fraction time_decay_floor trailing_stop_pct min_cash_reserve "
    "concentration_penalty max_drawdown_penalty volatility_penalty clip_range entropy_coef "
    "value_loss_coef max_grad_norm gae_lambda ppo_epochs kl_target adam_epsilon lr_schedule "
    "lr_schedule_factor"
)
PPO_ONLY = words(
    "target_step clip_range entropy_coef value_loss_coef gae_lambda ppo_epochs kl_target"
)
DDQN_ONLY = words(
    "epsilon_end epsilon_decay_fraction buffer_size target_update train_frequency n_step"
)
SPACES = [(1, "ppo"), (2, "ppo"), (2, "ddqn")]
CASES = [(profile, *space) for profile in ("mini", "medium", "full", "placebo") for space in SPACES]


def space_of(profile: str, phase: int, algorithm: str) -> SearchSpace:
    return search_space(phase=phase, algorithm=algorithm, ranges=profile)


def random_values(space: SearchSpace, n: int) -> list[tuple[dict, dict]]:
    """Values suggested, and what Optuna kept of them."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = []
    for _ in range(n):
        trial = study.ask()
        drawn.append((suggest(trial, space), trial.params))
    return drawn


@pytest.mark.parametrize("profile", ["mini", "medium", "full", "placebo"])
def test_the_spaces_have_the_parameters_of_the_domain(profile: str) -> None:
    phase1, ppo, ddqn = (space_of(profile, *space).names for space in SPACES)

    assert (len(phase1), set(phase1)) == (10, PHASE1)
    assert (len(ppo), set(ppo)) == (26, PPO)
    assert (len(ddqn), set(ddqn)) == (25, PPO - PPO_ONLY | DDQN_ONLY)


@pytest.mark.parametrize("case", CASES)
def test_incident_12_values_are_values_and_optuna_keeps_them(case: tuple[str, int, str]) -> None:
    space = space_of(*case)

    for values, kept in random_values(space, 20):
        assert json.loads(json.dumps(values)) == values
        assert space.values(kept) == values
        for parameter in space.parameters:
            value, choices = values[parameter.name], parameter.distribution
            match choices:
                case Choice():
                    assert value in choices.values
                case Integers():
                    assert type(value) is int
                    assert choices.low <= value <= choices.high
                case OneMinusLogUniform():
                    assert 1 - choices.high <= value <= 1 - choices.low
                    assert round(value, 3) == value
                case Uniform() | LogUniform():
                    assert choices.low <= value <= choices.high
        assert values["batch_size"] >= 32
        assert values["net_dimension"] >= 8  # an index would be below


def test_grid_values_are_round() -> None:
    space = space_of("full", 2, "ppo")

    floors = {values["time_decay_floor"] for values, _ in random_values(space, 60)}

    assert floors <= {0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5}


def test_gamma_is_close_to_one_on_a_log_scale() -> None:
    gammas = sorted(values["gamma"] for values, _ in random_values(space_of("full", 1, "ppo"), 400))

    # Half of log-uniform draws from 0.001 to 0.1 lie below their geometric mean, 0.01.
    assert gammas[200] == pytest.approx(1 - 0.01, abs=0.0025)
    assert 0.9 <= gammas[0] < 0.91
    assert 0.998 <= gammas[-1] <= 0.999


def test_the_full_ranges() -> None:
    phase1 = {p.name: p.distribution for p in space_of("full", 1, "ppo").parameters}
    phase2 = {p.name: p.distribution for p in space_of("full", 2, "ppo").parameters}
    ddqn = {p.name: p.distribution for p in space_of("full", 2, "ddqn").parameters}

    assert phase1["learning_rate"] == LogUniform(1e-5, 1e-4)
    assert phase2["learning_rate"] == LogUniform(1e-6, 1e-3)
    assert phase1["lookback"] == Integers(3, 5)
    assert phase2["lookback"] == Integers(1, 6)
    assert phase1["trailing_stop_pct"] == Choice((0.05, 0.10, 0.15))
    assert phase2["trailing_stop_pct"] == Choice((0.0, 0.05, 0.10, 0.15))
    assert phase2["batch_size"] == Choice((1024, 2048, 3072, 4096))
    assert ddqn["batch_size"] == Choice((64, 128, 256, 512))
    assert ddqn["target_update"] == Integers(100, 5_000, log=True)


@pytest.mark.parametrize("profile", ["mini", "medium", "full", "placebo"])
def test_the_ranges_hold_what_learns_best_on_planted_markets(profile: str) -> None:
    for phase, algorithm in SPACES:
        space = {p.name: p.distribution for p in space_of(profile, phase, algorithm).parameters}
        assert space["gamma"] == OneMinusLogUniform(0.001, 0.10, decimals=3)
        assert ("gae_lambda" in space) == ((phase, algorithm) == (2, "ppo"))
        assert space.get("gae_lambda") in (None, Uniform(0.80, 0.99, step=0.01))


def test_what_mini_narrows() -> None:
    ppo = {p.name: p.distribution for p in space_of("mini", 2, "ppo").parameters}
    ddqn = {p.name: p.distribution for p in space_of("mini", 2, "ddqn").parameters}
    phase1 = space_of("mini", 1, "ppo")

    assert ppo["net_dimension"] == ddqn["net_dimension"] == Choice((64, 96, 128))
    assert ppo["batch_size"] == Choice((256, 512))
    assert ppo["target_step"] == Choice((512, 1024, 2048))
    assert ppo["ppo_epochs"] == Integers(4, 8)
    assert {constant.name: constant.value for constant in phase1.constants} == {
        "break_step": 8_192,
        "target_step": 2_048,
    }
    assert ddqn["buffer_size"] == Choice((1_000, 2_000, 4_000))


@pytest.mark.parametrize("profile", ["mini", "medium", "full", "placebo"])
def test_most_of_ddqns_trades_hold(profile: str) -> None:
    constants = {
        space: [
            (each.name, each.value, each.consumer) for each in space_of(profile, *space).constants
        ]
        for space in SPACES
    }
    assert constants[2, "ddqn"] == [("hold_threshold", 0.6, Consumer.RULES)]
    assert constants[2, "ppo"] == []
    assert "hold_threshold" not in [name for name, _, _ in constants[1, "ppo"]]


def test_a_digest_tells_two_spaces_apart() -> None:
    digests = {space_of(*case).digest for case in CASES}

    assert len(digests) == len(CASES)
    assert space_of("mini", 2, "ppo").digest == space_of("mini", 2, "ppo").digest


def test_an_interrupted_trial_has_the_values_that_it_drew() -> None:
    space = space_of("mini", 1, "ppo")

    assert space.values({"one_minus_gamma": 0.0123, "lookback": 4}) == {
        "gamma": 0.988,
        "lookback": 4,
    }


@pytest.mark.parametrize(
    ("phase", "algorithm", "profile"), [(1, "ddqn", "mini"), (3, "ppo", "mini"), (2, "ppo", "big")]
)
def test_there_are_no_other_spaces(phase: int, algorithm: str, profile: str) -> None:
    with pytest.raises(ConfigurationError, match="Nothing is searched"):
        search_space(phase=phase, algorithm=algorithm, ranges=profile)


def test_a_parameter_says_what_consumes_it() -> None:
    lookback = Parameter(
        name="lookback", distribution=Integers(1, 6), unit="bars", consumer=Consumer.TRIAL
    )

    assert lookback in space_of("full", 2, "ppo").parameters


@pytest.mark.parametrize("profile", ["mini", "medium", "full", "placebo"])
def test_no_batch_is_capped_and_no_buffer_stays_empty(profile: str) -> None:
    """What one parameter allows, another must not make ineffective."""
    ppo = {p.name: p.distribution for p in space_of(profile, 2, "ppo").parameters}
    ddqn = {p.name: p.distribution for p in space_of(profile, 2, "ddqn").parameters}

    assert max(_values(ppo["batch_size"])) <= min(_values(ppo["target_step"]))
    assert max(_values(ddqn["buffer_size"])) <= min(_values(ddqn["break_step"]))


def _values(distribution: Distribution) -> tuple[int, ...]:
    if isinstance(distribution, Choice):
        return tuple(map(int, distribution.values))
    assert isinstance(distribution, Integers)
    return (distribution.low, distribution.high)
