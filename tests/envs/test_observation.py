from dataclasses import replace

import numpy as np
import pytest
import torch

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.features.scaling import Scaler, fit_scaler
from tests.envs.environments import costly_rules, environment_of, rows
from tests.envs.markets import arrays_of

UNIT = Scaler(mean=(0.0,) * 11, std=(1.0,) * 11)


def market_of(n_bars=30, **changes):
    return arrays_of(np.full((n_bars, 7), 5.0), **changes)


def builder_of(arrays, scalers, *, lookback=3, norm_tech_exp=0.0, has_clock=False):
    return ObservationBuilder(
        MarketTensors.from_arrays(arrays),
        lookback=lookback,
        scalers=scalers,
        norm_tech_exp=norm_tech_exp,
        has_clock=has_clock,
    )


@pytest.mark.parametrize(
    ("layout", "enhanced", "clock", "size"),
    [
        (Layout.COMPACT, False, None, 63),
        (Layout.COMPACT, True, None, 91),
        (Layout.COMPACT, False, 18, 64),
        (Layout.COMPACT, True, 18, 92),
        (Layout.PER_COIN, False, None, 393),
        (Layout.PER_COIN, True, None, 421),
        (Layout.PER_COIN, True, 18, 422),
    ],
)
def test_the_size_is_the_one_of_the_contract(layout, enhanced, clock, size):
    arrays = market_of(layout=layout, enhanced=enhanced)
    scaler = fit_scaler(arrays.features, np.arange(30))
    contract = arrays.contract.for_model(
        lookback=5, clock_bars=clock, norm_tech_exp=0, scaler=scaler, action_space={}
    )
    builder = builder_of(arrays, [scaler], lookback=5, has_clock=clock is not None)
    environment = environment_of(arrays, costly_rules(arrays, cycle_bars=clock))
    environment.reset(rows(6), rows(20))
    observation = builder(environment.bar, environment.account)
    assert builder.size == contract.observation_size == size
    assert observation.shape == (1, 1, size)
    assert observation.dtype == torch.float32


def test_columns_stand_in_the_order_of_the_contract():
    arrays = market_of(enhanced=True)
    names = arrays.contract.for_model(
        lookback=3, clock_bars=18, norm_tech_exp=0, scaler=_unit(39), action_space={}
    ).observation_columns
    account = torch.arange(9).float()[None, None]
    observation = builder_of(arrays, [_unit(39)], has_clock=True)(rows(10), account)[0, 0]
    seen = dict(zip(names, observation.tolist(), strict=True))
    column = {name: i for i, name in enumerate(arrays.contract.columns)}
    assert seen["cash_weight"] == 0.0
    assert [seen[f"{symbol}.weight"] for symbol in arrays.symbols] == [1, 2, 3, 4, 5, 6, 7]
    assert seen["cycle_left"] == 8.0
    for lag in range(3):
        assert seen[f"basket.rsi.lag{lag}"] == arrays.features[10 - lag, column["basket.rsi"]]
    for name in arrays.contract.unlagged_columns:
        assert seen[name] == arrays.features[10, column[name]]


def _unit(n_columns):
    return Scaler(mean=(0.0,) * n_columns, std=(1.0,) * n_columns)


def test_members_are_scaled_by_their_own_scaler_and_exponent():
    arrays = market_of()
    other = Scaler(mean=tuple(range(11)), std=(2.0,) * 11)
    builder = builder_of(arrays, [UNIT, other], norm_tech_exp=[0, 3])
    observation = builder(torch.tensor([[10, 12], [10, 12]]), torch.zeros(2, 2, 8))
    raw = torch.tensor(arrays.features[[12, 11, 10]])
    assert torch.equal(observation[0, 1, 8:].view(3, 11), raw)
    expected = 8 * (raw - torch.arange(11)) / 2
    assert torch.allclose(observation[1, 1, 8:].view(3, 11), expected, atol=1e-5)


def test_outliers_are_clipped_at_ten_deviations_before_the_exponent():
    arrays = market_of()
    features = arrays.features.copy()
    features[10, 0], features[10, 1] = 50.0, -50.0
    builder = builder_of(replace(arrays, features=features), [UNIT], norm_tech_exp=-1, lookback=1)
    observation = builder(rows(10), torch.zeros(1, 1, 8))[0, 0, 8:]
    assert observation[:2].tolist() == [5.0, -5.0]


def test_weights_and_clock_are_neither_scaled_nor_clipped():
    account = torch.linspace(-20, 20, 9)[None, None]
    builder = builder_of(market_of(), [UNIT], norm_tech_exp=5, has_clock=True)
    observation = builder(rows(10), account)[0, 0]
    assert torch.equal(torch.cat([observation[:8], observation[-1:]]), account[0, 0])


def test_observations_depend_on_the_lookback_and_on_nothing_later():
    arrays = market_of()
    features = arrays.features.copy()
    features[11:] = 0.0
    features[:8] = 0.0
    changed = replace(arrays, features=features)
    some, other = (
        builder_of(each, [UNIT])(rows(10), torch.zeros(1, 1, 8)) for each in (arrays, changed)
    )
    assert torch.equal(some, other)


def test_what_does_not_fit_is_refused():
    arrays = market_of()
    with pytest.raises(ConfigurationError, match="lookback=0"):
        builder_of(arrays, [UNIT], lookback=0)
    with pytest.raises(ConfigurationError, match="12 columns, but the market 11"):
        builder_of(arrays, [UNIT, _unit(12)])
    with pytest.raises(ConfigurationError, match="expected 2, but got 3"):
        builder_of(arrays, [UNIT, UNIT], norm_tech_exp=[0, 1, 2])
