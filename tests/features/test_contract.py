import json
from dataclasses import replace

import pytest

from cappuccino_assets.errors import ContractMismatchError
from cappuccino_assets.features.contract import FeatureContract, Layout, market_contract
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval


def contract(
    *, layout=Layout.COMPACT, enhanced=False, interval=Interval.H1, symbols=DEFAULT_SYMBOLS
):
    return market_contract(symbols=symbols, interval=interval, layout=layout, enhanced=enhanced)


def for_model(market, *, lookback=5, clock_bars=None):
    return market.for_model(
        lookback=lookback,
        clock_bars=clock_bars,
        norm_tech_exp=-2,
        scaler=Scaler(mean=(0.0,) * market.n_columns, std=(1.0,) * market.n_columns),
        action_space={"kind": "continuous", "symbols": list(market.symbols)},
    )


@pytest.mark.parametrize(
    ("layout", "enhanced", "clock_bars", "size"),
    [
        (Layout.COMPACT, False, None, 63),
        (Layout.COMPACT, True, None, 91),
        (Layout.COMPACT, False, 168, 64),
        (Layout.COMPACT, True, 168, 92),
        (Layout.PER_COIN, False, None, 393),
        (Layout.PER_COIN, True, None, 421),
        (Layout.PER_COIN, False, 168, 394),
        (Layout.PER_COIN, True, 168, 422),
    ],
)
def test_observations_have_the_sizes_of_the_domain(layout, enhanced, clock_bars, size):
    market = contract(layout=layout, enhanced=enhanced)
    assert for_model(market, clock_bars=clock_bars).observation_size == size


def test_an_observation_is_account_then_lags_newest_first_then_rolling_then_clock():
    market = contract(symbols=("BTC/USD", "ETH/USD"), enhanced=True)
    columns = for_model(market, lookback=2, clock_bars=72).observation_columns
    assert columns[:4] == ("cash_weight", "BTC/USD.weight", "ETH/USD.weight", "basket.open.lag0")
    assert columns[13:15] == ("basket.dx.lag0", "basket.open.lag1")
    assert columns[24:29] == (
        "basket.dx.lag1",
        "BTC/USD.close_7d",
        "BTC/USD.close_30d",
        "BTC/USD.volume_7d",
        "BTC/USD.volume_30d",
    )
    assert columns[-2:] == ("ETH/USD.volume_30d", "cycle_left")


def test_memory_is_250_bars_or_the_longest_window():
    assert contract().memory_bars == 250
    assert contract(enhanced=True).memory_bars == 720
    assert contract(enhanced=True, interval=Interval.M5).memory_bars == 8640
    assert contract(enhanced=True, interval=Interval.H4).memory_bars == 250  # 30 days are 180


def test_a_contract_survives_json_exactly():
    for market in (contract(enhanced=True), contract(layout=Layout.PER_COIN)):
        for whole in (market, for_model(market, clock_bars=168)):
            read = FeatureContract.from_json(json.loads(json.dumps(whole.to_json())))
            assert read == whole
            assert read.hash == whole.hash


def test_the_model_part_comes_off_again():
    assert for_model(contract()).market_part() == contract()


def test_the_hash_is_that_of_the_canonical_json():
    assert len(contract().hash) == 64
    assert contract().hash == contract().hash
    assert contract().hash != contract(enhanced=True).hash
    assert for_model(contract()).hash != for_model(contract(), lookback=4).hash


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (contract(layout=Layout.PER_COIN), "layout"),
        (contract(enhanced=True), "enhanced"),
        (contract(interval=Interval.M5), "interval"),
        (contract(symbols=DEFAULT_SYMBOLS[:2]), "symbols"),
        (replace(contract(), columns=contract().columns[::-1]), "columns"),
        (replace(contract(), indicator_versions=("rsi_14/2",)), "indicator_versions"),
        (for_model(contract()), "lookback"),
    ],
)
def test_incident_01_the_first_field_that_differs_is_named(other, field):
    with pytest.raises(ContractMismatchError, match=repr(field)) as caught:
        contract().require_equal(other)
    assert caught.value.field == field


def test_incident_01_models_of_other_lookback_or_scaler_differ():
    model = for_model(contract())
    model.require_equal(for_model(contract()))
    with pytest.raises(ContractMismatchError, match="'lookback': expected 5, found 4"):
        model.require_equal(for_model(contract(), lookback=4))
    other = replace(model, scaler=Scaler(mean=(0.5,) * 11, std=(1.0,) * 11))
    with pytest.raises(ContractMismatchError, match="'scaler'"):
        model.require_equal(other)


def test_incident_01_doubled_columns_are_refused():
    columns = contract().columns
    with pytest.raises(ValueError, match="distinct columns"):
        replace(contract(), columns=columns + columns)


def test_incident_02_another_order_of_the_symbols_is_another_contract():
    with pytest.raises(ContractMismatchError, match="'symbols'"):
        contract().require_equal(contract(symbols=DEFAULT_SYMBOLS[::-1]))


def test_a_missing_or_unknown_field_is_named():
    value = contract().to_json()
    with pytest.raises(ContractMismatchError, match="'lookback'"):
        FeatureContract.from_json({k: v for k, v in value.items() if k != "lookback"})
    with pytest.raises(ContractMismatchError, match="'width'"):
        FeatureContract.from_json(value | {"width": 77})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"symbols": ()}, "distinct symbols"),
        ({"n_lagged_columns": 12}, "columns are lagged"),
        ({"memory_bars": 0}, "at least one bar"),
        ({"lookback": 5}, "whole or absent"),
        ({"clock_bars": 168}, "Only a model has a clock"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        replace(contract(), **changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"lookback": 0}, "lookback is at least 1"),
        ({"clock_bars": 0}, "cycle is at least 1"),
        ({"scaler": Scaler(mean=(0.0,), std=(1.0,))}, "scaler has 1 columns"),
    ],
)
def test_a_model_part_that_does_not_fit_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        replace(for_model(contract()), **changes)


def test_without_a_model_part_there_is_no_observation():
    with pytest.raises(ValueError, match="describes no observation"):
        contract().observation_columns  # noqa: B018
