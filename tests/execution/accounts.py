"""One account with a few symbols, as the tensors of one member and one environment."""

import torch

from cappuccino_assets.execution.account import Account, open_account, trade_bar
from cappuccino_assets.execution.fees import flat_fee
from cappuccino_assets.execution.ledger import Ledger
from cappuccino_assets.execution.prices import bar_prices
from cappuccino_assets.execution.rules import RuleTensors, TradingRules

SYMBOLS = ("BTC/USD", "ETH/USD", "LINK/USD")


def rules_of(**changes) -> TradingRules:
    """Rules without any cost or smallest order, but for the changes."""
    defaults = {
        "symbols": SYMBOLS,
        "fees": flat_fee(0.0),
        "bars_per_day": 24,
        "half_spread_bps": 0.0,
        "slippage_bps": 0.0,
        "minimum_quantity": dict.fromkeys(SYMBOLS, 0.0),
        "minimum_notional_usd": 0.0,
    }
    return TradingRules(**(defaults | changes))


def tensors_of(rules: TradingRules) -> RuleTensors:
    return RuleTensors([rules], "cpu")


def per_symbol(*values, dtype=torch.float64):
    """Shape (1, 1, N)."""
    return torch.tensor(values, dtype=dtype)[None, None]


def scalar(value):
    """Shape (1, 1)."""
    return torch.tensor([[float(value)]], dtype=torch.float64)


def account_of(cash, quantity=(0.0, 0.0, 0.0), *, entry_price=(0.0, 0.0, 0.0), high=None):
    account = open_account(scalar(cash), len(SYMBOLS))
    ledger = account.ledger._replace(
        quantity=per_symbol(*quantity), entry_price=per_symbol(*entry_price)
    )
    return account._replace(ledger=ledger, high=per_symbol(*(high or entry_price)))


def trade(
    account: Account,
    action,
    rules: TradingRules,
    *,
    close=(100.0, 100.0, 100.0),
    next_open=None,
    next_close=None,
    observed=(True, True, True),
    next_observed=(True, True, True),
    due=False,
) -> tuple[Account, float]:
    """Trade one bar; prices stay where they are unless said otherwise."""
    tensors = tensors_of(rules)
    seen, seen_next = per_symbol(*observed, dtype=None), per_symbol(*next_observed, dtype=None)
    after, _, traded = trade_bar(
        account,
        per_symbol(*action),
        bar_prices(
            close=per_symbol(*close),
            next_open=per_symbol(*(next_open or close)),
            next_close=per_symbol(*(next_close or next_open or close)),
            observed=seen,
            next_observed=seen_next,
            price_cost=rules.price_cost,
        ),
        equity=account.ledger.equity(per_symbol(*close)),
        fee_rate=tensors.fee_rates(scalar(0)),
        due=scalar(due) if due else None,
        rules=tensors,
    )
    return after, traded.item()


def held(state: Account | Ledger) -> list[float]:
    ledger = state.ledger if isinstance(state, Account) else state
    return ledger.quantity[0, 0].tolist()


def cash(state: Account | Ledger) -> float:
    ledger = state.ledger if isinstance(state, Account) else state
    return ledger.cash.item()
