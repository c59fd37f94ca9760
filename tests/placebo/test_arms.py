import pytest

from cappuccino_assets.market.sources.simulated import Regime
from cappuccino_assets.placebo.arms import FALSE_ARMS, PLANTED_ARMS, Arm, market_of


def test_no_two_studies_share_a_market() -> None:
    seeds = [market_of(arm, number).seed for arm in Arm for number in range(300)]
    assert len(set(seeds)) == len(Arm) * 300


@pytest.mark.parametrize("arm", FALSE_ARMS)
def test_nothing_can_be_known_where_a_promotion_is_false(arm: Arm) -> None:
    source = market_of(arm, 3)
    assert source.regime is Regime.NULL
    _, expected = source.returns()
    assert not expected.any()


def test_planted_arms_are_stronger_by_their_number() -> None:
    drifts = [market_of(arm, 0).largest_drift for arm in PLANTED_ARMS]
    assert all(drifts)
    assert drifts == sorted(set(drifts))
    assert market_of(Arm.PLANTED_1, 0).regime is Regime.PLANTED


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_a_number_that_would_reach_into_the_next_arm_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="numbered from 0 to 999,999"):
        market_of(Arm.NULL, number)
