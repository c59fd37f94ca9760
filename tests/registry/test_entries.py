from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest

from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval, Timeframe
from cappuccino_assets.registry.entries import vin_of
from cappuccino_assets.registry.vin import parse, render
from cappuccino_assets.tuning.config import trial_config
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import profile_named
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import suggest

SHA256 = "3f9a1c" + "0" * 58


def drawn_configs(profile, phase, algorithm, n):
    space = search_space(phase=phase, algorithm=algorithm, ranges=profile)
    plan = StudyPlan(
        study_name="c/study",
        campaign="c",
        profile=profile_named(profile),
        space=space,
        symbols=DEFAULT_SYMBOLS,
        timeframe=Timeframe.D7,
        interval=Interval.H1,
        n_trials=n,
        seed=0,
        fees="coinbase_progressive",
        dataset_digest="d1",
        history_from=datetime(2023, 1, 1, tzinfo=UTC),
        holdout_from=datetime(2023, 11, 7, tzinfo=UTC),
        arrays=Path("nowhere"),
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [trial_config(suggest(study.ask(), space), plan) for _ in range(n)]


@pytest.mark.parametrize("profile", ["mini", "medium", "full"])
@pytest.mark.parametrize(("phase", "algorithm"), [(1, "ppo"), (2, "ppo"), (2, "ddqn")])
def test_incident_12_every_configuration_of_the_search_has_a_code_that_reads_back(
    profile, phase, algorithm
):
    for config in drawn_configs(profile, phase, algorithm, n=60):
        code = vin_of(config, sha256=SHA256, grade="A", completed_at="2026-02-14T23:59:00+00:00")
        vin = parse(code)
        assert render(vin) == code
        assert (vin.model.lower(), vin.lookback) == (algorithm, config.lookback)
        assert (vin.net_dimension, vin.batch_size, vin.gamma) == (
            config.agent.net_dimension,
            config.agent.batch_size,
            config.agent.gamma,
        )
        assert vin.time_decay == config.reward.time_decay_floor
        assert vin.learning_rate == pytest.approx(config.agent.learning_rate, rel=0.051)
        assert vin.serial == "3f9a1c"


def test_the_date_of_a_code_is_that_of_completion_in_utc():
    (config,) = drawn_configs("mini", 2, "ppo", n=1)
    late = {"sha256": SHA256, "grade": "A", "completed_at": "2026-02-15T00:30:00+01:00"}
    assert parse(vin_of(config, **late)).date.isoformat() == "2026-02-14"
