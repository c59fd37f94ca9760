import pytest

from cappuccino_assets.execution.risk import high_since_entry
from tests.execution.accounts import account_of, cash, held, per_symbol, rules_of, trade

HOLD = (0.0, 0.0, 0.0)


def position(high, quantity=10.0):
    return account_of(
        0.0, (quantity, 0.0, 0.0), entry_price=(100.0, 0.0, 0.0), high=(high, 0.0, 0.0)
    )


def test_incident_29_a_stop_sells_the_whole_position_whatever_the_trade_fraction():
    rules = rules_of(trailing_stop_pct=0.1, trade_fraction=0.006)
    after, traded = trade(position(120.0), HOLD, rules, close=(107.0, 1.0, 1.0))
    assert held(after) == [0.0, 0.0, 0.0]
    assert cash(after) == traded == 1_070.0


def test_a_stop_waits_until_the_close_is_below_its_level():
    rules = rules_of(trailing_stop_pct=0.25)
    assert held(trade(position(120.0), HOLD, rules, close=(90.0, 1.0, 1.0))[0])[0] == 10.0
    assert held(trade(position(120.0), HOLD, rules, close=(89.99, 1.0, 1.0))[0])[0] == 0.0


def test_a_stop_overrides_a_purchase_of_its_symbol_only():
    account = account_of(1_000.0, (10.0, 0.0, 0.0), high=(120.0, 0.0, 0.0))
    after, _ = trade(account, (1.0, 1.0, 0.0), rules_of(trailing_stop_pct=0.1))
    assert held(after) == [0.0, 5.0, 0.0]  # 25 % of 2,000 USD, at 100


def test_without_a_stop_nothing_is_sold():
    assert held(trade(position(1e9), HOLD, rules_of())[0])[0] == 10.0


def test_a_symbol_that_is_not_held_is_not_stopped():
    empty = account_of(1_000.0, high=(500.0, 0.0, 0.0))
    after, _ = trade(empty, (1.0, 0.0, 0.0), rules_of(trailing_stop_pct=0.1))
    assert held(after)[0] == 2.5


def test_an_entry_arms_the_stop_at_the_price_of_its_fill():
    rules = rules_of(trailing_stop_pct=0.1)
    entered, _ = trade(
        account_of(1_000.0, high=(500.0, 0.0, 0.0)),
        (1.0, 0.0, 0.0),
        rules,
        next_open=(110.0, 100.0, 100.0),
        next_close=(98.0, 100.0, 100.0),
    )
    assert entered.high[0, 0, 0].item() == 110.0
    stopped, _ = trade(entered, HOLD, rules, close=(98.0, 100.0, 100.0))  # below 99
    assert held(stopped)[0] == 0.0


def test_a_stopped_symbol_is_armed_again_by_its_next_entry():
    rules = rules_of(trailing_stop_pct=0.1)
    stopped, _ = trade(position(200.0), HOLD, rules)
    entered, _ = trade(stopped, (1.0, 0.0, 0.0), rules)
    after, _ = trade(entered, HOLD, rules, close=(91.0, 100.0, 100.0))
    assert held(after)[0] == 2.5  # the old high would have sold it


def test_adding_to_a_position_keeps_its_high():
    high = high_since_entry(
        per_symbol(150.0, 150.0, 0.0),
        held=per_symbol(1.0, 0.0, 0.0),
        fill_price=per_symbol(100.0, 100.0, 100.0),
        close=per_symbol(101.0, 90.0, 99.0),
    )
    assert high[0, 0].tolist() == [150.0, 100.0, 100.0]


@pytest.mark.parametrize(("close", "expected"), [(130.0, 130.0), (119.0, 120.0)])
def test_the_high_follows_closes(close, expected):
    rules = rules_of(trailing_stop_pct=0.5)
    after, _ = trade(position(120.0), HOLD, rules, next_close=(close, 1.0, 1.0))
    assert after.high[0, 0, 0].item() == expected
