import math

import numpy as np
import pytest

from cappuccino_assets.evaluation.metrics import (
    annual_return,
    calmar_ratio,
    max_drawdown,
    score,
    sharpe_ratio,
    sortino_ratio,
    total_return,
)

RETURNS = np.array([0.10, -0.20, 0.05, 0.01])


def test_the_sharpe_ratio_by_hand() -> None:
    # mean 0.02, deviations -0.01 and 0.01: standard deviation sqrt(0.0002) with ddof 1
    assert sharpe_ratio(np.array([0.01, 0.03]), bars_per_year=4) == pytest.approx(
        0.02 / math.sqrt(0.0002) * 2
    )


def test_incident_05_a_history_of_twice_the_length_has_the_same_sharpe_ratio() -> None:
    returns = np.random.default_rng(0).normal(1e-4, 1e-2, 5_000)
    once = sharpe_ratio(returns, bars_per_year=8760)

    twice = sharpe_ratio(np.tile(returns, 2), bars_per_year=8760)

    assert twice == pytest.approx(once, rel=2e-4)  # ddof 1 is all that differs


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.01])
def test_incident_06_a_return_that_is_none_raises(bad: float) -> None:
    returns = np.array([0.01, bad, 0.02])

    for measure in (total_return, max_drawdown):
        with pytest.raises(ValueError, match="finite and at least -1"):
            measure(returns)
    for annualised in (sharpe_ratio, sortino_ratio, calmar_ratio):
        with pytest.raises(ValueError, match="finite and at least -1"):
            annualised(returns, bars_per_year=8760)


def test_incident_06_losing_bars_count() -> None:
    gains = np.array([0.01, 0.03, 0.01, 0.03])

    assert sharpe_ratio(gains, bars_per_year=1) > 0
    assert sharpe_ratio(np.append(gains, -1.0), bars_per_year=1) < 0


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01, 0.01]])
def test_an_undefined_sharpe_ratio_raises(returns: list[float]) -> None:
    with pytest.raises(ValueError, match=r"needed|vary"):
        sharpe_ratio(np.array(returns), bars_per_year=8760)


def test_returns_compound() -> None:
    # 1.1 x 0.8 x 1.05 x 1.01 = 0.93324
    assert total_return(RETURNS) == pytest.approx(-0.06676)
    assert annual_return(RETURNS, bars_per_year=8) == pytest.approx(0.93324**2 - 1)


def test_the_drawdown_is_a_positive_fraction_of_the_peak() -> None:
    assert max_drawdown(RETURNS) == pytest.approx(0.20)
    assert max_drawdown(np.array([-0.10, -0.10])) == pytest.approx(0.19)  # from the first equity
    assert max_drawdown(np.array([0.10, 0.10])) == 0.0


def test_downside_ratios_by_hand() -> None:
    # mean -0.01; downside sqrt(0.04 / 4) = 0.1
    assert sortino_ratio(RETURNS, bars_per_year=4) == pytest.approx(-0.01 / 0.1 * 2)
    assert calmar_ratio(RETURNS, bars_per_year=4) == pytest.approx(-0.06676 / 0.20)
    with pytest.raises(ValueError, match="negative return"):
        sortino_ratio(np.array([0.1, 0.2]), bars_per_year=4)
    with pytest.raises(ValueError, match="drawdown"):
        calmar_ratio(np.array([0.1, 0.2]), bars_per_year=4)


def test_the_score_by_hand() -> None:
    # mean 2 - mean 0.5 - 0.1 x std([1, 3], ddof 0) = 2 - 0.5 - 0.1
    assert score([1.0, 3.0], [0.0, 1.0]) == pytest.approx(1.4)


def test_incident_24_a_score_below_hodl_is_negative() -> None:
    assert score([-1.0, -1.0], [0.5, 0.5]) == pytest.approx(-1.5)


def test_incident_16_a_split_without_a_value_has_no_score() -> None:
    with pytest.raises(ValueError, match="finite"):
        score([1.0, math.nan], [0.0, 0.0])
    with pytest.raises(ValueError, match="two Sharpe ratios"):
        score([1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match="two Sharpe ratios"):
        score([], [])
