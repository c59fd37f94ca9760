import pytest

from bench.planted_learning import excess_sharpe_ratios, lower_bound
from cappuccino_assets.market.sources.simulated import Regime

# Well below what `python bench/planted_learning.py` prints in its fourth column.
MARGIN = {"ppo": 2.0, "ddqn": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
def test_agents_beat_hodl_where_a_signal_is_planted(algorithm: str) -> None:
    excess = excess_sharpe_ratios(Regime.PLANTED, algorithm)
    assert lower_bound(excess) > MARGIN[algorithm], excess


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
def test_agents_do_not_beat_hodl_where_nothing_is_predictable(algorithm: str) -> None:
    excess = excess_sharpe_ratios(Regime.NULL, algorithm)
    assert lower_bound(excess) < 0.0, excess
