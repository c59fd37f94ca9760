from dataclasses import replace

import pytest

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.rules import RuleTensors, TradingRules
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS
from tests.execution.accounts import rules_of


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": ()},
        {"symbols": ("BTC/USD", "BTC/USD")},
        {"bars_per_day": 0},
        {"cycle_bars": 0},
        {"initial_cash_usd": 0.0},
        {"hold_threshold": 0.0},
        {"trade_fraction": 1.1},
        {"trade_fraction": float("nan")},
        {"min_cash_reserve": 1.0},
        {"trailing_stop_pct": -0.1},
        {"half_spread_bps": -1.0},
        {"slippage_bps": 10_000.0},
        {"minimum_notional_usd": float("inf")},
        {"minimum_quantity": {"BTC/USD": 1.0}},
    ],
)
def test_impossible_rules_are_refused(change):
    with pytest.raises(ConfigurationError):
        rules_of(**change)


def test_incident_02_minimum_quantities_are_keyed_by_symbol_and_not_by_place():
    rules = TradingRules(symbols=DEFAULT_SYMBOLS, fees=flat_fee(0.0), bars_per_day=24)
    turned = replace(rules, symbols=DEFAULT_SYMBOLS[::-1])
    for each in (rules, turned):
        minimum = RuleTensors([each], "cpu").minimum_quantity[0, 0].tolist()
        assert dict(zip(each.symbols, minimum, strict=True)) == {
            "AAVE/USD": 0.005,
            "AVAX/USD": 0.03,
            "BTC/USD": 0.00001,
            "ETH/USD": 0.0003,
            "LINK/USD": 0.1,
            "LTC/USD": 0.01,
            "UNI/USD": 0.15,
        }


@pytest.mark.parametrize(
    "change",
    [{"bars_per_day": 96}, {"cycle_bars": 5}, {"symbols": ("BTC/USD", "LINK/USD", "ETH/USD")}],
)
def test_members_of_one_population_share_what_shapes_it(change):
    with pytest.raises(ConfigurationError):
        RuleTensors([rules_of(), rules_of(**change)], "cpu")
