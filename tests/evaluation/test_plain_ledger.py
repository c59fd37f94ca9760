"""The hand-kept ledger on examples that were worked out on paper."""

from decimal import Decimal

import pytest

from cappuccino_assets.evaluation.plain_ledger import (
    PlainBar,
    PlainFill,
    PlainTerms,
    check_ledger,
)

DAY = 86_400
BTC = "BTC/USD"


def terms(venue="coinbase", side="maker", **changes) -> PlainTerms:
    defaults = {"half_spread_bps": 0.0, "slippage_bps": 0.0, "initial_cash_usd": 20_000.0}
    return PlainTerms(venue=venue, side=side, **(defaults | changes))


@pytest.mark.parametrize(
    ("volume", "percent"),
    [("5000", "0.50"), ("15000", "0.35"), ("30000", "0.2375"), ("50000", "0.1875")],
)
def test_progressive_maker_fees_are_the_published_check_values(volume, percent):
    rate = terms(is_progressive=True).rate(Decimal(volume))
    assert rate == Decimal(percent) / 100


@pytest.mark.parametrize(
    ("venue", "side", "volume", "percent"),
    [
        ("coinbase", "taker", "9999.99", "1.20"),
        ("coinbase", "taker", "10000", "0.80"),
        ("coinbase", "maker", "9000000", "0.04"),
        ("alpaca", "taker", "0", "0.25"),
        ("alpaca", "maker", "100000000", "0.00"),
    ],
)
def test_stepwise_fees_are_those_of_the_tier_reached(venue, side, volume, percent):
    assert terms(venue, side).rate(Decimal(volume)) == Decimal(percent) / 100


def bar(day: int, price: float, *, cash: float, fees: float, equity: float) -> PlainBar:
    prices = {BTC: price}
    return PlainBar(day * DAY, prices, prices, cash, fees, equity)


def fill(day: int, side: str, usd: float, price: float, *, fee: float, cash: float) -> PlainFill:
    return PlainFill(day * DAY, BTC, side, "open", usd / price, price, usd, fee, cash)


def story(last_fee: float, last_day: int):
    """Buys for 10,000 on day 1, 0.6 % by steps; sells it all on a later day at the same price."""
    fills = [
        fill(1, "buy", 10_000.0, 100.0, fee=60.0, cash=9_940.0),
        fill(last_day, "sell", 10_000.0, 100.0, fee=last_fee, cash=19_940.0 - last_fee),
    ]
    bars = [
        bar(1, 100.0, cash=9_940.0, fees=60.0, equity=19_940.0),
        bar(2, 150.0, cash=9_940.0, fees=60.0, equity=24_940.0),
        bar(
            last_day,
            100.0,
            cash=19_940.0 - last_fee,
            fees=60.0 + last_fee,
            equity=19_940.0 - last_fee,
        ),
    ]
    return [(fills, bars)]


def test_volume_lowers_the_rate_for_thirty_days_and_no_longer():
    assert check_ledger(story(last_fee=40.0, last_day=31), terms()).agrees  # 0.4 %
    assert check_ledger(story(last_fee=60.0, last_day=32), terms()).agrees
    assert not check_ledger(story(last_fee=60.0, last_day=31), terms()).agrees
    assert not check_ledger(story(last_fee=40.0, last_day=32), terms()).agrees


def test_what_agrees_is_told_with_its_totals():
    checked = check_ledger(story(last_fee=40.0, last_day=31), terms())
    assert (checked.n_fills, checked.n_bars) == (2, 3)
    assert checked.fees_usd == 100.0
    assert checked.final_equity_usd == 19_900.0
    assert checked.largest_difference_usd < 1e-9


def test_cash_that_is_not_there_and_coins_that_are_not_held_are_found():
    overdrawn = [fill(1, "buy", 20_000.0, 100.0, fee=120.0, cash=-120.0)]
    books = [bar(1, 100.0, cash=-120.0, fees=120.0, equity=19_880.0)]
    fault = check_ledger([(overdrawn, books)], terms()).first_fault
    assert (
        fault == "overdraft of the buy of BTC/USD at 1970-01-02T00:00:00+00:00 is 120.0000 USD off"
    )

    short = [fill(1, "sell", 100.0, 100.0, fee=0.6, cash=20_099.4)]
    books = [bar(1, 100.0, cash=20_099.4, fees=0.6, equity=19_999.4)]
    fault = check_ledger([(short, books)], terms()).first_fault
    assert (
        fault
        == "short sale of the sell of BTC/USD at 1970-01-02T00:00:00+00:00 is 100.0000 USD off"
    )


def test_terms_without_published_fees_are_refused():
    with pytest.raises(ValueError, match="No fees of 'kraken'"):
        terms("kraken")
    with pytest.raises(ValueError, match="maker's or a taker's"):
        terms(side="both")
