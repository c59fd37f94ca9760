"""The batched environment against an account kept by hand, to the cent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cappuccino_assets.execution.fees import ALPACA, COINBASE, FeeMode, flat_fee
from cappuccino_assets.features.arrays import build_feature_arrays
from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.files import FileSource
from tests.envs.environments import costly_rules, environment_of, measured_step
from tests.envs.markets import random_arrays
from tests.envs.plain_ledger import PlainAccount

CENT = 0.01
REAL_BARS = (
    Path(__file__).parents[3] / "shared" / "data" / "binance_spot_1h_2020-10_2024-04.parquet"
)


def populations(arrays):
    base = costly_rules(arrays, fees=COINBASE, cycle_bars=18)
    rich = 3_000_000.0
    return [
        base,
        replace(base, fees=flat_fee(0.006), trade_fraction=1.0, trailing_stop_pct=0.05),
        replace(base, initial_cash_usd=rich, trade_fraction=0.7, min_cash_reserve=0.3),
        replace(base, initial_cash_usd=rich, fees=ALPACA, trailing_stop_pct=0.1, cycle_bars=42),
        replace(
            base,
            initial_cash_usd=rich,
            fees=replace(COINBASE, name="coinbase_tiered", mode=FeeMode.TIERED),
            cycle_bars=7,
        ),
        replace(base, initial_cash_usd=70.0, trade_fraction=0.6, half_spread_bps=0.0),
    ]


def actions_of(random, shape):
    """Bursts of trading with long holds between, so that volumes expire."""
    action = random.uniform(-1, 1, shape)
    quiet = random.random(shape[:-1]) < 0.5
    action[quiet] *= 0.05
    return action


def trade_both(arrays, rules, start, stop):
    """Trade the same actions in tensors and by hand, and compare after every bar."""
    environment = environment_of(arrays, *rules, n_envs=start.shape[1])
    environment.reset(torch.tensor(start), torch.tensor(stop))
    plain = [
        [PlainAccount(each, int(row)) for row in rows]
        for each, rows in zip(rules, start, strict=True)
    ]
    random, traded = np.random.default_rng(11), 0.0
    while not environment.finished.all():
        action = actions_of(random, (*start.shape, len(arrays.symbols)))
        rows, active = environment.bar.numpy(), ~environment.finished.numpy()
        step = measured_step(environment, torch.tensor(action))
        for m, e in zip(*np.nonzero(active), strict=True):
            account, row = plain[m][e], int(rows[m, e])
            before = account.fees
            account.trade(action[m, e], row, arrays)
            assert abs(step.fee_usd[m, e].item() - (account.fees - before)) < CENT / 100
            traded += step.traded_usd[m, e].item()
        compare(environment, plain, arrays)
    fills = [usd for row in plain for account in row for _, usd in account.fills]
    assert traded == pytest.approx(sum(fills), rel=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("has_deadline", [True, False])
def test_batched_accounts_agree_with_plain_ones_to_the_cent(missing, has_deadline):
    arrays = random_arrays(500, 5, seed=3, missing=missing)
    rules = populations(arrays)
    if not has_deadline:
        rules = [replace(each, cycle_bars=None) for each in rules]
    random = np.random.default_rng(5)
    start = random.choice(np.flatnonzero(arrays.tradable[:100]), (len(rules), 2))
    trade_both(arrays, rules, start, stop=random.integers(400, 500, start.shape))


@pytest.mark.slow
@pytest.mark.skipif(not REAL_BARS.exists(), reason=f"needs the real bars of {REAL_BARS}")
def test_accounts_agree_on_real_bars_and_their_gaps():
    bars = FileSource(path=REAL_BARS).fetch_bars()
    arrays = build_feature_arrays(grid_from_bars(bars))
    block = max(segment_blocks(arrays.segment), key=lambda each: each.n_bars)
    around_gaps = np.flatnonzero(~arrays.observed[block.rows].all(axis=1))[:, None] + block.start
    first = around_gaps - 30
    inside = (first[:, 0] >= block.start) & arrays.tradable[first[:, 0]]
    assert inside.any()
    start = first[inside][:6]
    rules = populations(arrays)[: len(start)]
    trade_both(arrays, rules, start, stop=np.minimum(start + 400, block.stop))


def compare(environment, plain, arrays):
    ledger, prices = environment.ledger, arrays.close[environment.bar.numpy()]
    found = {
        "cash": ledger.cash,
        "fees": ledger.fees,
        "realised": ledger.realised,
        "unrealised": ledger.unrealised(torch.tensor(prices)),
        "equity": environment.equity,
        "quantity": ledger.quantity,
    }
    for name, tensor in found.items():
        expected = [
            [in_plain(account, name, at) for account, at in zip(accounts, row, strict=True)]
            for accounts, row in zip(plain, prices, strict=True)
        ]
        atol = 0 if name == "quantity" else CENT
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-9, atol=atol, err_msg=name)


def in_plain(account, name, prices):
    value = getattr(account, name)
    return value(prices) if callable(value) else value
