import pytest

from bench.planted_learning import RECIPES, SEEDS, measure, standard_error
from cappuccino_assets.market.sources.simulated import Strength

# Well below the fifth column of `python -m bench.planted_learning`; who learns nothing is below 0.
LEAST_SHARE = {"ppo": 0.6, "ddqn": 0.4}


@pytest.fixture(params=[*RECIPES])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.slow
def test_agents_reach_a_share_of_the_oracle_where_a_signal_is_planted(algorithm: str) -> None:
    outcome = measure(Strength.STRONG, RECIPES[algorithm], seeds=SEEDS[algorithm], n_trainings=1)
    assert outcome.share > LEAST_SHARE[algorithm], outcome


@pytest.mark.slow
def test_agents_find_nothing_where_nothing_is_predictable(algorithm: str) -> None:
    outcome = measure(None, RECIPES[algorithm], seeds=SEEDS[algorithm], n_trainings=1)
    free = outcome.agent_without_costs[0]
    assert free.mean() < 2 * standard_error(free), outcome
    assert outcome.by_market.mean() < free.mean(), outcome
