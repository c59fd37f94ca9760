"""The order in which the rules act within one bar."""

import pytest

from cappuccino_assets.execution.fees import flat_fee
from tests.execution.accounts import account_of, cash, held, per_symbol, rules_of, trade

HOLD = (0.0, 0.0, 0.0)
WHOLE = {"trade_fraction": 1.0}


def test_orders_are_filled_at_the_next_open_moved_against_the_trader():
    costly = {"half_spread_bps": 50.0, "slippage_bps": 50.0, "fees": flat_fee(0.01)}
    account = account_of(1_000.0, (5.0, 0.0, 0.0), entry_price=(100.0, 0.0, 0.0))
    after, traded = trade(
        account, (-1.0, 0.2, 0.0), rules_of(**costly), next_open=(200.0, 50.0, 1.0)
    )
    # Equity 1,500: sells 3.75 at 200 less 1 %, buys for 75 USD at 50 plus 1 %.
    assert held(after) == pytest.approx([1.25, 75 / 50.5, 0.0])
    assert traded == pytest.approx(742.5 + 75)
    assert after.ledger.fees.item() == pytest.approx(8.175)
    assert cash(after) == pytest.approx(1_000 + 742.5 - 75 - 8.175)


def test_purchases_may_use_what_the_same_bar_s_sales_bring():
    account = account_of(0.0, (5.0, 0.0, 0.0), entry_price=(100.0, 0.0, 0.0))
    after, _ = trade(account, (-1.0, 1.0, 1.0), rules_of(**WHOLE))
    assert held(after) == [0.0, 2.5, 2.5]
    assert cash(after) == 0.0


def test_the_reserve_is_not_spent():
    after, _ = trade(account_of(1_000.0), (1.0, 1.0, 1.0), rules_of(min_cash_reserve=0.4))
    assert cash(after) == pytest.approx(400.0)
    assert held(after) == pytest.approx([2.0] * 3)


def test_sales_are_free_to_happen_when_the_cash_is_below_its_reserve():
    account = account_of(10.0, (5.0, 0.0, 0.0), entry_price=(100.0, 0.0, 0.0))
    after, _ = trade(account, (-1.0, 1.0, 0.0), rules_of(min_cash_reserve=0.9))
    assert held(after) == pytest.approx([5 - 1.275, 0.0, 0.0])  # .25 x 510 USD, all kept in cash


@pytest.mark.parametrize("seen", [{"observed": False}, {"next_observed": False}])
def test_incident_49_no_order_is_filled_on_a_filled_bar(seen):
    masks = {name: (value, True, True) for name, value in seen.items()}
    rules = rules_of(trailing_stop_pct=0.1)
    account = account_of(
        1_000.0, (5.0, 0.0, 5.0), entry_price=(100.0, 0.0, 100.0), high=(900.0, 0.0, 0.0)
    )
    for action in ((-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), HOLD):  # a sale, a purchase, the stop
        after, traded = trade(account, action, rules, **masks)
        assert held(after) == [5.0, 0.0, 5.0]
        assert traded == 0.0
    assert held(trade(account, (0.0, 1.0, -1.0), rules, **masks)[0])[1:] == [5.0, 0.0]


def test_incident_14_a_deadline_really_sells_at_the_close_with_all_costs():
    costly = rules_of(half_spread_bps=30.0, slippage_bps=70.0, fees=flat_fee(0.01))
    account = account_of(100.0, (5.0, 0.0, 2.0), entry_price=(100.0, 0.0, 100.0))
    after, traded = trade(
        account, HOLD, costly, next_open=(9.0, 9.0, 9.0), next_close=(120.0, 1.0, 50.0), due=True
    )
    gross = (5 * 120 + 2 * 50) * 0.99
    assert held(after) == [0.0, 0.0, 0.0]
    assert traded == pytest.approx(gross)
    assert after.ledger.fees.item() == pytest.approx(0.01 * gross)
    assert cash(after) == pytest.approx(100 + 0.99 * gross)
    assert after.ledger.realised.item() == pytest.approx(gross - 700)


def test_what_the_last_bar_buys_is_sold_at_its_close():
    after, traded = trade(
        account_of(1_000.0), (1.0, 0.0, 0.0), rules_of(), next_close=(80.0, 1.0, 1.0), due=True
    )
    assert held(after)[0] == 0.0
    assert cash(after) == pytest.approx(950.0)
    assert traded == pytest.approx(250 + 200)


def test_a_symbol_without_a_bar_at_the_deadline_is_sold_at_its_next_open():
    gone, back = (False, True, True), (True, True, True)
    account = account_of(100.0, (5.0, 0.0, 2.0), entry_price=(100.0, 0.0, 100.0))
    due, _ = trade(account, HOLD, rules_of(), next_observed=gone, due=True)
    assert held(due) == [5.0, 0.0, 0.0]
    assert due.overdue[0, 0].tolist() == [1.0, 0.0, 0.0]

    waiting, traded = trade(due, (1.0, 0.0, 0.0), rules_of(), observed=gone, next_observed=gone)
    assert held(waiting) == [5.0, 0.0, 0.0]
    assert traded == 0.0

    sold, traded = trade(
        waiting, (1.0, 0.0, 0.0), rules_of(), observed=gone, next_open=(60.0, 100.0, 100.0)
    )
    assert held(sold) == [0.0, 0.0, 0.0]  # and the purchase is not made
    assert traded == 300.0
    assert not sold.overdue.any()

    bought, _ = trade(sold, (1.0, 0.0, 0.0), rules_of(), observed=back)
    assert held(bought)[0] > 0


def test_an_overdue_position_stays_overdue_through_the_next_deadline():
    gone = (False, True, True)
    account = account_of(0.0, (5.0, 0.0, 0.0))._replace(overdue=per_symbol(1.0, 0.0, 0.0))
    after, _ = trade(account, HOLD, rules_of(), observed=gone, next_observed=gone, due=True)
    assert after.overdue[0, 0].tolist() == [1.0, 0.0, 0.0]
    assert held(after)[0] == 5.0
