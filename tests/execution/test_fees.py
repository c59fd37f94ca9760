from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.fees import (
    ALPACA,
    COINBASE,
    FeeMode,
    FeeRates,
    FeeSide,
    FeeTier,
    fee_schedule,
    flat_fee,
)


def rate_of(schedule, volume):
    return schedule.rate(torch.tensor(volume, dtype=torch.float64)).item()


@pytest.mark.parametrize(
    ("volume", "percent"),
    [
        (0, 0.60),
        (5_000, 0.50),
        (10_000, 0.40),
        (15_000, 0.35),
        (30_000, 0.2375),
        (50_000, 0.1875),
        (75_000, 0.125),
        (5_000_000, 0.04),
        (1e9, 0.04),
    ],
)
def test_incident_17_progressive_coinbase_maker_rates_fall_linearly(volume, percent):
    assert rate_of(COINBASE, volume) == pytest.approx(percent / 100, rel=1e-12)


@pytest.mark.parametrize(
    ("volume", "percent"),
    [(0, 0.25), (99_999.99, 0.25), (100_000, 0.22), (100_000.01, 0.22), (1e8, 0.10), (1e10, 0.10)],
)
def test_alpaca_charges_takers_the_rate_of_the_tier_reached(volume, percent):
    assert rate_of(ALPACA, volume) == pytest.approx(percent / 100, rel=1e-12)


def test_coinbase_by_steps_charges_the_rate_of_the_tier_reached():
    tiered = replace(COINBASE, mode=FeeMode.TIERED)
    assert rate_of(tiered, 9_999.99) == pytest.approx(0.006)
    assert rate_of(tiered, 10_000) == pytest.approx(0.004)


def test_the_other_side_is_one_replacement_away():
    assert rate_of(replace(COINBASE, side=FeeSide.TAKER), 0) == pytest.approx(0.012)


def test_rates_keep_the_shape_of_the_volumes():
    assert COINBASE.rate(torch.zeros(2, 3, 4)).shape == (2, 3, 4)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_volume_never_costs_more(a, b):
    for schedule in (COINBASE, ALPACA):
        assert rate_of(schedule, max(a, b)) <= rate_of(schedule, min(a, b)) + 1e-15


def test_members_may_pay_different_venues():
    rates = FeeRates([flat_fee(0.006), COINBASE, ALPACA], "cpu")
    volume = torch.tensor([[0.0, 1e5], [0.0, 5_000], [0.0, 1e5]], dtype=torch.float64)
    expected = [[0.006, 0.006], [0.006, 0.005], [0.0025, 0.0022]]
    assert torch.allclose(rates(volume), torch.tensor(expected, dtype=torch.float64), rtol=1e-12)


def test_schedules_are_found_by_name():
    assert fee_schedule("coinbase_progressive") is COINBASE
    assert fee_schedule("alpaca_tiered") is ALPACA
    assert fee_schedule("flat_0.006") == flat_fee(0.006)
    assert fee_schedule(flat_fee(0.0025).name).rates == (0.0025,)


@pytest.mark.parametrize("name", ["binance", "flat_", "flat_x", "flat_2", "flat_-0.1", ""])
def test_unknown_schedules_are_refused(name):
    with pytest.raises(ConfigurationError):
        fee_schedule(name)


@pytest.mark.parametrize("volumes", [(), (5,), (0, 0), (0, 20, 10)])
def test_tiers_must_rise_from_zero(volumes):
    tiers = tuple(FeeTier(volume_usd=v, maker=0.001, taker=0.002) for v in volumes)
    with pytest.raises(ConfigurationError, match="Tiers start at volume 0"):
        replace(COINBASE, tiers=tiers)


def test_a_flat_schedule_has_one_tier():
    with pytest.raises(ConfigurationError, match="one tier"):
        replace(COINBASE, mode=FeeMode.FLAT)
